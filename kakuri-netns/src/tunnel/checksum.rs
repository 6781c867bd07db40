//! The Internet checksum (RFC 1071). Pure.
//!
//! Sums are kept as the machine reads memory and not folded: the sum is the same in either byte order but for a swap of
//! the result, which the write undoes (RFC 1071, 2B). What is summed in pieces must have even lengths but for the last.

use crate::sys::sum;

/// A sum under way.
#[derive(Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    pub fn bytes(self, bytes: &[u8]) -> Sum {
        let (words, rest) = bytes.as_chunks::<4>();
        let sum = sum::words(words);
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        Sum(self.0 + sum + u64::from(u32::from_ne_bytes(last)))
    }

    /// A number of 16 bits as it would stand in the packet.
    pub fn number(self, number: u16) -> Sum {
        Sum(self.0 + u64::from(u16::from_ne_bytes(number.to_be_bytes())))
    }

    /// The bytes of a checksum field that was counted as zero.
    pub fn finish(self) -> [u8; 2] {
        (!self.fold()).to_ne_bytes()
    }

    /// The bytes of a checksum field that somebody else is to finish (CHECKSUM_PARTIAL of the kernel).
    pub fn partial(self) -> [u8; 2] {
        self.fold().to_ne_bytes()
    }

    /// Whether what was summed, its checksum field with it, is as it was sent.
    pub fn is_right(self) -> bool {
        self.fold() == 0xffff
    }

    fn fold(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}

/// What TCP and UDP count in of the packet around them: the two addresses as they lie there, the protocol and the length
/// of header and payload (RFC 9293, 3.1; RFC 8200, 8.1).
pub fn pseudo(addresses: &[u8], protocol: u8, length: usize) -> Sum {
    let length = length as u32;
    Sum::default().bytes(addresses).number(u16::from(protocol)).number((length >> 16) as u16).number(length as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As RFC 1071 writes it down.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn as_the_rfc_has_it() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().bytes(&data).finish(), (!0xddf2_u16).to_be_bytes());
        let bytes: Vec<u8> = (0..1500_u32).map(|i| (i * 7 + 3) as u8).collect();
        for length in [0, 1, 2, 3, 4, 5, 19, 20, 63, 64, 65, 1499, 1500] {
            let part = &bytes[..length];
            assert_eq!(Sum::default().bytes(part).finish(), plain(part).to_be_bytes(), "{length}");
            let half = length / 4 * 2;
            assert_eq!(Sum::default().bytes(&part[..half]).bytes(&part[half..]).finish(), plain(part).to_be_bytes());
        }
    }

    #[test]
    fn what_carries_its_sum_is_right() {
        let mut bytes: Vec<u8> = (0..41).collect();
        bytes[6..8].fill(0);
        let sum = pseudo(&[1; 8], 17, bytes.len()).bytes(&bytes).finish();
        bytes[6..8].copy_from_slice(&sum);
        assert!(pseudo(&[1; 8], 17, bytes.len()).bytes(&bytes).is_right());
        bytes[40] ^= 1;
        assert!(!pseudo(&[1; 8], 17, bytes.len()).bytes(&bytes).is_right());
    }
}
