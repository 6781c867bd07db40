//! A WireGuard tunnel: described, and served.
//!
//! The description is what the process that serves it needs, and nothing of the container's side. That process has three
//! threads: [`outward`] and [`inward`] carry packets, [`serve`] minds the front's link and the protocol's timers. All I/O
//! is in batches: what the kernel hands over in one piece is [`split`], sealed and sent with one call; what it received
//! in one piece is opened, put together again ([`coalesce`]) and written with one call. The protocol itself is
//! gotatun's state machine, one for each peer ([`peer`]).

mod allowed;
mod bounce;
mod checksum;
mod coalesce;
mod confine;
mod counters;
mod device;
mod filter;
mod flow;
mod handshake;
mod inner;
mod inward;
mod message;
mod outward;
mod peer;
mod peers;
mod running;
mod serve;
mod sockets;
mod split;
mod transmit;
pub(crate) mod trouble;
mod vnet;
pub(crate) mod watch;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, Key, PublicKey};

pub(crate) use confine::{hide, no_new_privileges, read_only_beneath};
pub use serve::serve;

/// Endpoints are resolved already; what has a name is asked for anew when its peer falls silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tunnel {
    pub private_key: Key,
    /// The UDP port on the host; None: whatever is free.
    #[serde(default)]
    pub listen_port: Option<u16>,
    /// Of the TUN device, bytes.
    pub mtu: u32,
    pub peers: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    pub public_key: PublicKey,
    #[serde(default)]
    pub preshared_key: Option<Key>,
    /// None: it calls us first.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// What is sent to it, and all it may send from. No two peers have the same network.
    pub allowed: Vec<Cidr>,
    /// Seconds between keepalives; None: none are sent.
    #[serde(default)]
    pub keepalive: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// An address or a name, as the configuration has it, without brackets.
    pub host: String,
    pub port: u16,
    /// None: not resolved yet. Resolving needs the host's network.
    #[serde(default)]
    pub address: Option<SocketAddr>,
}

impl Tunnel {
    /// Wipes every key: it is of no use any more.
    pub fn wipe(&mut self) {
        self.private_key.wipe();
        self.peers.iter_mut().filter_map(|peer| peer.preshared_key.as_mut()).for_each(Key::wipe);
    }
}

/// HOST:PORT as the configuration has it: an IPv6 address in brackets.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Endpoint {
    /// Whether the host is a name, which can come to mean another address.
    pub fn is_named(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_err()
    }
}

#[cfg(test)]
#[path = "tunnel/packet_tests.rs"]
mod packet_tests;
