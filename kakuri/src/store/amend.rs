//! Changing what a container is from its next start on: its record, and a file that belongs to it.
//!
//! One that runs can be changed too: its supervisor has read all it needs. So the container's own lock, which keeps a
//! stopped one from starting meanwhile, is not what keeps two who change it apart.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::entry::full;
use super::folder::{self, Unfit};
use super::{Entry, Record, State, form, lock};

/// Held by who changes the record.
const LOCK: &str = "amend.lock";
/// Nobody holds it for longer than a few writes to a disk.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// What becomes of the file.
pub enum Beside<'a> {
    /// It stands before the record names it.
    Put(&'a str, &'a [u8]),
    /// It goes when no record names it any more.
    Remove(&'a str),
}

impl Entry {
    /// Changes the record as it is now. True where the container runs, and is what it was until it ends.
    pub fn amend(&self, beside: &Beside, change: impl FnOnce(&mut Record) -> Result<()>) -> Result<bool> {
        let what = || format!("cannot change the container '{}'", self.name);
        let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
        let folder = self.open()?;
        let end = Instant::now() + PATIENCE;
        let alone = loop {
            match lock::try_take_file(folder.as_fd(), LOCK) {
                Ok(Some(lock)) => break lock,
                Ok(None) if Instant::now() < end => std::thread::sleep(PAUSE),
                Ok(None) => {
                    return Err(Fail::new(Stage::Front, what()).why("somebody else is changing it").hint("try again"));
                }
                Err(Unfit::Errno(e)) => return Err(cannot(e)),
                Err(unfit) => return Err(unfit.fail(what(), "try again")),
            }
        };
        // Who creates or sweeps holds it for a moment, which is waited for; who runs, for long.
        let held = match self.lock(Duration::ZERO) {
            Ok(lock) => Some(lock),
            Err(_) if self.state() == State::Running => None,
            Err(fail) => return Err(fail),
        };
        let mut record = form::read(&folder, &self.name, &self.folder)?;
        change(&mut record)?;
        let bytes = form::write(&record)?;
        if let Beside::Put(name, content) = beside {
            folder::write(&folder, name, content).map_err(cannot)?;
        }
        folder::write(&folder, form::FILE, &bytes).map_err(cannot)?;
        if let Beside::Remove(name) = beside {
            match unlinkat(&folder, *name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(cannot(e)),
            }
        }
        drop(alone);
        Ok(held.is_none())
    }
}
