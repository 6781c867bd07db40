//! P, the payload's user namespace: a child of S, so that not even all capabilities in it reach the mounts,
//! the network or the host name, which S owns. Full capabilities in S.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use rustix::fs::{Mode, OFlags, openat};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::nsfs::Proc;
use crate::{Setup, ranged};

/// P being made: a throw-away child that shares our memory and descriptors maps itself (one id needs no
/// privilege for that, and our CAP_SETFCAP at its birth lets it map S's root), opens itself, and ends.
pub struct Making {
    pub(crate) child: OwnedFd,
    /// What a child of the ranged kind waits at.
    pub(crate) gate: Option<(OwnedFd, OwnedFd)>,
}

/// Begins to make P, the last thing before Ready: the child then writes its maps on a processor that has nothing
/// else to do, while kakuri-mount finishes. Begun before the network namespace it would wait behind that, where
/// the front and kakuri-mount keep the others busy.
///
/// It has to exist before kakuri-mount pivots, and does once this returns: while a pivot is under way PID 1 looks
/// chrooted, and a chrooted process may make no user namespace. Its maps may be written at any time.
pub fn begin_namespace(proc: &Proc, setup: &Setup) -> Result<Making> {
    if let Some(maps) = &setup.maps {
        return ranged::begin(proc, maps);
    }
    let proc = sys::lend(proc);
    // Its words are ready before it exists: it may not allocate.
    let (uid_map, gid_map) = (format!("{} 0 1\n", setup.uid), format!("{} 0 1\n", setup.gid));
    let (_, child) = sys::clone_beside(0, libc::CLONE_NEWUSER | libc::CLONE_FILES, move || {
        let made = write(proc, "self/uid_map", &uid_map)
            .and_then(|()| write(proc, "self/gid_map", &gid_map))
            .and_then(|()| openat(proc, "self/ns/user", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()));
        // The descriptor table is shared: as a bare number it outlives this child. Small, because this is the
        // first dozen of a new process.
        made.map_or(0, std::os::fd::IntoRawFd::into_raw_fd)
    })
    .fail(Stage::Init, || REFUSED.into())?;
    Ok(Making { child, gate: None })
}

/// The whole of the error when the kernel makes no P.
pub(crate) const REFUSED: &str = "cannot make the payload's user namespace";

/// Whether a start failed because the kernel makes no P, which it may refuse where S was allowed. Which setting
/// forbids it is seen from outside S.
pub fn namespace_refused(fail: &Fail) -> Option<i32> {
    fail.errno.filter(|_| fail.stage == Stage::Init && fail.what == REFUSED && fail.why.is_none())
}

impl Making {
    /// P's descriptor. It is never looked up again, because the payload may wander on into namespaces of its own.
    pub fn finish(self) -> Result<OwnedFd> {
        let what = || REFUSED.to_string();
        let status = loop {
            match waitid(WaitId::PidFd(self.child.as_fd()), WaitIdOptions::EXITED) {
                Err(rustix::io::Errno::INTR) => {}
                ended => break ended.fail(Stage::Init, what)?,
            }
        };
        drop(self.gate);
        let number = status.and_then(|status| status.exit_status()).filter(|&number| number > 2);
        number
            .and_then(sys::inherit)
            .ok_or_else(|| Fail::new(Stage::Init, what()).why("its id maps could not be written"))
    }
}

/// Forbids further user namespaces, unless asked for: S may hold one, and P is the one. Written in S, where the
/// payload has no say (a limit written in P could be lifted by its root). Needs CAP_SYS_RESOURCE in S.
pub fn limit_nesting(proc: &impl AsFd, setup: &Setup) -> Result<()> {
    if setup.nest {
        return Ok(());
    }
    write(proc.as_fd(), "sys/user/max_user_namespaces", "1")
        .fail(Stage::Init, || "cannot forbid nested user namespaces".into())
        .map_err(|fail| fail.hint("where /proc/sys cannot be written, --nest starts without this guard"))
}

/// Leaves the caller's session keyring, whose keys every process born with it may read and use, for one of the
/// container's own.
///
/// The kernel counts it against the caller's quota of keys (200 by default, whatever namespace they are in), and a
/// sandbox around us may forbid the call: the container starts all the same.
pub fn leave_keyring() {
    let _ = sys::new_session_keyring();
}

/// Writes a file of the proc file system in one call, as the kernel wants it.
pub(crate) fn write(proc: impl AsFd, path: &str, text: &str) -> rustix::io::Result<()> {
    let file = openat(proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    match rustix::io::write(&file, text.as_bytes())? {
        n if n == text.len() => Ok(()),
        _ => Err(rustix::io::Errno::IO),
    }
}
