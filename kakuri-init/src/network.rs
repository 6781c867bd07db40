//! The container's own name and network namespace, lo, and the two network settings an unprivileged
//! program may expect. Full capabilities in S (used: SYS_ADMIN, NET_ADMIN).

use std::os::fd::AsFd;

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{AtFlags, statat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use crate::Setup;
use crate::payload::write;

const REFUSED: &str = "cannot make a network namespace";

pub fn set_hostname(setup: &Setup) -> Result<()> {
    let Some(name) = &setup.hostname else { return Ok(()) };
    nix::unistd::sethostname(name).fail(Stage::Init, || format!("cannot set the host name '{name}'"))
}

/// The network namespace is made here, after the exec and beside kakuri-mount's work, because it is the
/// slowest of all: in the first clone everybody would wait for it.
pub fn make(proc: &impl AsFd, setup: &Setup) -> Result<()> {
    if !setup.network || is_made(proc, setup) {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNET).fail(Stage::Init, || REFUSED.into())
}

/// Whether a start failed because there may be no more network namespaces. The setting is seen from outside S.
pub fn is_refused(fail: &Fail) -> bool {
    fail.stage == Stage::Init && fail.what == REFUSED && fail.errno == Some(libc::ENOSPC)
}

/// Whether this process left the caller's network before it was kakuri-init. Found out, not believed: where it could not,
/// or nobody can tell, a namespace is made now, and the command never has the caller's.
fn is_made(proc: &impl AsFd, setup: &Setup) -> bool {
    let here = |path| statat(proc, path, AtFlags::empty()).map(|stat| stat.st_ino);
    setup.outer_network.is_some_and(|outer| here("self/ns/net").is_ok_and(|own| own != outer))
}

/// Brings lo up, and allows ports below 1024 and ping without privilege: the namespace is the payload's own.
pub fn configure(proc: &impl AsFd, setup: &Setup) -> Result<()> {
    if !setup.network {
        return Ok(());
    }
    loopback_up().fail(Stage::Init, || "cannot bring the loopback interface up".into())?;
    // The group range may not exceed what S maps: one group, 0, or all up to the last that P has of it. A kernel without
    // IPv4 or an outer container with a read-only /proc/sys lacks the files; the command runs all the same.
    let last = setup.maps.iter().flat_map(|maps| &maps.gids).map(|e| e.outside + (e.count - 1)).max().unwrap_or(0);
    let groups = format!("0 {last}");
    for (path, text) in [("sys/net/ipv4/ip_unprivileged_port_start", "0"), ("sys/net/ipv4/ping_group_range", &groups)] {
        match write(proc, path, text) {
            Ok(()) | Err(Errno::NOENT | Errno::ROFS | Errno::ACCESS) => {}
            Err(e) => return Err(Fail::new(Stage::Init, format!("cannot write /proc/{path}")).errno(e)),
        }
    }
    Ok(())
}

/// RTM_NEWLINK with IFF_UP for interface 1, which lo always is in a new namespace (rtnetlink(7)).
fn loopback_up() -> rustix::io::Result<()> {
    const LENGTH: u32 = 32;
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_ACK: u16 = 0x5;
    const UP: u32 = 1;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]); // sequence, port
    message.extend([0; 4]); // family, type
    message.extend(1_i32.to_ne_bytes());
    message.extend(UP.to_ne_bytes());
    message.extend(UP.to_ne_bytes()); // which flags are meant
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?; // NETLINK_ROUTE is 0
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    // The answer: a header of 16 bytes, then a negative errno or 0.
    let mut answer = [0_u8; 256];
    let (_, length) = retry_on_intr(|| recv(&socket, &mut answer[..], RecvFlags::empty()))?;
    if length < 20 {
        return Err(Errno::PROTO);
    }
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        negative => Err(Errno::from_raw_os_error(-negative)),
    }
}
