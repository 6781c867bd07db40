//! Where a running container is found: its live folder and the socket in it, made anew should somebody clear them away.
//! A runtime folder is, when its user logs out (pam_systemd(8)), and what was started goes on.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::Result;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{AtFlags, statat};

use crate::control::{self, SOCKET};
use crate::store::{Entry, Live, LiveFolder, Lock};

pub struct Presence {
    live: LiveFolder,
    pub listener: OwnedFd,
    /// Wakes when something of the folder is removed; None where the user's inotify instances are used up.
    changes: Option<File>,
}

impl Presence {
    pub fn open(entry: &Entry, lock: &Lock) -> Result<Presence> {
        let live = entry.open_live(lock)?;
        match control::listen(&live.fd) {
            Ok(listener) => Ok(Presence { changes: watch(&live), live, listener }),
            Err(fail) => {
                live.remove();
                Err(fail)
            }
        }
    }

    /// Writes down what a sweep waits for, should this process be killed: without it, it does not wait.
    pub fn tell(&self, init: i32) {
        let _ = Live::of(init).and_then(|state| self.live.write_state(&state));
    }

    pub fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.changes.as_ref().map(AsFd::as_fd)
    }

    /// Something was removed. What cannot be made anew now is not tried again: nobody would tell when.
    pub fn look(&mut self, entry: &Entry, lock: &Lock, init: i32) {
        let mut events = [0; 4096];
        while let Some(Ok(1..)) = self.changes.as_mut().map(|changes| changes.read(&mut events)) {}
        let whole = entry.live().is_some() && statat(&self.live.fd, SOCKET, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if whole {
            return;
        }
        // Else its state would have PID 1 waited for, which lives.
        self.live.remove();
        match Presence::open(entry, lock) {
            Ok(anew) => {
                *self = anew;
                self.tell(init);
            }
            Err(_) => self.changes = None,
        }
    }

    pub fn end(self) {
        drop(self.listener);
        self.live.remove();
    }
}

fn watch(live: &LiveFolder) -> Option<File> {
    let changes = File::from(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?);
    let flags = WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::DONT_FOLLOW;
    inotify::add_watch(&changes, &live.path, flags).ok()?;
    Some(changes)
}
