//! A WireGuard tunnel, described: what the process that serves it needs, and nothing of the container's side.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use kakuri_wire::channel::Channel;
use kakuri_wire::{Fail, Result, Stage};

use crate::{Cidr, Key, PublicKey};

/// Serves a tunnel for as long as the front lives.
pub fn serve(_link: &Channel, _tunnel: Tunnel) -> Result<u8> {
    Err(Fail::new(Stage::Netns, "no tunnel yet"))
}

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

impl Endpoint {
    /// Whether the host is a name, which can come to mean another address.
    pub fn is_named(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_err()
    }
}
