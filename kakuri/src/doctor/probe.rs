//! Trying something in a child, so that nothing of it stays. The child holds every capability over the
//! namespaces it makes for itself, and none over anything else.

use std::time::Duration;

use kakuri_wire::{Channel, Message, sys};
use nix::sched::CloneFlags;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;

use crate::idmap;

/// Longer than any probe takes, so that only a stuck one is met.
const LIMIT: Duration = Duration::from_secs(5);

/// What the child met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Found {
    Works,
    /// The step that was refused, and the errno.
    Refused(Step, i32),
    /// The child was killed or stuck: what a filter of system calls does that kills.
    Died,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    Fork,
    UserNamespace,
    Map,
    /// A user namespace in the first.
    Second,
    Namespace,
    Action,
}

impl Message for Found {
    fn descriptors(&self) -> usize {
        0
    }
}

pub(super) type Tried<T = ()> = Result<T, rustix::io::Errno>;

/// Runs `action` in a child that is root in a user namespace of its own and in new ones of `kinds`.
pub(super) fn inside(kinds: CloneFlags, action: impl FnOnce() -> Tried) -> Found {
    in_child(|| match enter(kinds) {
        Err(found) => found,
        Ok(()) if kinds.contains(CloneFlags::CLONE_NEWPID) => {
            // Only a child of the one who unshared is in the new pid namespace.
            in_child(|| verdict(action()))
        }
        Ok(()) => verdict(action()),
    })
}

/// A user namespace with its map, and one in it, as a container has them.
pub(super) fn user_namespaces() -> Found {
    in_child(|| match enter(CloneFlags::empty()) {
        Err(found) => found,
        Ok(()) => match unshare_user() {
            Ok(()) => Found::Works,
            Err(e) => Found::Refused(Step::Second, e as i32),
        },
    })
}

/// The kernel takes a namespace back a moment after its last process has gone: where few are allowed, the one before may
/// still be counted.
fn unshare_user() -> nix::Result<()> {
    for _ in 0..50 {
        match nix::sched::unshare(CloneFlags::CLONE_NEWUSER) {
            Err(nix::errno::Errno::ENOSPC) => std::thread::sleep(Duration::from_millis(2)),
            done => return done,
        }
    }
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER)
}

/// Moves this very process; for children only.
pub(super) fn enter(kinds: CloneFlags) -> Result<(), Found> {
    let map = idmap::Single::of_caller();
    unshare_user().map_err(|e| Found::Refused(Step::UserNamespace, e as i32))?;
    map.write_own().map_err(|fail| Found::Refused(Step::Map, fail.errno.unwrap_or(0)))?;
    nix::sched::unshare(kinds).map_err(|e| Found::Refused(Step::Namespace, e as i32))
}

fn verdict(tried: Tried) -> Found {
    match tried {
        Ok(()) => Found::Works,
        Err(e) => Found::Refused(Step::Action, e.raw_os_error()),
    }
}

/// What `action` finds in a child of its own, which is gone when this returns.
pub(super) fn in_child(action: impl FnOnce() -> Found) -> Found {
    let refused = |e: std::io::Error| Found::Refused(Step::Fork, e.raw_os_error().unwrap_or(0));
    let (ours, theirs) = match Channel::pair() {
        Ok(pair) => pair,
        Err(e) => return refused(e),
    };
    let pidfd = match sys::fork() {
        Err(e) => return refused(e),
        Ok(Some((_, pidfd))) => pidfd,
        Ok(None) => {
            // Closed, so that a parent that dies is seen; and the child never returns into the caller's code.
            drop(ours);
            let found = action();
            let _ = theirs.send(&found, &[]);
            std::process::exit(0)
        }
    };
    drop(theirs);
    let found = ours.recv_within::<Found>(LIMIT).map_or(Found::Died, |(found, _)| found);
    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
    found
}
