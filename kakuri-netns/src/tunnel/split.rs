//! What the kernel hands over in one piece, made the packets it stands for: segments of TCP, datagrams of UDP, each with
//! headers and checksums of its own, as the kernel's own software segmentation makes them. Pure.

use super::checksum::{Sum, pseudo};
use super::inner::{TCP, UDP};
use super::vnet::{GSO_ECN, GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, Header, NEEDS_CHECKSUM};

/// Longer than any headers the kernel makes: 40 of IPv6, 60 of TCP, and room for extension headers.
const MAX_HEADERS: usize = 256;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// The header in front does not fit the packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Calls `each` for every packet in order with its headers and the rest of it. A packet that is whole is completed in
/// place and given as headers alone.
pub fn split(header: &Header, packet: &mut [u8], mut each: impl FnMut(&[u8], &[u8])) -> Result<(), Malformed> {
    let start = usize::from(header.checksum_start);
    if header.gso == GSO_NONE {
        if header.flags & NEEDS_CHECKSUM != 0 {
            complete(packet, start, usize::from(header.checksum_offset))?;
        }
        each(packet, &[]);
        return Ok(());
    }
    let cut = Cut::new(header, packet, start)?;
    let (head, payload) = packet.split_at_checked(cut.headers).ok_or(Malformed)?;
    let mut own = [0; MAX_HEADERS];
    let own = own.get_mut(..head.len()).ok_or(Malformed)?;
    let size = usize::from(header.segment);
    let count = payload.len().div_ceil(size).max(1);
    for number in 0..count {
        let from = number * size;
        let part = payload.get(from..payload.len().min(from + size)).unwrap_or_default();
        own.copy_from_slice(head);
        cut.fill_in(own, part, number, from, number + 1 == count);
        each(own, part);
    }
    Ok(())
}

/// Finishes a checksum whose field holds the pseudo header's sum.
fn complete(packet: &mut [u8], start: usize, offset: usize) -> Result<(), Malformed> {
    let sum = Sum::default().bytes(packet.get(start..).ok_or(Malformed)?).finish();
    let field = packet.get_mut(start + offset..start + offset + 2).ok_or(Malformed)?;
    // To UDP zero means that there is none, and both zeroes of one's complement are the same to a check.
    field.copy_from_slice(&if sum == [0, 0] { [0xff, 0xff] } else { sum });
    Ok(())
}

/// Where a packet is cut, and what its parts share.
struct Cut {
    v6: bool,
    protocol: u8,
    /// Where the transport header begins.
    transport: usize,
    headers: usize,
}

impl Cut {
    fn new(header: &Header, packet: &[u8], transport: usize) -> Result<Cut, Malformed> {
        let v6 = match packet.first().ok_or(Malformed)? >> 4 {
            4 => false,
            6 => true,
            _ => return Err(Malformed),
        };
        let protocol = match (header.gso & !GSO_ECN, v6) {
            (GSO_TCP4, false) | (GSO_TCP6, true) => TCP,
            (GSO_UDP, _) => UDP,
            _ => return Err(Malformed),
        };
        let least = if v6 { 40 } else { usize::from(packet[0] & 15) * 4 };
        if transport < least.max(20) || (!v6 && transport != least) || header.segment == 0 {
            return Err(Malformed);
        }
        let length = match protocol {
            TCP => usize::from(packet.get(transport + 12).ok_or(Malformed)? >> 4) * 4,
            _ => 8,
        };
        if length < 8 || (protocol == TCP && length < 20) || transport + length > MAX_HEADERS {
            return Err(Malformed);
        }
        Ok(Cut { v6, protocol, transport, headers: transport + length })
    }

    /// Makes the shared headers those of one packet: the `number`th, whose payload begins `from` bytes in.
    fn fill_in(&self, own: &mut [u8], part: &[u8], number: usize, from: usize, last: bool) {
        let length = own.len() + part.len();
        let (network, transport) = own.split_at_mut(self.transport);
        if self.v6 {
            network[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
        } else {
            network[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            // Each is a packet of its own, with a number of its own.
            let id = u16::from_be_bytes([network[4], network[5]]).wrapping_add(number as u16);
            network[4..6].copy_from_slice(&id.to_be_bytes());
            network[10..12].fill(0);
            let sum = Sum::default().bytes(network).finish();
            network[10..12].copy_from_slice(&sum);
        }
        let at = if self.protocol == TCP {
            let sequence = transport.first_chunk_mut::<8>().and_then(|c| c.last_chunk_mut::<4>());
            if let Some(sequence) = sequence {
                *sequence = u32::from_be_bytes(*sequence).wrapping_add(from as u32).to_be_bytes();
            }
            // What ends something belongs to the last, and what says that the sender has slowed down to the first.
            transport[13] &= !if last { 0 } else { FIN | PSH } & !if number == 0 { 0 } else { CWR };
            16
        } else {
            transport[4..6].copy_from_slice(&((8 + part.len()) as u16).to_be_bytes());
            6
        };
        transport[at..at + 2].fill(0);
        let addresses = if self.v6 { &network[8..40] } else { &network[12..20] };
        let sum = pseudo(addresses, self.protocol, transport.len() + part.len()).bytes(transport).bytes(part).finish();
        let none = self.protocol == UDP && sum == [0, 0];
        transport[at..at + 2].copy_from_slice(&if none { [0xff, 0xff] } else { sum });
    }
}
