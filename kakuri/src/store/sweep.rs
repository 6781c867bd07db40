//! Clearing what a crash has left. Only where nobody holds the lock, and cheap where there is nothing: a look at each
//! name.

use std::os::fd::{AsFd, OwnedFd};

use super::create::NEW;
use super::live::sweep_runtime;
use super::remove::OLD;
use super::{Store, erase, folder, lock, name};

impl Store {
    /// Clears what a crash has left: folders half made or half removed, live folders of the dead. What cannot be
    /// cleared is no reason to fail.
    pub fn sweep(&self) {
        sweep_runtime();
        let Ok(Some(dir)) = self.open() else { return };
        let half = |name: &str| name.starts_with(NEW) || name.starts_with(OLD);
        let Ok(names) = self.names(&dir, |name| half(name) || name::is_valid(name)) else { return };
        for name in names {
            match half(&name) {
                true => self.erase_half(&dir, &name),
                false => self.clear_dead(&dir, &name),
            }
        }
    }

    fn erase_half(&self, dir: &OwnedFd, name: &str) {
        let Ok(found) = folder::open_own_at(dir, name) else { return };
        if lock::is_held(found.as_fd()) {
            return;
        }
        if let Ok(Some(lock)) = lock::try_take(found.as_fd()) {
            if let Err(fail) = erase::folder(dir, name, &self.dir) {
                log::info!("{fail}");
            }
            drop(lock);
        }
    }

    fn clear_dead(&self, dir: &OwnedFd, name: &str) {
        // One look at the link, and no record read, for all that left nothing.
        if !folder::exists(dir, &format!("{name}/run")) {
            return;
        }
        let Ok(entry) = self.read(dir, name) else { return };
        if entry.run_link().is_none() || entry.open().is_ok_and(|f| lock::is_held(f.as_fd())) {
            return;
        }
        if let Ok(Some(_held)) = entry.try_lock() {
            entry.clear_dead();
        }
    }
}
