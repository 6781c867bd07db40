//! Rootless NAT by a program of the system's: pasta(1) or slirp4netns(1), described.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

/// The container's own IPv4 address behind either program.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
/// Its gateway.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// Where either program takes questions for the host's own resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    pub program: Program,
    /// Where it is on the host.
    pub path: Bytes,
    pub ports: Vec<Forward>,
    /// TCP and UDP ports of the host's loopback that the container reaches at its gateway; no other.
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
