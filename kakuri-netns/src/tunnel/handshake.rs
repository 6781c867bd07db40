//! The messages that make sessions, on the thread that receives: each costs more than a thousand packets, so strangers
//! are kept from having us work.

use std::net::SocketAddr;
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

/// How many there have been in this second.
#[derive(Default)]
pub struct Rate {
    since: Option<Instant>,
    count: u32,
}

impl Rate {
    fn is_high(&mut self) -> bool {
        match self.since {
            Some(since) if since.elapsed() < Duration::from_secs(1) => self.count += 1,
            _ => (self.since, self.count) = (Some(Instant::now()), 1),
        }
        self.count > IN_ALL
    }
}

impl Inward<'_> {
    pub fn handshake(&mut self, from: SocketAddr, own: BytesMut) {
        let (peers, counters) = (&self.running.peers, &self.running.counters);
        let (length, receiver) = (own.len(), message::receiver(&own));
        let limiter = if self.handshakes.is_high() { &peers.strict } else { &*peers.limiter };
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
