//! From the network to the container: one thread.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use gotatun::noise::errors::WireGuardError;
use gotatun::noise::{Tunn, TunnResult};
use gotatun::packet::Packet;
use gotatun::tun::MtuWatcher;
use kakuri_wire::Result;
use rustix::event::{PollFd, PollFlags, poll};

use super::coalesce::Coalescer;
use super::counters::Drop;
use super::inner;
use super::peer::Peer;
use super::peers::now;
use super::running::Running;
use super::transmit::Batch;
use super::{bounce, message};
use crate::sys::inbox::{Inbox, Message};

/// Messages of one call, each up to 64 KiB.
const SLOTS: usize = 16;
/// A peer's state is let go for the other direction after so many packets.
const TURN: usize = 16;

/// Until the device is gone.
pub fn run(running: &Running) -> Result<()> {
    let mut inbox = Inbox::new(SLOTS);
    let mut inward = Inward::new(running);
    let sockets: Vec<_> = running.transmit.sockets.all().collect();
    loop {
        let mut ready: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        let _ = poll(&mut ready, None);
        let ready: Vec<PollFlags> = ready.iter().map(PollFd::revents).collect();
        for (socket, ready) in sockets.iter().zip(ready) {
            if ready.contains(PollFlags::ERR) {
                bounce::hear(*socket, &running.peers);
            }
            // An error is an old datagram's; the next call is free of it.
            while let Ok(count @ 1..) = inbox.receive(*socket) {
                for slot in 0..count {
                    match inbox.take(slot) {
                        Some(message) => inward.message(message),
                        None => running.counters.count(Drop::Garbage),
                    }
                }
                inward.flush()?;
                if count < inbox.slots() {
                    break;
                }
            }
        }
    }
}

pub struct Inward<'a> {
    pub running: &'a Running,
    pub replies: Batch,
    pub handshakes: super::handshake::Rate,
    pub mtu: MtuWatcher,
    packets: Coalescer<Packet>,
    /// Whose the last inner address was: packets come in rows.
    source: Option<(IpAddr, Option<u32>)>,
}

impl<'a> Inward<'a> {
    fn new(running: &'a Running) -> Inward<'a> {
        let device = &running.device;
        Inward {
            running,
            replies: Batch::new(false),
            handshakes: Default::default(),
            mtu: MtuWatcher::new(u16::try_from(running.mtu).unwrap_or(u16::MAX)),
            packets: Coalescer::new(device.streams, device.datagrams),
            source: None,
        }
    }

    /// Writes what was opened, and sends what is to be answered.
    fn flush(&mut self) -> Result<()> {
        let Running { transmit, peers, counters, device, .. } = self.running;
        transmit.flush(&mut self.replies, peers, counters);
        let mut gone = Ok(());
        self.packets.flush(|pieces| match device.write(pieces) {
            Ok(true) => {}
            Ok(false) => counters.count(Drop::NotTaken),
            Err(fail) => gone = Err(fail),
        });
        gone
    }

    /// The datagrams one sender's message holds.
    fn message(&mut self, Message { from, segment, mut bytes }: Message) {
        while !bytes.is_empty() {
            let own = bytes.split_to(segment.min(bytes.len()));
            match message::kind(&own) {
                message::Kind::Data(index) => self.session(from, index, own, &mut bytes, segment),
                message::Kind::Handshake => self.handshake(from, own),
                message::Kind::Garbage => {
                    self.running.counters.count(Drop::Garbage);
                    self.stranger(from);
                }
            }
        }
    }

    /// A packet of a session, and those of the same session that follow it in `rest`.
    fn session(&mut self, from: SocketAddr, index: u32, first: BytesMut, rest: &mut BytesMut, segment: usize) {
        let running = self.running;
        let Some(peer) = running.peers.of_index(index) else {
            running.counters.count(Drop::Unknown);
            return self.stranger(from);
        };
        let mut machine = peer.machine();
        let (mut next, mut turn, mut bytes, mut authentic) = (Some(first), 0, 0, false);
        while let Some(own) = next.take() {
            let length = own.len();
            if self.open(peer, &mut machine, own) {
                (bytes, authentic) = (bytes + length, true);
            }
            turn += 1;
            if turn < TURN && rest.get(..segment.min(rest.len())).is_some_and(|b| message::is_data_of(b, index)) {
                next = Some(rest.split_to(segment.min(rest.len())));
            }
        }
        if !authentic {
            return;
        }
        peer.received.fetch_add(bytes as u64, Ordering::Relaxed);
        peer.is_at(from);
        // The first packet under a session's key tells who answered its handshake that it is complete: what waited goes out.
        if peer.confirmed.swap(index, Ordering::Relaxed) != index {
            peer.watch().completed(now());
            for message in machine.get_queued_packets(&mut self.mtu) {
                self.replies.push(peer, from, message);
            }
        }
    }

    /// Whether it was sealed by the peer; then what it holds goes on to the container, where it may.
    fn open(&mut self, peer: &Peer, machine: &mut Tunn, own: BytesMut) -> bool {
        let counters = &self.running.counters;
        let Ok(kind) = Packet::from_bytes(own).try_into_wg() else {
            counters.count(Drop::Garbage);
            return false;
        };
        match machine.handle_incoming_packet(kind) {
            TunnResult::WriteToTunnel(packet) => self.deliver(peer, packet),
            TunnResult::Err(error) => {
                counters.count(dropped(&error));
                return false;
            }
            TunnResult::Done | TunnResult::WriteToNetwork(_) => {}
        }
        true
    }

    /// A packet a peer has sealed: it may come only from the peer's own addresses.
    fn deliver(&mut self, peer: &Peer, mut packet: Packet) {
        // A keepalive.
        if packet.is_empty() {
            return;
        }
        let counters = &self.running.counters;
        let Some(outline) = inner::outline(&packet) else { return counters.count(Drop::NoPacket) };
        let owner = match self.source {
            Some((source, owner)) if source == outline.source => owner,
            _ => self.running.peers.of_address(outline.source).map(|owner| owner.place),
        };
        self.source = Some((outline.source, owner));
        if owner != Some(peer.place) {
            return counters.count(Drop::Source);
        }
        packet.truncate(outline.length);
        self.packets.add(packet);
    }
}

/// As what an error of the state machine is counted.
pub fn dropped(error: &WireGuardError) -> Drop {
    match error {
        WireGuardError::InvalidCounter | WireGuardError::DuplicateCounter | WireGuardError::WrongTai64nTimestamp => {
            Drop::Replayed
        }
        WireGuardError::NoCurrentSession | WireGuardError::WrongIndex | WireGuardError::UnexpectedPacket => {
            Drop::Unknown
        }
        _ => Drop::Unauthentic,
    }
}
