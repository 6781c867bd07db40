//! Removing and renaming: by one rename under the lock, so that a name is there wholly or not at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{fsync, renameat};
use rustix::io::Errno;

use super::create::{put, taken};
use super::entry::full;
use super::folder::{self, Unfit};
use super::lock::{self, Lock};
use super::{Entry, Store, erase, name};

/// How the folder of a container that is being removed begins.
pub const OLD: &str = ".old-";

/// How long a moment's holder of a lock (create, rename, sweep) is waited for.
const MOMENT: Duration = Duration::from_millis(100);

impl Store {
    pub fn rename(&self, entry: &Entry, to: &str) -> Result<()> {
        name::check(to)?;
        let dir = self.there(&entry.name)?;
        let lock = entry.lock(Duration::ZERO)?;
        // What a killed run has left is found by the name that goes now.
        entry.settle();
        entry.clear_dead();
        put(&dir, &entry.name, to).map_err(|e| match e {
            Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => taken(to).hint("choose another name"),
            e => {
                let what = format!("cannot rename the container '{}' to '{to}'", entry.name);
                full(Fail::new(Stage::Front, what).errno(e), e)
            }
        })?;
        let _ = fsync(&dir);
        drop(lock);
        Ok(())
    }

    /// Removes what lies in the folder; needs the lock, which proves that nothing runs in it.
    pub fn remove(&self, entry: &Entry, lock: Lock) -> Result<()> {
        let dir = self.there(&entry.name)?;
        // Of a supervisor that was killed the container may still be ending, and write to what is removed.
        entry.settle();
        entry.clear_dead();
        self.take_away(&dir, &entry.name, lock)
    }

    /// The same for a container whose record cannot be read: by its name alone.
    pub fn remove_broken(&self, name: &str) -> Result<()> {
        let dir = self.there(name)?;
        let folder = match folder::open_own_at(&dir, name) {
            Ok(folder) => folder,
            Err(unfit) => {
                return Err(unfit.fail(
                    format!("cannot remove the container '{name}'"),
                    format!("remove it by hand: rm -r '{}'", Bytes::from(&self.dir.join(name))),
                ));
            }
        };
        match lock_patiently(folder.as_fd(), name)? {
            Some(lock) => self.take_away(&dir, name, lock),
            // Somebody else has removed it.
            None => Ok(()),
        }
    }

    fn take_away(&self, dir: &OwnedFd, name: &str, lock: Lock) -> Result<()> {
        let aside = format!("{OLD}{name}-{}", name::random(6)?);
        renameat(dir, name, dir, &aside)
            .map_err(|e| full(Fail::new(Stage::Front, format!("cannot remove the container '{name}'")).errno(e), e))?;
        // From here on it is gone, and what a crash leaves of it is swept.
        let _ = fsync(dir);
        let erased = erase::folder(dir, &aside, &self.dir);
        drop(lock);
        erased
    }

    fn there(&self, name: &str) -> Result<OwnedFd> {
        self.open()?.ok_or_else(|| name::unknown(name, &[]))
    }
}

/// The lock of a folder, unless who holds it does so for longer than a moment; None where the folder is removed.
pub fn lock_patiently(folder: BorrowedFd, name: &str) -> Result<Option<Lock>> {
    let end = Instant::now() + MOMENT;
    loop {
        let what = || format!("cannot lock the container '{name}'");
        match lock::try_take(folder) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Err(Unfit::Errno(Errno::NOENT)) => return Ok(None),
            Err(unfit) => {
                return Err(unfit.fail(
                    what(),
                    format!("kakuri remove -f {name}, or look into its folder: kakuri config path tells where"),
                ));
            }
            Ok(None) if Instant::now() > end => {
                return Err(Fail::new(Stage::Front, format!("the container '{name}' is running"))
                    .hint(format!("kakuri stop {name} ends it")));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
