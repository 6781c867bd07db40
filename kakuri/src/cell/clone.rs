//! PID 1 in namespaces of its own: cloned, mapped by itself or by the two tools, and then kakuri-init.

use std::os::fd::OwnedFd;

use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use nix::sched::{CloneFlags, unshare};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::cgroup::Group;
use crate::helper::Birth;
use crate::idmap::tools::{Mapping, OF_INIT};
use crate::idmap::{self, Range};
use crate::network::join::Joined;
use crate::plan::{Namespaces, Outline};
use crate::process::Owned;

/// The namespaces PID 1 is cloned into.
fn clone_flags(namespaces: Namespaces) -> i32 {
    let mut flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    for (wanted, flag) in [
        (namespaces.ipc, libc::CLONE_NEWIPC),
        (namespaces.uts, libc::CLONE_NEWUTS),
        (namespaces.cgroup, libc::CLONE_NEWCGROUP),
    ] {
        if wanted {
            flags |= flag;
        }
    }
    flags
}

/// The same where PID 1 is born into a control group: the root of a cgroup namespace made by the clone itself would be
/// where its parent is, so the child makes it, which is then the second value.
fn split_view(namespaces: Namespaces, group: Option<&Group>) -> (i32, bool) {
    match group {
        None => (clone_flags(namespaces), false),
        Some(_) => (clone_flags(Namespaces { cgroup: false, ..namespaces }), namespaces.cgroup),
    }
}

/// Who writes PID 1's maps, and where it is told that they are written. None: it did that itself.
pub(super) type Mapped = Option<(Mapping, OwnedFd)>;

/// PID 1 with a range of ids: it waits in its namespaces until the two tools have written its maps, and is kakuri-init
/// only then. Returns at once, with both at work.
///
/// Only root's is ever made elsewhere, and he needs to be in no user namespace for that.
pub(super) fn clone_mapped(
    birth: Birth,
    outline: &Outline,
    range: &Range,
    joined: Option<&Joined>,
    group: Option<&Group>,
) -> Result<(i32, Owned, Mapped)> {
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, || "cannot start kakuri-init".into())?;
    let lent = sys::lend(&gate);
    let network = outline.setup.outer_network.is_some();
    let (flags, view) = split_view(outline.namespaces, group);
    let child = move || {
        let _ = birth.become_helper_mapped(lent, || {
            if view {
                unshare(CloneFlags::CLONE_NEWCGROUP)?;
            }
            if network {
                // The slowest of all namespaces, beside the tools; kakuri-init finds out whether it was made.
                let _ = unshare(CloneFlags::CLONE_NEWNET);
            }
            Ok(())
        });
        i32::from(CODE_FAILED)
    };
    let own = joined.map(Joined::visit).transpose()?;
    let cloned = sys::clone_beside_into(group.map(Group::inside), 3, flags, child);
    own.map(Joined::leave).transpose()?;
    let (pid, pidfd) = cloned.map_err(no_namespace)?;
    let init = Owned::new(pidfd, Stage::Init);
    let mapping = Mapping::begin(pid, range, OF_INIT)?;
    Ok((pid, init, Some((mapping, opener))))
}

/// PID 1 in namespaces of its own: maps itself, then becomes kakuri-init. Returns once it has.
pub(super) fn clone_init(
    birth: &Birth,
    namespaces: Namespaces,
    joined: Option<&Joined>,
    group: Option<&Group>,
) -> Result<(i32, Owned)> {
    let (flags, view) = split_view(namespaces, group);
    let map = match joined {
        // Where it is made then, the caller is root already.
        Some(Joined { owner: Some(_), .. }) => idmap::Single::of_root(),
        _ => idmap::Single::of_caller(),
    };
    let mut failure: Option<Fail> = None;
    let mut child = || {
        let made: Result<()> = map.write_own().and_then(|()| {
            if view {
                unshare(CloneFlags::CLONE_NEWCGROUP).fail(Stage::Front, || "cannot make a cgroup namespace".into())?;
            }
            rustix::process::chdir("/").fail(Stage::Front, || "cannot enter /".into())?;
            Err(Fail::new(Stage::Front, "cannot start kakuri-init").errno(birth.become_helper()))
        });
        failure = made.err();
        i32::from(CODE_FAILED)
    };
    let into = group.map(Group::inside);
    let cloned = match joined {
        None => sys::clone_vfork_into(into, flags, &mut child),
        Some(joined) => sys::clone_elsewhere(&mut || joined.enter(), into, flags, &mut child),
    };
    let (pid, pidfd) = cloned.map_err(no_namespace)?;
    let mut init = Owned::new(pidfd, Stage::Init);
    match failure {
        None => Ok((pid, init)),
        Some(fail) => {
            init.end();
            Err(fail)
        }
    }
}

fn no_namespace(e: std::io::Error) -> Fail {
    let errno = e.raw_os_error().unwrap_or(0);
    if matches!(errno, libc::EMFILE | libc::ENFILE) {
        return Fail::new(Stage::Front, "cannot start kakuri-init").errno(e);
    }
    let (why, hint) = crate::userns::explain_failure(errno);
    Fail::new(Stage::Front, "cannot make a user namespace").errno(e).why(why).hint(hint)
}
