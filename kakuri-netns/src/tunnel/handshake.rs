//! The messages that make sessions, on the thread that receives: each costs more than a thousand packets, so strangers
//! are kept from having us work.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use gotatun::noise::TunnResult;
use gotatun::noise::errors::WireGuardError;
use gotatun::packet::{Packet, WgKind};

use super::counters::Drop;
use super::inward::{Inward, dropped};
use super::message;
use super::peer::Peer;
use super::peers::now;
use super::watch::Heard;

/// Handshakes of all addresses together in a second, before everybody has to show that it is where it says.
const IN_ALL: u32 = 100;

/// Of one host in a second while there are so many: to be where it says is no licence to have us work.
const OF_ONE: u32 = 20;
/// Hosts that are counted; more have to wait for the next second.
const HOSTS: usize = 1024;

/// How many there have been in this second.
#[derive(Default)]
pub struct Rate {
    since: Option<Instant>,
    count: u32,
    hosts: HashMap<IpAddr, u32>,
}

impl Rate {
    fn is_high(&mut self, now: Instant) -> bool {
        match self.since {
            Some(since) if now.duration_since(since) < Duration::from_secs(1) => self.count += 1,
            _ => {
                (self.since, self.count) = (Some(now), 1);
                self.hosts.clear();
            }
        }
        self.count > IN_ALL
    }

    /// Counts one of a host that has shown that it is there; whether it has had its share. By IPv6 a host has a whole
    /// network of 64 bits.
    fn is_greedy(&mut self, from: IpAddr) -> bool {
        let host = match from {
            IpAddr::V4(_) => from,
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        };
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            return true;
        }
        let count = self.hosts.entry(host).or_default();
        *count += 1;
        *count > OF_ONE
    }
}

impl Inward<'_> {
    pub fn handshake(&mut self, from: SocketAddr, own: BytesMut) {
        let (peers, counters) = (&self.running.peers, &self.running.counters);
        let (length, receiver) = (own.len(), message::receiver(&own));
        let high = self.handshakes.is_high(Instant::now());
        let limiter = if high { &peers.strict } else { &*peers.limiter };
        let message = match limiter.verify_packet(from, Packet::from_bytes(own)) {
            Ok(message) => message,
            // It is asked to come back with what it is told here.
            Err(TunnResult::WriteToNetwork(cookie)) => {
                counters.count(Drop::Flood);
                return self.replies.push_stranger(from, cookie);
            }
            // Not made for our public key.
            Err(_) => {
                counters.count(Drop::Unauthentic);
                return self.stranger(from);
            }
        };
        if high && matches!(message, WgKind::HandshakeInit(_)) && self.handshakes.is_greedy(from.ip()) {
            return counters.count(Drop::Flood);
        }
        let peer = match &message {
            WgKind::HandshakeInit(initiation) => peers.of_initiation(initiation),
            _ => receiver.and_then(|index| peers.of_index(index)),
        };
        let Some(peer) = peer else {
            counters.count(Drop::Unknown);
            return self.stranger(from);
        };
        let is_answer = matches!(message, WgKind::HandshakeResp(_));
        let is_cookie = matches!(message, WgKind::CookieReply(_));
        let mut machine = peer.machine();
        match machine.handle_incoming_packet(message) {
            TunnResult::WriteToNetwork(reply) => {
                peer.received.fetch_add(length as u64, Ordering::Relaxed);
                peer.is_at(from);
                peers.remember(peer, &reply);
                self.replies.push(peer, from, reply);
                if is_answer {
                    peer.confirmed.store(receiver.unwrap_or_default(), Ordering::Relaxed);
                    peer.watch().completed(now());
                }
                for message in machine.get_queued_packets(&mut self.mtu) {
                    peers.remember(peer, &message);
                    self.replies.push(peer, from, message);
                }
                // While nobody else may use the new session: a packet of it must not overtake the answer that makes it.
                self.running.transmit.flush(&mut self.replies, peers, counters);
            }
            TunnResult::Err(error) => {
                counters.count(dropped(&error));
                if is_answer && matches!(error, WireGuardError::InvalidAeadTag) {
                    peer.watch().heard(Heard::Answer);
                }
            }
            TunnResult::Done | TunnResult::WriteToTunnel(_) => {
                if is_cookie {
                    peer.watch().heard(Heard::Cookie);
                }
            }
        }
    }

    /// Something came that is not for us, maybe from where a peer is expected.
    pub fn stranger(&self, from: SocketAddr) {
        let peer: Option<&Peer> = self.running.peers.of_endpoint(from);
        if let Some(peer) = peer {
            peer.watch().heard(Heard::Stranger);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_host_has_its_share_of_a_second() {
        let mut rate = Rate::default();
        let begin = Instant::now();
        let high = (0..150).filter(|_| rate.is_high(begin)).count();
        assert_eq!(high, 50);
        let greedy = |rate: &mut Rate, host: &dyn Fn(u32) -> IpAddr| {
            (0..100).filter(|n| rate.is_greedy(host(*n))).count() as u32
        };
        assert_eq!(greedy(&mut rate, &|_| ip("192.0.2.1")), 100 - OF_ONE);
        // Another one has a share of its own, and a network of 64 bits has one.
        assert_eq!(greedy(&mut rate, &|n| ip(&format!("2001:db8::{n}"))), 100 - OF_ONE);
        assert_eq!(greedy(&mut rate, &|n| ip(&format!("2001:db8:0:{n}::1"))), 1, "but for the first, which is used up");
        assert!(!rate.is_high(begin + Duration::from_secs(1)));
        assert!(!rate.is_greedy(ip("192.0.2.1")));
    }

    #[test]
    fn hosts_beyond_number_are_not_remembered() {
        let mut rate = Rate::default();
        let host = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!((0..5000).filter(|n| rate.is_greedy(host(*n))).count(), 5000 - HOSTS);
        assert!(!rate.is_greedy(host(7)), "one that is known");
    }
}
