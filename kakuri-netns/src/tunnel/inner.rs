//! What the tunnel has to know of an IP packet it carries (RFC 791, RFC 8200). Pure.

use std::net::IpAddr;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// The addresses of a packet and its length by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub length: usize,
}

/// None: no IP packet, or one that claims to be longer than it is. It may be shorter: the rest is padding.
pub fn outline(packet: &[u8]) -> Option<Outline> {
    let outline = outline_of_any_length(packet)?;
    (outline.length <= packet.len()).then_some(outline)
}

/// The same for a packet that comes from the kernel and has yet to be split: its length field may be anything.
pub fn outline_of_any_length(packet: &[u8]) -> Option<Outline> {
    match packet.first()? >> 4 {
        4 => {
            let header: &[u8; 20] = packet.first_chunk()?;
            let [source, destination] = [12, 16].map(|at| {
                let [a, b, c, d] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
                IpAddr::from([a, b, c, d])
            });
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let own = usize::from(header[0] & 15) * 4;
            (own >= 20 && length >= own).then_some(Outline { source, destination, length })
        }
        6 => {
            let header: &[u8; 40] = packet.first_chunk()?;
            let address = |at: usize| header[at..].first_chunk::<16>().map(|bytes| IpAddr::from(*bytes));
            let length = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
            Some(Outline { source: address(8)?, destination: address(24)?, length })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ip_and_only_what_is_there() {
        let mut v4 = [0_u8; 28];
        (v4[0], v4[3], v4[12], v4[16]) = (0x45, 24, 10, 192);
        let seen = outline(&v4).expect("IPv4");
        assert_eq!((seen.length, seen.source.to_string(), seen.destination.to_string()), {
            (24, "10.0.0.0".into(), "192.0.0.0".into())
        });
        v4[3] = 29;
        assert_eq!(outline(&v4), None);
        (v4[0], v4[3]) = (0x46, 20);
        assert_eq!(outline(&v4), None, "shorter than its own header");
        let mut v6 = [0_u8; 48];
        (v6[0], v6[5], v6[8], v6[39]) = (0x60, 8, 0xfd, 1);
        let seen = outline(&v6).expect("IPv6");
        assert_eq!((seen.length, seen.source.to_string(), seen.destination.to_string()), {
            (48, "fd00::".into(), "::1".into())
        });
        for bad in [&[][..], &[0x45], &[0x60; 39], &[0x00; 60], &[0x50; 60], &[0xff; 60]] {
            assert_eq!(outline(bad), None);
        }
    }
}
