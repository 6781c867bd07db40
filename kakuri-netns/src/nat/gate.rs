//! A port that listens, and how its refusal is told: the same for the front, which tries every port before anything is
//! made, and for who opens it in the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::{Fail, Stage};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};

use super::{ADDRESS, ADDRESS6, Protocol};
use crate::sys;

/// As many as the kernel lets wait.
const BACKLOG: i32 = 4096;

/// Where a port listens, and where what comes there leads.
#[derive(Debug)]
pub struct Gate {
    pub socket: OwnedFd,
    pub protocol: Protocol,
    /// The other side is in the container; else on the host.
    pub inward: bool,
    /// Tried in this order.
    pub targets: Vec<SocketAddr>,
}

/// A socket that is bound there and listens, without waiting; for UDP one that says where each packet was sent to.
pub fn open(address: SocketAddr, protocol: Protocol) -> Result<OwnedFd, Errno> {
    let socket = unconnected(address.is_ipv6(), protocol)?;
    match protocol {
        // What is left of earlier connections does not keep the port; a listener does.
        Protocol::Tcp => sockopt::set_socket_reuseaddr(&socket, true)?,
        // An answer has to come from where the question went to, and the host may have several addresses.
        Protocol::Udp => sys::datagram::ask_for_destination(socket.as_fd(), address.is_ipv6())
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::INVAL))?,
    }
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    if protocol == Protocol::Tcp {
        listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

/// A socket to reach somebody with, in the network namespace of who makes it. One for IPv6 reaches IPv4 too.
pub fn unconnected(v6: bool, protocol: Protocol) -> Result<OwnedFd, Errno> {
    let family = if v6 { AddressFamily::INET6 } else { AddressFamily::INET };
    let (kind, of) = match protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
    };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, Some(of))?;
    if v6 {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    Ok(socket)
}

/// A published port leads to the container's loopback, and where nothing listens there to its own address; one of IPv6
/// to what listens for IPv4, in the end.
pub fn inward(v6: bool, port: u16, own6: bool) -> Vec<SocketAddr> {
    let mapped = |ip: Ipv4Addr| IpAddr::V6(ip.to_ipv6_mapped());
    let (loopback, loopback6) = (Ipv4Addr::LOCALHOST, IpAddr::V6(Ipv6Addr::LOCALHOST));
    let targets = match (v6, own6) {
        (false, _) => vec![loopback.into(), ADDRESS.into()],
        (true, true) => vec![loopback6, ADDRESS6.into(), mapped(loopback), mapped(ADDRESS)],
        (true, false) => vec![loopback6, mapped(loopback), mapped(ADDRESS)],
    };
    targets.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
}

/// A port of the host's loopback, seen from the container.
pub fn outward(v6: bool, port: u16) -> Vec<SocketAddr> {
    let loopback = Ipv4Addr::LOCALHOST;
    let targets: &[IpAddr] = match v6 {
        false => &[IpAddr::V4(loopback)],
        true => &[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V6(loopback.to_ipv6_mapped())],
    };
    targets.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

/// Why a port cannot be published, in words.
pub fn refused(stage: Stage, address: SocketAddr, protocol: Protocol, errno: Errno) -> Fail {
    let port = address.port();
    let fail = Fail::new(stage, format!("cannot publish {address}/{protocol}")).errno(errno);
    match errno {
        Errno::ADDRINUSE => fail.why("the port is taken").hint(format!(
            "`ss -{}np 'sport = :{port}'` tells by whom; -p with the container's port alone takes one that is free",
            if protocol == Protocol::Tcp { "lt" } else { "lu" }
        )),
        Errno::ACCESS => fail
            .why("ports below net.ipv4.ip_unprivileged_port_start are root's")
            .hint(format!("sudo sysctl net.ipv4.ip_unprivileged_port_start={port}, or a port above 1023")),
        Errno::ADDRNOTAVAIL => {
            fail.why("no link of this host has this address").hint("`ip -brief address` lists those it has")
        }
        Errno::AFNOSUPPORT => fail.why("this host has no IPv6"),
        Errno::MFILE | Errno::NFILE => {
            fail.why("too many ports: each is an open file").hint("raise the limit: ulimit -n")
        }
        _ => fail,
    }
}
