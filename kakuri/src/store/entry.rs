//! One container: its lock, whether it runs, how its last run ended.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::folder::{self, Unfit};
use super::form;
use super::lock::{self, Lock};
use super::{Entry, Kind, Last, State};
use crate::base::kept::Kept;

const LAST: &str = "last.json";

/// Who creates, renames, removes or sweeps holds a lock for a moment: nobody else shall take that for a running
/// container.
const MOMENT: Duration = Duration::from_millis(100);
/// Between two tries for a lock.
const PAUSE: Duration = Duration::from_millis(5);

impl Entry {
    /// Takes the lock, or says that the container runs. Waits for a holder that is ending no longer than `patience`.
    pub fn lock(&self, patience: Duration) -> Result<Lock> {
        let end = Instant::now() + patience.max(MOMENT);
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if Instant::now() >= end {
                return Err(self.running());
            }
            // Asking again is the only wait with an end: F_OFD_SETLKW ends early only by a signal, and a signal's
            // handler belongs to the whole process.
            std::thread::sleep(PAUSE);
        }
    }

    /// The same without waiting; None while somebody holds it.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        let folder = self.open()?;
        let lock = lock::try_take(folder.as_fd()).map_err(|unfit| {
            let fail = unfit.fail(format!("cannot lock the container '{}'", self.name), self.hint());
            match unfit {
                Unfit::Errno(e @ Errno::NOLCK) => full(fail, e),
                Unfit::Errno(Errno::NOENT) => self.gone(),
                _ => fail,
            }
        })?;
        // By its name, now that nobody else may rename or remove it: the lock of a folder on its way out is no use.
        if lock.is_some() {
            self.open()?;
        }
        Ok(lock)
    }

    /// The same container with its record as it is now. Nobody changes it while the lock is held.
    pub fn reread(&self) -> Result<Entry> {
        let record = form::read(&self.open()?, &self.name, &self.folder)?;
        Ok(Entry { record, ..self.clone() })
    }

    /// The same without an open descriptor, for who closes all of them, or has many entries. That it is no other
    /// container then needs its lock.
    pub fn unpinned(&self) -> Entry {
        Entry { _pin: None, ..self.clone() }
    }

    /// The error of what wants it stopped.
    pub fn running(&self) -> Fail {
        Fail::new(Stage::Front, format!("the container '{}' is running", self.name))
            .hint(format!("kakuri stop {} ends it", self.name))
    }

    /// Where its kept folders lie, for its plan; None where its files go at each end.
    pub fn kept(&self) -> Option<Kept> {
        (self.record.kind == Kind::Persistent).then(|| Kept::of(&self.folder))
    }

    pub fn state(&self) -> State {
        let Ok(folder) = self.open() else { return State::Stopped };
        if lock::is_held(folder.as_fd()) {
            return State::Running;
        }
        match self.last() {
            Some(Last { ended: None, .. }) => State::Died,
            _ => State::Stopped,
        }
    }

    pub fn last(&self) -> Option<Last> {
        let bytes = folder::read(self.open().ok()?, LAST).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Best effort and atomic: a full disk must not keep a container from running. For who holds the lock.
    pub fn record_last(&self, last: &Last) -> Result<()> {
        let what = || format!("cannot record how '{}' ran", self.name);
        let bytes = serde_json::to_vec(last).map_err(|e| Fail::new(Stage::Front, what()).why(e.to_string()))?;
        let folder = self.open()?;
        let written = match folder::write(&folder, LAST, &bytes) {
            // What it said is not so any more: that it goes is better than that it stays, and makes room.
            Err(Errno::NOSPC | Errno::DQUOT) => {
                let _ = unlinkat(&folder, LAST, AtFlags::empty());
                folder::write(&folder, LAST, &bytes)
            }
            written => written,
        };
        written.map_err(|e| full(Fail::new(Stage::Front, what()).errno(e), e))
    }

    /// The container's folder, if it still is the one whose record was read.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        let what = || format!("cannot use the container '{}'", self.name);
        let folder = match folder::open_own(&self.folder) {
            Ok(folder) => folder,
            Err(Unfit::Errno(Errno::NOENT)) => return Err(self.gone()),
            Err(unfit) => return Err(unfit.fail(what(), self.hint())),
        };
        match folder::id(&folder) {
            Ok(id) if id == self.id => Ok(folder),
            _ => Err(self.gone()),
        }
    }

    fn gone(&self) -> Fail {
        Fail::new(Stage::Front, format!("cannot use the container '{}'", self.name))
            .why("it was removed or renamed meanwhile")
            .hint("kakuri list shows what there is")
    }

    fn hint(&self) -> String {
        format!("ls -la {} shows what is there", Bytes::from(&self.folder))
    }
}

/// The hint for what failed because nothing can be written.
pub fn full(fail: Fail, e: Errno) -> Fail {
    match e {
        Errno::NOSPC | Errno::DQUOT => fail.hint("make room on its disk, or name another: kakuri config path"),
        Errno::ROFS | Errno::ACCESS | Errno::PERM => {
            fail.hint("set containers_dir to a folder you may write to: kakuri config path says where")
        }
        Errno::NOLCK => fail
            .why("its file system has no locks")
            .hint("set containers_dir to a folder on a local disk: kakuri config path says where"),
        _ => fail,
    }
}
