//! Which packets belong together: those that a sender's own kernel would have made of one piece. Pure.

use super::checksum::{Sum, pseudo};
use super::inner::{TCP, UDP};
use super::vnet::{GSO_TCP4, GSO_TCP6, GSO_UDP, Header, NEEDS_CHECKSUM};

const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const DONT_FRAGMENT: u8 = 0x40;

/// A packet as the first of what may become more, or what it has become.
#[derive(Clone, Debug)]
pub struct Flow {
    pub hash: usize,
    v6: bool,
    protocol: u8,
    /// Where the transport header begins, and where it ends.
    transport: usize,
    headers: usize,
    /// Payload of each packet but the last.
    segment: usize,
    /// Payload of all.
    total: usize,
    /// TCP: the last one asks to be passed on at once.
    push: bool,
    /// Whether another may follow.
    open: bool,
    /// Whether the first one's checksums have been found right.
    checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Taken,
    Other,
}

impl Flow {
    /// 40 of IPv6 and 60 of TCP.
    pub const MAX_HEADERS: usize = 100;

    /// None: neither TCP nor UDP, or with options, in fragments, or not what it says. The packet is as long as it says.
    pub fn of(packet: &[u8], datagrams: bool) -> Option<Flow> {
        let v6 = packet.first()? >> 4 == 6;
        let (protocol, transport) = if v6 {
            (*packet.get(6)?, 40)
        } else {
            // No options; and neither "more fragments" nor a place among them.
            if packet.first_chunk::<20>()?[0] != 0x45 || packet[6] & !DONT_FRAGMENT != 0 || packet[7] != 0 {
                return None;
            }
            (packet[9], 20)
        };
        let own = packet.get(transport..)?;
        let (length, push, open) = match protocol {
            TCP => {
                let fixed: &[u8; 20] = own.first_chunk()?;
                let push = fixed[13] & PSH != 0;
                (usize::from(fixed[12] >> 4) * 4, push, fixed[13] & !PSH == ACK && !push)
            }
            UDP if datagrams => {
                let fixed: &[u8; 8] = own.first_chunk()?;
                let whole = usize::from(u16::from_be_bytes([fixed[4], fixed[5]])) == own.len();
                // One without a checksum would be given one.
                (8, false, whole && fixed[6..8] != [0, 0])
            }
            _ => return None,
        };
        if length < 8 || (protocol == TCP && length < 20) || own.len() < length {
            return None;
        }
        let segment = own.len() - length;
        let open = open && segment > 0;
        let hash = hash(if v6 { packet.get(8..44)? } else { packet.get(12..24)? });
        let headers = transport + length;
        Some(Flow { hash, v6, protocol, transport, headers, segment, total: segment, push, open, checked: false })
    }

    /// Whether `packet`, a flow of its own by `other`, goes on where this one, which began with `first` and has `count`
    /// packets, ends; and what this one is then.
    pub fn grow(mut self, first: &[u8], count: u32, packet: &[u8], other: &Flow) -> (Flow, Fit) {
        let fits = self.open
            && other.segment > 0
            && other.segment <= self.segment
            && self.headers + self.total + other.segment <= usize::from(u16::MAX)
            && self.goes_on(first, count, packet, other)
            && (self.checked || self.is_right(first))
            && self.is_right(packet);
        if !fits {
            return (self, Fit::Other);
        }
        self.checked = true;
        self.total += other.segment;
        self.push = other.push;
        self.open = !other.push && other.segment == self.segment;
        (self, Fit::Taken)
    }

    fn goes_on(&self, first: &[u8], count: u32, packet: &[u8], other: &Flow) -> bool {
        if (self.v6, self.protocol, self.headers) != (other.v6, other.protocol, other.headers) {
            return false;
        }
        let (Some(a), Some(b)) = (first.get(..self.headers), packet.get(..self.headers)) else { return false };
        let same = |from: usize, to: usize| a[from..to] == b[from..to];
        let network = if self.v6 {
            same(0, 4) && same(6, 40)
        } else {
            // Packets that routers may cut are told apart by their numbers, which the kernel counts up again.
            let id = |of: &[u8]| u16::from_be_bytes([of[4], of[5]]);
            let numbered = a[6] & DONT_FRAGMENT != 0 || id(b) == id(a).wrapping_add(count as u16);
            same(0, 2) && same(6, 10) && same(12, 20) && numbered
        };
        let at = self.transport;
        let transport = if self.protocol == TCP {
            let sequence = |of: &[u8]| u32::from_be_bytes([of[at + 4], of[at + 5], of[at + 6], of[at + 7]]);
            // Acknowledgement, window, urgent pointer and options are those of all; the flags but for PSH too.
            sequence(b) == sequence(a).wrapping_add(self.total as u32)
                && same(at + 8, at + 13)
                && b[at + 13] & !PSH == ACK
                && same(at + 14, at + 16)
                && same(at + 18, self.headers)
        } else {
            b[at + 6..at + 8] != [0, 0]
        };
        network && same(at, at + 4) && transport
    }

    /// Whether a packet's checksums are right: the kernel will not look at them again.
    fn is_right(&self, packet: &[u8]) -> bool {
        let Some((network, transport)) = packet.split_at_checked(self.transport) else { return false };
        let addresses = if self.v6 { &network[8..40] } else { &network[12..20] };
        (self.v6 || Sum::default().bytes(network).is_right())
            && pseudo(addresses, self.protocol, transport.len()).bytes(transport).is_right()
    }

    /// The headers of all of it in one piece, made of the first packet's; and what the device is told. Gives their length.
    pub fn head(&self, first: &[u8], to: &mut [u8; Flow::MAX_HEADERS]) -> (Header, usize) {
        let (Some(own), Some(from)) = (to.get_mut(..self.headers), first.get(..self.headers)) else {
            return (Header::default(), 0);
        };
        own.copy_from_slice(from);
        let length = self.headers + self.total;
        let (network, transport) = own.split_at_mut(self.transport);
        if self.v6 {
            network[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
        } else {
            network[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            network[10..12].fill(0);
            let sum = Sum::default().bytes(network).finish();
            network[10..12].copy_from_slice(&sum);
        }
        let at = if self.protocol == TCP {
            transport[13] |= if self.push { PSH } else { 0 };
            16
        } else {
            transport[4..6].copy_from_slice(&((length - self.transport) as u16).to_be_bytes());
            6
        };
        let addresses = if self.v6 { &network[8..40] } else { &network[12..20] };
        let sum = pseudo(addresses, self.protocol, length - self.transport).partial();
        transport[at..at + 2].copy_from_slice(&sum);
        let gso = match (self.protocol, self.v6) {
            (UDP, _) => GSO_UDP,
            (_, false) => GSO_TCP4,
            (_, true) => GSO_TCP6,
        };
        let header = Header {
            flags: NEEDS_CHECKSUM,
            gso,
            headers: self.headers as u16,
            segment: self.segment as u16,
            checksum_start: self.transport as u16,
            checksum_offset: at as u16,
        };
        (header, self.headers)
    }
}

/// Addresses and ports, mixed (FNV-1a by words). Nothing depends on it but speed.
fn hash(bytes: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for word in bytes.as_chunks::<4>().0 {
        hash = (hash ^ u64::from(u32::from_ne_bytes(*word))).wrapping_mul(0x100_0000_01b3);
    }
    (hash >> 32) as usize
}
