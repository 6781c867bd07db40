//! The socket itself. Addressed through a descriptor of its folder, because a socket's path may have 108 bytes and a
//! folder's more.

use std::fs::read_to_string;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use kakuri_wire::channel::wait;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::{Channel, sys};
use rustix::event::PollFlags;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, stat, unlinkat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect as connect_to,
    listen as listen_on, socket_with, sockopt::socket_peercred,
};
use rustix::process::{PidfdFlags, fchdir, geteuid, pidfd_open};

use super::{FromSupervisor, SOCKET};

/// Askers that may wait to be heard; more are told to try again by the kernel.
const BACKLOG: i32 = 1024;

/// Why there is no connection.
#[derive(Debug)]
pub enum Refused {
    /// Nobody listens: it has ended, or has not begun.
    Nobody,
    Failed(Fail),
}

fn address(folder: BorrowedFd) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
        .fail(Stage::Front, || "cannot name the control socket".into())
}

fn socket(flags: SocketFlags) -> Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC | flags, None)
        .fail(Stage::Front, || "cannot make the control socket".into())
}

/// A socket listening in this folder, which is open to its owner alone.
pub fn listen(folder: impl AsFd) -> Result<OwnedFd> {
    let what = || "cannot make the control socket of the container".to_string();
    let listener = socket(SocketFlags::NONBLOCK)?;
    bind(&listener, &address(folder.as_fd())?).map_err(|e| {
        Fail::new(Stage::Front, what())
            .errno(e)
            .hint("its live folder lies in $XDG_RUNTIME_DIR, or in the container's own: is it full or read-only?")
    })?;
    listen_on(&listener, BACKLOG).fail(Stage::Front, what)?;
    Ok(listener)
}

/// Whether a socket can lie in this folder, which has none: not every file system has them.
pub fn may_lie(folder: impl AsFd) -> bool {
    let bound = listen(&folder).is_ok();
    let _ = unlinkat(&folder, SOCKET, AtFlags::empty());
    bound
}

/// Whether anybody listens in this folder. Nothing is waited for and nothing said; in doubt somebody does.
pub fn answers(folder: impl AsFd) -> bool {
    let (Ok(asker), Ok(address)) = (socket(SocketFlags::NONBLOCK), address(folder.as_fd())) else { return true };
    !matches!(connect_to(&asker, &address), Err(Errno::NOENT | Errno::CONNREFUSED))
}

/// The next asker, who is the owner; none where nobody waits. One in a container of the owner's is told so and not
/// heard: a socket can be connected to through a bind that is read-only, and who is in a container has its owner's uid.
pub fn accept(listener: impl AsFd) -> Option<Channel> {
    let asker = accept_with(listener, SocketFlags::CLOEXEC).ok()?;
    if !is_ours(asker.as_fd()) {
        return None;
    }
    let beside = is_beside_us(asker.as_fd());
    let asker = Channel::from(asker);
    if !beside {
        let fail = Fail::new(Stage::Front, "the container's supervisor does not hear this kakuri")
            .why("the two are in different user namespaces, as a container and its host are")
            .hint("call kakuri where the container was started");
        let _ = asker.send_now(&FromSupervisor::Failed(fail), &[]);
    }
    beside.then_some(asker)
}

/// A connection to who listens in this folder.
pub fn connect(folder: impl AsFd) -> std::result::Result<Channel, Refused> {
    let asker = socket(SocketFlags::empty()).map_err(Refused::Failed)?;
    let cannot = |e| Refused::Failed(Fail::new(Stage::Front, "cannot reach the container's supervisor").errno(e));
    match reach(&asker, folder.as_fd()).map_err(cannot)? {
        Ok(()) => {}
        Err(Errno::NOENT | Errno::CONNREFUSED) => return Err(Refused::Nobody),
        Err(e) => return Err(cannot(e)),
    }
    if !is_ours(asker.as_fd()) {
        return Err(Refused::Failed(
            Fail::new(Stage::Front, "cannot speak to the container's supervisor").why("it runs as another user"),
        ));
    }
    Ok(asker.into())
}

/// Connects from inside the folder, because its name below /proc costs a process several times as much; but by that
/// name where we could not come back to the folder we stand in. The outer error is that we could not.
fn reach(asker: &OwnedFd, folder: BorrowedFd) -> std::result::Result<std::result::Result<(), Errno>, Errno> {
    let connect = |address: &SocketAddrUnix| loop {
        match connect_to(asker, address) {
            Err(Errno::INTR) => {}
            other => break other,
        }
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let here = openat(CWD, ".", flags, Mode::empty()).ok().filter(|here| fchdir(here).is_ok());
    match here {
        Some(here) if fchdir(folder).is_ok() => {
            let connected = SocketAddrUnix::new(SOCKET).and_then(|address| connect(&address));
            fchdir(&here).map(|()| connected)
        }
        _ => Ok(address(folder).map_err(|_| Errno::NAMETOOLONG).and_then(|address| connect(&address))),
    }
}

fn is_ours(peer: BorrowedFd) -> bool {
    socket_peercred(peer).is_ok_and(|who| who.uid == geteuid())
}

/// Whether the peer lives in our own user namespace, which no payload does.
fn is_beside_us(peer: BorrowedFd) -> bool {
    static OURS: OnceLock<Option<(u64, u64)>> = OnceLock::new();
    let Some(ours) = OURS.get_or_init(|| user_namespace("self").ok()) else { return false };
    // The very process that connected, and no number of anything.
    let theirs = sys::peer_pidfd(peer).and_then(|pidfd| sys::user_namespace(pidfd.as_fd()));
    match theirs.map(|namespace| fstat(&namespace).map(|stat| (stat.st_dev, stat.st_ino))) {
        Ok(theirs) => theirs.is_ok_and(|theirs| theirs == *ours),
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => false,
        // An older kernel, or one of the processes below that may not be looked into.
        Err(_) => is_beside_us_by_number(peer, *ours),
    }
}

/// The same where it can only be told by /proc.
fn is_beside_us_by_number(peer: BorrowedFd, ours: (u64, u64)) -> bool {
    let Some(pidfd) = socket_peercred(peer).ok().and_then(|who| pidfd_open(who.pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    // As /proc numbers it, which need not be as we do.
    let Ok(info) = read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())) else { return false };
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let Some(pid) = field("Pid:") else { return false };
    let beside = match user_namespace(pid) {
        Ok(theirs) => theirs == ours,
        // It has a capability that we lack, as a session at the machine's own screen may (pam_systemd(8)) and root's
        // clients do, or is not dumpable; or /proc hides it for that. Every payload is in a pid namespace below ours,
        // and then has a number in each.
        Err(Errno::ACCESS | Errno::PERM | Errno::NOENT) => {
            field("NSpid:").is_some_and(|numbers| numbers.split_whitespace().count() == 1)
        }
        Err(_) => false,
    };
    // Looked at by its number: had it ended meanwhile, that could be another process's.
    beside && wait(&pidfd, PollFlags::IN, Duration::ZERO).is_ok_and(|ended| !ended)
}

/// Device and inode of a process's user namespace.
fn user_namespace(pid: &str) -> std::result::Result<(u64, u64), Errno> {
    stat(format!("/proc/{pid}/ns/user")).map(|stat| (stat.st_dev, stat.st_ino))
}
