//! The socket itself. Addressed through a descriptor of its folder, because a socket's path may have 108 bytes and a
//! folder's more.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect as connect_to,
    listen as listen_on, socket_with, sockopt::socket_peercred,
};
use rustix::process::geteuid;

use super::SOCKET;

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
            .hint("its live folder lies in $XDG_RUNTIME_DIR, or in /tmp: is it full or read-only?")
    })?;
    listen_on(&listener, BACKLOG).fail(Stage::Front, what)?;
    Ok(listener)
}

/// The next asker; none where nobody waits, or where it is not the owner.
pub fn accept(listener: impl AsFd) -> Option<Channel> {
    let asker = accept_with(listener, SocketFlags::CLOEXEC).ok()?;
    is_ours(asker.as_fd()).then(|| asker.into())
}

/// A connection to who listens in this folder.
pub fn connect(folder: impl AsFd) -> std::result::Result<Channel, Refused> {
    let asker = socket(SocketFlags::empty()).map_err(Refused::Failed)?;
    let address = address(folder.as_fd()).map_err(Refused::Failed)?;
    loop {
        match connect_to(&asker, &address) {
            Ok(()) => break,
            Err(Errno::INTR) => {}
            Err(Errno::NOENT | Errno::CONNREFUSED) => return Err(Refused::Nobody),
            Err(e) => {
                return Err(Refused::Failed(
                    Fail::new(Stage::Front, "cannot reach the container's supervisor").errno(e),
                ));
            }
        }
    }
    if !is_ours(asker.as_fd()) {
        return Err(Refused::Failed(
            Fail::new(Stage::Front, "cannot speak to the container's supervisor").why("it runs as another user"),
        ));
    }
    Ok(asker.into())
}

fn is_ours(peer: BorrowedFd) -> bool {
    socket_peercred(peer).is_ok_and(|who| who.uid == geteuid())
}
