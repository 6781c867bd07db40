//! From the container to the network: one thread.

use std::net::SocketAddr;

use bytes::BytesMut;
use gotatun::noise::Tunn;
use gotatun::packet::{Packet, WgKind};
use kakuri_wire::Result;
use rustix::event::{PollFd, PollFlags, poll};

use super::counters::Drop;
use super::device::FRAME;
use super::inner;
use super::peer::Peer;
use super::peers::now;
use super::running::Running;
use super::split::split;
use super::transmit::Batch;
use super::vnet::Header;

/// When this many datagrams are ready they are sent, whatever else the container has to say.
const ENOUGH: usize = 64;
/// A peer's state is let go for the other direction after so many packets.
const TURN: usize = 16;

/// Until the device is gone.
pub fn run(running: &Running) -> Result<()> {
    let mut frame = vec![0; FRAME];
    let mut outward = Outward { running, batch: Batch::new(true), seal: Seal::new(running) };
    loop {
        // An error here is told by the read.
        let _ = poll(&mut [PollFd::new(&running.device.as_fd(), PollFlags::IN)], None);
        while let Some((header, packet)) = running.device.read(&mut frame)? {
            outward.pass(&header, packet);
            if outward.batch.len() >= ENOUGH {
                outward.flush();
            }
        }
        outward.flush();
    }
}

struct Outward<'a> {
    running: &'a Running,
    batch: Batch,
    seal: Seal,
}

impl Outward<'_> {
    fn flush(&mut self) {
        self.running.transmit.flush(&mut self.batch, &self.running.peers, &self.running.counters);
    }

    /// Seals one packet of the kernel's, or all it stands for.
    fn pass(&mut self, header: &Header, packet: &mut [u8]) {
        let counters = &self.running.counters;
        let Some(outline) = inner::outline_of_any_length(packet) else { return counters.count(Drop::Malformed) };
        let Some(peer) = self.running.peers.of_address(outline.destination) else {
            return counters.count(Drop::NoPeer);
        };
        let Some(to) = peer.endpoint() else { return counters.count(Drop::NoEndpoint) };
        let (mut machine, mut turn) = (Some(peer.machine()), 0);
        let done = split(header, packet, |head, rest| {
            turn += 1;
            if turn % TURN == 0 {
                machine = None;
            }
            let machine = machine.get_or_insert_with(|| peer.machine());
            self.seal.packet(self.running, &mut self.batch, peer, machine, to, [head, rest]);
        });
        if done.is_err() {
            counters.count(Drop::Malformed);
        }
    }
}

/// Sealing packets, with the room for it.
pub struct Seal {
    room: BytesMut,
    mtu: usize,
}

impl Seal {
    pub fn new(running: &Running) -> Seal {
        Seal { room: BytesMut::with_capacity(4096), mtu: running.mtu }
    }

    /// Puts the packet of two pieces into the batch, sealed; or into the peer's queue, and the handshake it takes first
    /// into the batch.
    fn packet(
        &mut self,
        running: &Running,
        batch: &mut Batch,
        peer: &Peer,
        machine: &mut Tunn,
        to: SocketAddr,
        pieces: [&[u8]; 2],
    ) {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        // Lengths tell less when they are rounded; but never beyond what fits the device.
        let padded = length.next_multiple_of(16).min(self.mtu).max(length);
        self.room.clear();
        self.room.reserve(padded);
        for piece in pieces {
            self.room.extend_from_slice(piece);
        }
        self.room.resize(padded, 0);
        let packet = Packet::from_bytes(self.room.split());
        // None: it waits for the handshake that is under way.
        let Some(message) = machine.handle_outgoing_packet(packet, None) else { return };
        if matches!(message, WgKind::HandshakeInit(_)) {
            running.peers.remember(peer, &message);
            peer.watch().tried(now());
        }
        batch.push(peer, to, message);
    }
}
