//! Rootless NAT by a program of the system's: pasta(1) or slirp4netns(1), described and minded.
//!
//! The program does what leaves the container, and nothing else: it forwards no port either way. Ports are ours
//! ([`gate`], [`stream`], [`datagram`]), the same with either program and with every version of them: slirp4netns has no
//! IPv6 ports, and the pasta of Debian 12 leaves connections from other machines without their first words.

mod child;
mod command;
mod datagram;
mod flows;
pub mod gate;
mod inside;
mod minder;
mod ready;
mod stream;
mod words;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

pub use command::is_old;
pub(crate) use inside::keep_only;
pub use minder::serve;
pub(crate) use minder::{raise_limit, relay};

/// The container's own IPv4 address behind either program.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
/// Its gateway.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// Where either program takes questions for the host's own resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// The same by IPv6, behind pasta: of the private range (RFC 4193), so that IPv4 is preferred as it is behind other NATs.
pub const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd6b, 0x616b, 0x7572, 0, 0, 0, 0, 0x100);
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd6b, 0x616b, 0x7572, 0, 0, 0, 0, 2);
pub const RESOLVER6: Ipv6Addr = Ipv6Addr::new(0xfd6b, 0x616b, 0x7572, 0, 0, 0, 0, 3);
/// slirp4netns has a network of its own, fd00::/64, in which the container's kernel takes an address.
pub const SLIRP_RESOLVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    pub program: Program,
    /// Where it is on the host.
    pub path: Bytes,
    /// A pasta of before 2024 ([`is_old`]).
    #[serde(default)]
    pub old: bool,
    /// The host has a way out by IPv6, which the container gets too.
    #[serde(default)]
    pub ipv6: bool,
    /// For a pasta that cannot ask the host's own resolver, because that one listens on a loopback address of its own:
    /// a resolver behind it.
    #[serde(default)]
    pub upstream: Option<Ipv4Addr>,
    #[serde(default)]
    pub ports: Vec<Forward>,
    /// TCP and UDP ports of the host's loopback that are the container's too, at its own loopback; no other. Ascending.
    #[serde(default)]
    pub host_ports: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    Pasta,
    Slirp4netns,
}

impl Program {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Program::Pasta => "pasta",
            Program::Slirp4netns => "slirp4netns",
        }
    }
}

/// A run of published ports: `host`, `host`+1, ... lead to `inside`, `inside`+1, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    pub protocol: Protocol,
    /// Where on the host it listens.
    pub address: IpAddr,
    pub host: u16,
    pub inside: u16,
    /// At least 1; neither run goes beyond 65535.
    pub count: u16,
}

impl Forward {
    /// Each port of the host with the one it leads to.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> + use<> {
        let (host, inside) = (self.host, self.inside);
        (0..self.count).map_while(move |n| Some((host.checked_add(n)?, inside.checked_add(n)?)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}
