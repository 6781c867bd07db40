//! How a running tunnel is. Holds no secret.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::PublicKey;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub engine: Engine,
    /// The UDP port on the host.
    pub listen_port: u16,
    /// What the host's kernel does for whole batches of packets, by name: "tun-tso", "tun-uso", "udp-gso", "udp-gro".
    pub offloads: Vec<String>,
    /// In the order of the configuration.
    pub peers: Vec<Peer>,
    /// Packets that were not passed on, by reason.
    pub dropped: std::collections::BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Userspace,
    Kernel,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    pub public_key: PublicKey,
    /// Where it was heard last, or is expected.
    pub endpoint: Option<SocketAddr>,
    pub state: State,
    /// Seconds since the last handshake was completed.
    pub handshake_age: Option<u64>,
    /// Bytes, as wg(8) counts them.
    pub received: u64,
    pub sent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was to be sent yet.
    Idle,
    /// A handshake is under way.
    Connecting,
    Connected,
    /// It does not answer.
    Silent,
}
