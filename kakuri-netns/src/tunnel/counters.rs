//! Packets that were not passed on, counted by reason.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why, from the container outwards and then from the network inwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// From the container: no IP, or not what its header says.
    Malformed,
    /// No peer's AllowedIPs have the destination.
    NoPeer,
    /// Nobody knows where the peer is.
    NoEndpoint,
    /// The host did not send it.
    NotSent,
    /// From the network: no message of WireGuard's.
    Garbage,
    /// Of no session and of no peer we know.
    Unknown,
    /// Not sealed with the key of its session, or not the peer it claims to be from.
    Unauthentic,
    /// Had been received before, or too long ago to tell.
    Replayed,
    /// A handshake of an address that sends too many.
    Flood,
    /// Sealed, but no IP inside.
    NoPacket,
    /// Its sender may not use that address: not in its peer's AllowedIPs.
    Source,
    /// The container's side did not take it.
    NotTaken,
}

const NAMES: [(Drop, &str); 12] = [
    (Drop::Malformed, "malformed"),
    (Drop::NoPeer, "no-peer"),
    (Drop::NoEndpoint, "no-endpoint"),
    (Drop::NotSent, "not-sent"),
    (Drop::Garbage, "garbage"),
    (Drop::Unknown, "unknown"),
    (Drop::Unauthentic, "unauthentic"),
    (Drop::Replayed, "replayed"),
    (Drop::Flood, "flood"),
    (Drop::NoPacket, "no-packet"),
    (Drop::Source, "source"),
    (Drop::NotTaken, "not-taken"),
];

#[derive(Debug, Default)]
pub struct Counters([AtomicU64; NAMES.len()]);

impl Counters {
    pub fn count(&self, why: Drop) {
        self.add(why, 1);
    }

    pub fn add(&self, why: Drop, packets: u64) {
        if let Some(counter) = self.0.get(why as usize) {
            counter.fetch_add(packets, Ordering::Relaxed);
        }
    }

    /// The reasons that have occurred, by name.
    pub fn seen(&self) -> BTreeMap<String, u64> {
        let all = NAMES.iter().filter_map(|(why, name)| Some((name, self.0.get(*why as usize)?)));
        all.map(|(name, counter)| (name.to_string(), counter.load(Ordering::Relaxed))).filter(|(_, n)| *n > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_occurred_is_named() {
        let counters = Counters::default();
        for (place, (why, _)) in NAMES.iter().enumerate() {
            assert_eq!(*why as usize, place);
        }
        counters.count(Drop::Source);
        counters.add(Drop::NoPeer, 3);
        assert_eq!(counters.seen(), [("no-peer".into(), 3), ("source".into(), 1)].into());
    }
}
