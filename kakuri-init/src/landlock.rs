//! Landlock's rules, the same for every command of the container: made once, before anything of it runs, so that no
//! command can turn a path elsewhere that a later one is to be held to.
//!
//! PID 1 is not under them itself: each command puts itself under them before its exec, and is a domain of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys::confine::{Ruleset, allow_beneath, allow_port, create_ruleset, restrict_self};
use kakuri_wire::{Bytes, sys};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Landlock;

/// What can be done to a file that is no folder: EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE, IOCTL_DEV.
const OF_FILES: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;

/// Makes them. `user` is P: a throw-away child that shares our descriptors joins it, because folders of the container's
/// other users may be closed to the caller, and PID 1 has no power over files any more.
pub fn make(landlock: &Landlock, user: BorrowedFd) -> Result<OwnedFd> {
    let what = || "cannot make the Landlock rules".to_string();
    let mut made = None;
    let (_, child) = sys::clone_vfork(libc::CLONE_FILES, &mut || {
        let joined = move_into_link_name_space(user, Some(LinkNameSpaceType::User)).fail(Stage::Init, what);
        made = Some(joined.and_then(|()| rules(landlock)));
        0
    })
    .fail(Stage::Init, what)?;
    let _ = waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED);
    made.unwrap_or_else(|| Err(Fail::new(Stage::Init, what()).why("the process that made them was killed")))
}

fn rules(landlock: &Landlock) -> Result<OwnedFd> {
    let set = Ruleset { files: landlock.files, network: landlock.network, scoped: landlock.scoped };
    // As long as what it says, because an older kernel knows less of it.
    let size = match (set.network, set.scoped) {
        (0, 0) => 8,
        (_, 0) => 16,
        _ => 24,
    };
    let ruleset =
        create_ruleset(&set, size).fail(Stage::Init, || "cannot make the Landlock rules".into()).map_err(|fail| {
            fail.hint("a sandbox around kakuri may forbid it: leave the --landlock options out, or start it outside")
        })?;
    for rule in &landlock.beneath {
        let what = || format!("cannot put '{}' into the Landlock rules", rule.at);
        let place = open(&rule.at).map_err(|e| {
            let fail = Fail::new(Stage::Init, what()).errno(e);
            match e {
                Errno::NOENT | Errno::NOTDIR => {
                    fail.why("there is none in the container").hint("name a path that is there, or leave the rule out")
                }
                _ => fail.hint("name a path that can be reached in the container"),
            }
        })?;
        let folder = fstat(&place).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory);
        let allowed = if folder { rule.allowed } else { rule.allowed & OF_FILES };
        allow_beneath(ruleset.as_fd(), place.as_fd(), allowed).fail(Stage::Init, what).map_err(|fail| {
            match fail.errno {
                // A pipe that has no place, a socket, ...
                Some(libc::EBADFD) => {
                    fail.why("Landlock has no rules for what lies there").hint("name the folder it is in")
                }
                _ => fail,
            }
        })?;
    }
    for rule in &landlock.ports {
        for port in rule.first..=rule.last {
            allow_port(ruleset.as_fd(), port, rule.allowed)
                .fail(Stage::Init, || format!("cannot put port {port} into the Landlock rules"))?;
        }
    }
    Ok(ruleset)
}

/// Not by openat2(2), which the filter of system calls hides from this process too. It is not needed: our root is the
/// container's, where every link ends, no command has run yet that could turn one elsewhere, and a rule for something that
/// cannot be reached by path allows nothing. O_PATH opens no device and waits at no pipe.
fn open(path: &Bytes) -> rustix::io::Result<OwnedFd> {
    openat(CWD, path.as_path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Puts the calling process under them for good.
pub fn enter(ruleset: BorrowedFd) -> Result<()> {
    restrict_self(ruleset).fail(Stage::Init, || "cannot put the command under the Landlock rules".into()).map_err(
        |fail| {
            match fail.errno {
                // LANDLOCK_MAX_NUM_LAYERS
                Some(libc::E2BIG) => fail.why("as many Landlock rules as the kernel takes hold already around kakuri"),
                _ => fail,
            }
        },
    )
}
