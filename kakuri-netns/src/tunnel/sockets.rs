//! The tunnel's UDP sockets on the host, one for each IP: everything that leaves the container leaves by these.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

use crate::sys::inbox::UDP_GRO;
use crate::sys::outbox::UDP_SEGMENT;
use crate::sys::socket::{has_option, set_option};

const STAGE: Stage = Stage::Netns;
/// What the kernel allows of it is taken: a burst waits here while the last one is opened.
const ROOM: usize = 4 * 1024 * 1024;
/// A free port of IPv4's may be taken in IPv6.
const ATTEMPTS: usize = 16;

pub struct Sockets {
    pub v4: Option<OwnedFd>,
    pub v6: Option<OwnedFd>,
    pub port: u16,
    /// Several datagrams of one peer are sent with one call, and received with one.
    pub sends_many: bool,
    pub receives_many: bool,
}

impl Sockets {
    /// The same port for both, which is `port` or one that is free. A host may lack one of the two IPs.
    pub fn open(port: Option<u16>) -> Result<Sockets> {
        let wanted = port.unwrap_or(0);
        let mut attempt = 1;
        loop {
            let v4 = open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, wanted)));
            let v4 = present(v4).map_err(|errno| refused(wanted, errno))?;
            let free = match &v4 {
                Some(socket) if wanted == 0 => port_of(socket.as_fd())?,
                _ => wanted,
            };
            let v6 = match present(open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, free)))) {
                Err(Errno::ADDRINUSE) if wanted == 0 && v4.is_some() && attempt < ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                other => other.map_err(|errno| refused(free, errno))?,
            };
            let Some(any) = v4.as_ref().or(v6.as_ref()).map(AsFd::as_fd) else {
                return Err(Fail::new(STAGE, "cannot open a UDP socket").why("the host has neither IPv4 nor IPv6"));
            };
            let sends_many = has_option(any, libc::SOL_UDP, UDP_SEGMENT);
            // Each is asked, also where the other has refused.
            let refusals = [&v4, &v6].into_iter().flatten();
            let refusals = refusals.filter(|s| set_option(s.as_fd(), libc::SOL_UDP, UDP_GRO, 1).is_err()).count();
            let receives_many = refusals == 0;
            return Ok(Sockets { port: port_of(any)?, v4, v6, sends_many, receives_many });
        }
    }

    pub fn of(&self, address: SocketAddr) -> Option<BorrowedFd<'_>> {
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }.map(AsFd::as_fd)
    }

    pub fn all(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.v4, &self.v6].into_iter().flatten().map(AsFd::as_fd)
    }
}

fn open(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let option = |level, name, value| {
        set_option(socket.as_fd(), level, name, value)
            .map_err(|e| Errno::from_raw_os_error(e.raw_os_error().unwrap_or(libc::EINVAL)))
    };
    if address.is_ipv4() {
        // As the kernel's own WireGuard: a datagram that is too long for the way is cut, not lost.
        option(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
        // "Port unreachable" and the like are told, for the diagnosis.
        option(libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
    } else {
        sockopt::set_ipv6_v6only(&socket, true)?;
        option(libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
        option(libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
    }
    let _ = sockopt::set_socket_recv_buffer_size(&socket, ROOM);
    let _ = sockopt::set_socket_send_buffer_size(&socket, ROOM);
    bind(&socket, &address)?;
    Ok(socket)
}

/// None where the host does not have this IP.
fn present(socket: rustix::io::Result<OwnedFd>) -> rustix::io::Result<Option<OwnedFd>> {
    match socket {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn port_of(socket: BorrowedFd) -> Result<u16> {
    let address = getsockname(socket).fail(STAGE, || "cannot read the port of a UDP socket".into())?;
    Ok(SocketAddr::try_from(address).map_or(0, |address| address.port()))
}

fn refused(port: u16, errno: Errno) -> Fail {
    match errno {
        Errno::ADDRINUSE => Fail::new(STAGE, format!("cannot listen on UDP port {port} of the host"))
            .why("another program does")
            .hint("choose another ListenPort in the configuration, or leave it out: then a free one is taken"),
        Errno::ACCESS => Fail::new(STAGE, format!("cannot listen on UDP port {port} of the host")).errno(errno).hint(
            "ordinary users may listen from net.ipv4.ip_unprivileged_port_start on: choose a ListenPort from 1024",
        ),
        _ => Fail::new(STAGE, "cannot open a UDP socket on the host").errno(errno),
    }
}
