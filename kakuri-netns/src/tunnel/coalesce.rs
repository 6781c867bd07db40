//! Packets that arrive one after another, put together to what the kernel takes in one piece: segments of one TCP
//! stream, datagrams of one UDP flow. What the kernel would split it into is again what arrived, byte by byte. Pure.

use std::io::IoSlice;

use super::flow::{Fit, Flow};
use super::vnet::Header;

/// Of one run: iovecs are counted in the kernel as well (1024), and a stack has its limits.
const MAX_PACKETS: u32 = 126;
/// Runs that can still grow are found by a hash of their addresses and ports.
const SLOTS: usize = 64;
const NOBODY: u32 = u32::MAX;

/// The packets of one batch, in runs; the order within each flow is the order they came in.
pub struct Coalescer<P> {
    /// Whether the kernel takes TCP in one piece, and several datagrams.
    streams: bool,
    datagrams: bool,
    packets: Vec<(P, u32)>,
    runs: Vec<Run>,
    slots: [u32; SLOTS],
}

struct Run {
    first: u32,
    last: u32,
    count: u32,
    /// None: what cannot grow.
    flow: Option<Flow>,
}

impl<P: AsRef<[u8]>> Coalescer<P> {
    pub fn new(streams: bool, datagrams: bool) -> Self {
        Coalescer {
            streams,
            datagrams,
            packets: Vec::with_capacity(1024),
            runs: Vec::with_capacity(1024),
            slots: [NOBODY; SLOTS],
        }
    }

    /// Takes a whole IP packet.
    pub fn add(&mut self, packet: P) {
        let place = self.packets.len() as u32;
        let bytes = packet.as_ref();
        let flow = if self.streams { Flow::of(bytes, self.datagrams) } else { None };
        if let Some(flow) = &flow {
            let slot = flow.hash % SLOTS;
            let open = self.runs.get_mut(self.slots[slot] as usize).filter(|run| run.count < MAX_PACKETS);
            if let Some((run, growing)) = open.and_then(|run| run.flow.take().map(|flow| (run, flow))) {
                let first = self.packets.get(run.first as usize).map_or(&[][..], |(packet, _)| packet.as_ref());
                let (growing, fit) = growing.grow(first, run.count, bytes, flow);
                run.flow = Some(growing);
                if fit == Fit::Taken {
                    if let Some((_, next)) = self.packets.get_mut(run.last as usize) {
                        *next = place;
                    }
                    run.last = place;
                    run.count += 1;
                    self.packets.push((packet, NOBODY));
                    return;
                }
            }
            // From now on what follows in this flow follows here, even where this one cannot grow.
            self.slots[slot] = self.runs.len() as u32;
        }
        self.runs.push(Run { first: place, last: place, count: 1, flow });
        self.packets.push((packet, NOBODY));
    }

    /// Gives every run to `write` as what is written to the device in one piece, and lets the packets go.
    pub fn flush(&mut self, mut write: impl FnMut(&[IoSlice])) {
        for run in &self.runs {
            let Some((packet, next)) = self.packets.get(run.first as usize) else { continue };
            match &run.flow {
                Some(flow) if run.count > 1 => {
                    let mut head = [0; Flow::MAX_HEADERS];
                    let (header, length) = flow.head(packet.as_ref(), &mut head);
                    let header = header.bytes();
                    let mut pieces = [IoSlice::new(&[]); MAX_PACKETS as usize + 2];
                    pieces[0] = IoSlice::new(&header);
                    pieces[1] = IoSlice::new(&head[..length]);
                    pieces[2] = IoSlice::new(packet.as_ref().get(length..).unwrap_or_default());
                    let (mut count, mut next) = (3, *next);
                    while let Some((packet, after)) = self.packets.get(next as usize) {
                        pieces[count] = IoSlice::new(packet.as_ref().get(length..).unwrap_or_default());
                        (count, next) = (count + 1, *after);
                    }
                    write(&pieces[..count]);
                }
                _ => write(&[IoSlice::new(&Header::default().bytes()), IoSlice::new(packet.as_ref())]),
            }
        }
        self.runs.clear();
        self.packets.clear();
        self.slots = [NOBODY; SLOTS];
    }
}
