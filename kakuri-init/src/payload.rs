//! P, the payload's user namespace: a child of S, so that not even all capabilities in it reach the mounts,
//! the network or the host name, which S owns. Full capabilities in S.

use std::os::fd::{AsFd, OwnedFd, RawFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use rustix::fs::{Mode, OFlags, openat};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::Setup;

/// Makes P in a throw-away child and keeps its descriptor; it is never looked up again, because the payload
/// may wander on into namespaces of its own.
///
/// The child shares our memory and descriptors, maps itself (one id needs no privilege for that, and our
/// CAP_SETFCAP at its birth lets it map S's root), and ends.
pub fn make_namespace(proc: &impl AsFd, setup: &Setup) -> Result<OwnedFd> {
    let proc = proc.as_fd();
    let mut outcome: Result<RawFd, (&str, rustix::io::Errno)> = Err(("start", rustix::io::Errno::IO));
    let (_, child) = sys::clone_vfork(libc::CLONE_NEWUSER | libc::CLONE_FILES, &mut || {
        let made = || {
            write(proc, "self/uid_map", &format!("{} 0 1\n", setup.uid)).map_err(|e| ("map its user id", e))?;
            write(proc, "self/gid_map", &format!("{} 0 1\n", setup.gid)).map_err(|e| ("map its group id", e))?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            openat(proc, "self/ns/user", flags, Mode::empty()).map_err(|e| ("open it", e))
        };
        // The descriptor table is shared: as a bare number it outlives this child.
        outcome = made().map(std::os::fd::IntoRawFd::into_raw_fd);
        0
    })
    .map_err(|e| {
        let fail = Fail::new(Stage::Init, "cannot make the payload's user namespace");
        let number = e.raw_os_error();
        let fail = fail.errno(e);
        match number {
            Some(libc::ENOSPC | libc::EUSERS) => fail
                .why("no user namespace may be made here any more (nesting depth or user.max_user_namespaces)")
                .hint("inside another kakuri, start that one with --nest"),
            _ => fail,
        }
    })?;
    let _ = waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED);
    let what = |step| format!("cannot make the payload's user namespace: {step}");
    let fd = outcome.map_err(|(step, e)| Fail::new(Stage::Init, what(step)).errno(e))?;
    sys::inherit(fd).ok_or_else(|| Fail::new(Stage::Init, what("keep it")).errno(libc::EBADF))
}

/// Forbids further user namespaces, unless asked for: once P exists, S may hold one. Written in S, where the
/// payload has no say (a limit written in P could be lifted by its root). Needs CAP_SYS_RESOURCE in S.
pub fn limit_nesting(proc: &impl AsFd, setup: &Setup) -> Result<()> {
    if setup.nest {
        return Ok(());
    }
    write(proc.as_fd(), "sys/user/max_user_namespaces", "1")
        .fail(Stage::Init, || "cannot forbid nested user namespaces".into())
        .map_err(|fail| fail.hint("where /proc/sys cannot be written, --nest starts without this guard"))
}

/// Writes a file of the proc file system in one call, as the kernel wants it.
pub(crate) fn write(proc: impl AsFd, path: &str, text: &str) -> rustix::io::Result<()> {
    let file = openat(proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    match rustix::io::write(&file, text.as_bytes())? {
        n if n == text.len() => Ok(()),
        _ => Err(rustix::io::Errno::IO),
    }
}
