//! Clearing what a killed pull has left, and noting what is on disk by now.

use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, statat, syncfs};

use super::place::{OLD, READY, WORK};
use super::{Images, layer, ready, work};
use crate::store::{erase, folder, live};

/// By then most of what was written is on disk by itself, and to wait for the rest costs nothing.
const SETTLED: Duration = Duration::from_secs(60);

impl Images {
    /// Clears what a killed pull has left: what had come of blobs is kept, the rest goes. What cannot be cleared is no
    /// reason to fail.
    pub fn sweep(&self) {
        let Ok(Some(top)) = self.open() else { return };
        if self.find_dead(&top) {
            self.erase_old(&top);
        }
        sync(&top);
    }

    /// Sets the folders of dead pulls aside; whether anything is to be erased.
    fn find_dead(&self, top: &OwnedFd) -> bool {
        let names = all_in_work(top);
        let mut old = names.iter().any(|name| name.starts_with(OLD));
        let mut store = None;
        for name in names.iter().filter(|name| !name.starts_with(OLD)) {
            let Some(found) = work::open(top, name) else { continue };
            if work::is_alive(&found) {
                continue;
            }
            // One that is being made holds this lock until it has its own.
            if store.is_none() {
                let Ok(lock) = self.lock(top) else { return old };
                store = Some(lock);
            }
            let Some(_dead) = work::take(&found) else { continue };
            if let Some(pins) = work::pins(&found) {
                work::harvest(top, &found, &pins);
            }
            old |= layer::set_aside(top, &format!("{WORK}/{name}")).is_ok();
        }
        old
    }

    /// Erases what was set aside. Nobody looks for it, so that no lock is needed.
    pub(super) fn erase_old(&self, top: &OwnedFd) {
        let Ok(within) = folder::open_own_at(top, WORK) else { return };
        for name in all_in_work(top).into_iter().filter(|name| name.starts_with(OLD)) {
            if let Err(fail) = erase::folder(&within, &name, &self.dir.join(WORK)) {
                log::info!("{fail}");
            }
        }
    }
}

/// With those that are set aside.
fn all_in_work(top: &OwnedFd) -> Vec<String> {
    let Ok(within) = folder::open_own_at(top, WORK) else { return Vec::new() };
    let Ok(entries) = Dir::read_from(&within) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_string));
    names.filter(|name| name != "." && name != "..").collect()
}

/// Notes of what was unpacked some time ago that it is on disk, after making sure of it once for all.
fn sync(top: &OwnedFd) {
    let Ok(found) = ready::unsynced(top) else { return };
    let boot = live::boot();
    let settled = |(key, image, ready): &&(String, String, ready::Ready)| {
        let written = statat(top, format!("{READY}/{key}/{image}"), AtFlags::SYMLINK_NOFOLLOW).ok();
        let written = written.and_then(|stat| u64::try_from(stat.st_mtime).ok());
        let age = written
            .and_then(|s| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(s)).ok());
        ready.boot.as_ref() == Some(&boot) && age.is_some_and(|age| age > SETTLED)
    };
    let found: Vec<_> = found.iter().filter(settled).collect();
    if found.is_empty() || syncfs(top).is_err() {
        return;
    }
    for (key, _, ready) in found {
        for chain in &ready.layers {
            layer::mark_synced(top, key, chain);
        }
        ready::mark_synced(top, key, ready);
    }
}
