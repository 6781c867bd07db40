//! Datagrams on their way out: gathered, then sent with as few calls as the kernel allows.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gotatun::packet::{Packet, WgKind};

use super::counters::{Counters, Drop};
use super::peer::Peer;
use super::peers::Peers;
use super::sockets::Sockets;
use crate::sys::outbox::{Outbox, Run};

/// The kernel's limits of one piece (UDP_MAX_SEGMENTS before Linux 6.9, and the length of an IPv4 packet).
const MAX_SEGMENTS: usize = 64;
const MAX_BYTES: usize = 65507;

struct Item {
    place: u32,
    to: SocketAddr,
    packet: Packet,
}

/// What one thread is about to send.
pub struct Batch {
    items: Vec<Item>,
    runs: Vec<Run>,
    outbox: Outbox,
    /// Whether to wait for room in the host's queue: the data may, what answers for the process may not.
    patient: bool,
}

impl Batch {
    pub fn new(patient: bool) -> Batch {
        Batch { items: Vec::with_capacity(256), runs: Vec::with_capacity(256), outbox: Outbox::default(), patient }
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn push(&mut self, peer: &Peer, to: SocketAddr, message: WgKind) {
        self.items.push(Item { place: peer.place, to, packet: message.into() });
    }

    /// An answer to somebody who is no peer yet.
    pub fn push_stranger(&mut self, to: SocketAddr, message: WgKind) {
        self.items.push(Item { place: u32::MAX, to, packet: message.into() });
    }
}

/// What has been found out about the host's sockets.
pub struct Transmit {
    pub sockets: Sockets,
    sends_many: AtomicBool,
    /// Datagrams of this length and more are refused in one piece: they are longer than the way out takes.
    too_long: AtomicUsize,
}

impl Transmit {
    pub fn new(sockets: Sockets) -> Transmit {
        let sends_many = AtomicBool::new(sockets.sends_many);
        Transmit { sockets, sends_many, too_long: AtomicUsize::new(usize::MAX) }
    }

    pub fn sends_many(&self) -> bool {
        self.sends_many.load(Ordering::Relaxed)
    }

    /// The way out may have changed: long datagrams are tried in one piece again.
    pub fn forget(&self) {
        self.too_long.store(usize::MAX, Ordering::Relaxed);
    }

    /// Sends all that was gathered. Nothing that goes wrong ends the tunnel: it is counted, and the peer's watch knows why.
    pub fn flush(&self, batch: &mut Batch, peers: &Peers, counters: &Counters) {
        let Batch { items, runs, outbox, patient } = batch;
        let mut rest = &items[..];
        while let Some(first) = rest.first() {
            // One call has one socket.
            let same = |item: &&Item| item.to.is_ipv4() == first.to.is_ipv4();
            let (own, after) = rest.split_at(rest.iter().take_while(same).count());
            rest = after;
            self.gather(own, runs);
            let slices: Vec<IoSlice> = own.iter().map(|item| IoSlice::new(item.packet.as_ref())).collect();
            let mut call = Call { transmit: self, outbox, peers, counters, patient: *patient };
            call.send(own, runs, &slices);
        }
        items.clear();
    }

    /// Neighbours of one receiver and one length are a run; one that is shorter ends it.
    fn gather(&self, items: &[Item], runs: &mut Vec<Run>) {
        runs.clear();
        let many = self.sends_many();
        let too_long = self.too_long.load(Ordering::Relaxed);
        let (mut size, mut total, mut open) = (0, 0, false);
        for item in items {
            let length = item.packet.len();
            match runs.last_mut() {
                Some(run)
                    if open
                        && run.to == item.to
                        && length <= size
                        && run.count < MAX_SEGMENTS
                        && total + length <= MAX_BYTES =>
                {
                    run.count += 1;
                    run.segment = Some(size as u16);
                    total += length;
                    open = length == size;
                }
                _ => {
                    runs.push(Run { to: item.to, count: 1, segment: None });
                    (size, total) = (length, length);
                    open = many && length < too_long && length > 0;
                }
            }
        }
    }
}

/// One family's part of a flush.
struct Call<'a> {
    transmit: &'a Transmit,
    outbox: &'a mut Outbox,
    peers: &'a Peers,
    counters: &'a Counters,
    patient: bool,
}

impl Call<'_> {
    fn send(&mut self, mut items: &[Item], mut runs: &[Run], mut slices: &[IoSlice]) {
        let mut again = true;
        while let Some(run) = runs.first() {
            let Some(socket) = self.transmit.sockets.of(run.to) else {
                return self.lost(items, libc::EAFNOSUPPORT);
            };
            let done = match self.outbox.send(socket, runs, slices, self.patient) {
                Ok(sent) => {
                    again = true;
                    sent
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    let (own, pieces) = (&items[..run.count], &slices[..run.count]);
                    match errno {
                        libc::EINTR => continue,
                        _ if run.segment.is_some() && self.no_run(own, errno) => {
                            let each: Vec<Run> =
                                own.iter().map(|item| Run { to: item.to, count: 1, segment: None }).collect();
                            self.send(own, &each, pieces);
                        }
                        // What came back for an earlier datagram is told by the next call, whomever that is for.
                        _ if again && errno != libc::EAGAIN => {
                            again = false;
                            continue;
                        }
                        _ => self.lost(own, errno),
                    }
                    again = true;
                    // The run that failed has been dealt with.
                    let count = run.count;
                    (items, slices, runs) = (&items[count..], &slices[count..], &runs[1..]);
                    continue;
                }
            };
            let count: usize = runs.iter().take(done).map(|run| run.count).sum();
            let (sent, rest) = items.split_at(count.min(items.len()));
            self.sent(sent);
            (items, slices, runs) = (rest, &slices[count.min(slices.len())..], &runs[done.min(runs.len())..]);
        }
    }

    /// Whether a run was refused for being one; that is remembered.
    fn no_run(&self, items: &[Item], errno: i32) -> bool {
        match errno {
            // The card or the driver cannot sum or cut it.
            libc::EIO | libc::EOPNOTSUPP | libc::ENOPROTOOPT => {
                self.transmit.sends_many.store(false, Ordering::Relaxed)
            }
            // Longer than the way out takes in one packet; one by one the kernel cuts them.
            libc::EMSGSIZE | libc::EINVAL => {
                let length = items.first().map_or(usize::MAX, |item| item.packet.len());
                self.transmit.too_long.fetch_min(length, Ordering::Relaxed);
            }
            _ => return false,
        }
        true
    }

    fn sent(&self, items: &[Item]) {
        for own in items.chunk_by(|a, b| a.place == b.place) {
            if let Some(peer) = own.first().and_then(|item| self.peers.at(item.place)) {
                let bytes: usize = own.iter().map(|item| item.packet.len()).sum();
                peer.sent.fetch_add(bytes as u64, Ordering::Relaxed);
            }
        }
    }

    fn lost(&self, items: &[Item], errno: i32) {
        self.counters.add(Drop::NotSent, items.len() as u64);
        // A queue that is full says nothing about the way.
        if errno != libc::EAGAIN && errno != libc::ENOBUFS {
            for own in items.chunk_by(|a, b| a.place == b.place) {
                if let Some(peer) = own.first().and_then(|item| self.peers.at(item.place)) {
                    peer.watch().not_sent(errno);
                }
            }
        }
    }
}
