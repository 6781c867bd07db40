//! What a datagram is at first sight: WireGuard's four messages have a number in front and a length of their own (the
//! protocol's paper, 5.4). Pure.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A packet of the session with this number.
    Data(u32),
    /// One of the three that make a session.
    Handshake,
    Garbage,
}

pub fn kind(datagram: &[u8]) -> Kind {
    // The number is four bytes, of which three are zero.
    match (datagram.first_chunk::<4>().map(|number| u32::from_le_bytes(*number)), datagram.len()) {
        (Some(4), 32..) => number(datagram, 4).map_or(Kind::Garbage, Kind::Data),
        (Some(1), 148) | (Some(2), 92) | (Some(3), 64) => Kind::Handshake,
        _ => Kind::Garbage,
    }
}

/// Whether it is a packet of this session.
pub fn is_data_of(datagram: &[u8], session: u32) -> bool {
    kind(datagram) == Kind::Data(session)
}

/// Whom an answer to a handshake is for: the number our own message bore.
pub fn receiver(datagram: &[u8]) -> Option<u32> {
    match datagram.first()? {
        2 => number(datagram, 8),
        3 => number(datagram, 4),
        _ => None,
    }
}

fn number(datagram: &[u8], at: usize) -> Option<u32> {
    datagram.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_of_the_right_length() {
        let of = |first: u8, length: usize| {
            let mut bytes = vec![7; length];
            let head = [first, 0, 0, 0];
            let count = length.min(4);
            bytes[..count].copy_from_slice(&head[..count]);
            bytes
        };
        assert_eq!(kind(&of(4, 32)), Kind::Data(0x0707_0707));
        for (first, length) in [(1, 148), (2, 92), (3, 64)] {
            assert_eq!(kind(&of(first, length)), Kind::Handshake);
            assert_eq!(kind(&of(first, length + 1)), Kind::Garbage);
            assert_eq!(kind(&of(first, length - 1)), Kind::Garbage);
        }
        for length in [0, 1, 3, 4, 31] {
            assert_eq!(kind(&of(4, length)), Kind::Garbage);
        }
        let mut reserved = of(4, 64);
        reserved[2] = 1;
        assert_eq!(kind(&reserved), Kind::Garbage);
        assert_eq!((receiver(&of(2, 92)), receiver(&of(1, 148))), (Some(0x0707_0707), None));
    }
}
