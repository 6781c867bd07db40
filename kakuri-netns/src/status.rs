//! How a running tunnel is. Holds no secret.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::PublicKey;

/// As many as are told of: a message is at most 64 KiB, and each is up to 260 bytes of it.
pub const MOST_PEERS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub engine: Engine,
    /// The UDP port on the host.
    pub listen_port: u16,
    /// What the host's kernel does for whole batches of packets, by name: "tun-tso", "tun-uso", "udp-gso", "udp-gro".
    pub offloads: Vec<String>,
    /// In the order of the configuration, [`MOST_PEERS`] at most.
    pub peers: Vec<Peer>,
    /// How many there are beyond these.
    #[serde(default)]
    pub more: u32,
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

/// The peers that are told of, and how many are not.
pub fn first(peers: impl ExactSizeIterator<Item = Peer>) -> (Vec<Peer>, u32) {
    let more = u32::try_from(peers.len().saturating_sub(MOST_PEERS)).unwrap_or(u32::MAX);
    (peers.take(MOST_PEERS).collect(), more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FromNetns;

    #[test]
    fn any_number_of_peers_fits_into_a_message() {
        let address = "[2001:db8:1111:2222:3333:4444:5555:6666%4294967295]:65535".parse().expect("an address");
        let longest = Peer {
            public_key: PublicKey::new([255; 32]),
            endpoint: Some(address),
            state: State::Connecting,
            handshake_age: Some(u64::MAX),
            received: u64::MAX,
            sent: u64::MAX,
        };
        let (peers, more) = first(std::iter::repeat_n(longest, 5000));
        let status = Status {
            engine: Engine::Userspace,
            listen_port: 65535,
            offloads: ["tun-tso", "tun-uso", "udp-gso", "udp-gro"].map(String::from).into(),
            peers,
            more,
            dropped: (0..12).map(|n| (format!("unauthentic{n}"), u64::MAX)).collect(),
        };
        assert_eq!((status.peers.len(), status.more), (MOST_PEERS, 5000 - MOST_PEERS as u32));
        let text = serde_json::to_vec(&FromNetns::Status(Box::new(status))).expect("text");
        // The supervisor's own word around it is longer by a little.
        assert!(text.len() + 1024 < kakuri_wire::channel::MAX_MESSAGE, "{}", text.len());
    }
}
