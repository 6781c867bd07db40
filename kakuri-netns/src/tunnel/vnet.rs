//! The header in front of a packet that passes a TUN device made with IFF_VNET_HDR: struct virtio_net_hdr of
//! linux/virtio_net.h, in the machine's byte order. Pure.

/// Bytes. The driver's own choice (TUNSETVNETHDRSZ leaves it at this).
pub const LENGTH: usize = 10;

/// The checksum at `start + offset` holds the pseudo header's sum and is to be finished over all from `start` on.
pub const NEEDS_CHECKSUM: u8 = 1;

pub const GSO_NONE: u8 = 0;
pub const GSO_TCP4: u8 = 1;
pub const GSO_TCP6: u8 = 4;
/// Datagrams of one size, either IP (Linux 6.2).
pub const GSO_UDP: u8 = 5;
/// Beside a TCP kind: the sender answers to congestion marks, and only the first segment carries CWR.
pub const GSO_ECN: u8 = 0x80;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub flags: u8,
    pub gso: u8,
    /// Of all headers together, bytes: a hint.
    pub headers: u16,
    /// Of the payload of each segment but the last, bytes.
    pub segment: u16,
    pub checksum_start: u16,
    pub checksum_offset: u16,
}

impl Header {
    /// The header and the packet behind it.
    pub fn read(frame: &mut [u8]) -> Option<(Header, &mut [u8])> {
        let (bytes, packet) = frame.split_first_chunk_mut::<LENGTH>()?;
        let number = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let header = Header {
            flags: bytes[0],
            gso: bytes[1],
            headers: number(2),
            segment: number(4),
            checksum_start: number(6),
            checksum_offset: number(8),
        };
        Some((header, packet))
    }

    pub fn bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = self.flags;
        bytes[1] = self.gso;
        let numbers = [self.headers, self.segment, self.checksum_start, self.checksum_offset];
        for (to, number) in bytes[2..].chunks_exact_mut(2).zip(numbers) {
            to.copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_it_is_read() {
        let header =
            Header { flags: 1, gso: GSO_TCP4, headers: 52, segment: 1368, checksum_start: 20, checksum_offset: 16 };
        let mut frame = [&header.bytes()[..], b"packet"].concat();
        assert_eq!(Header::read(&mut frame), Some((header, &mut b"packet".to_vec()[..])));
        assert_eq!(Header::read(&mut [0; LENGTH - 1]), None);
    }
}
