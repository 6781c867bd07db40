//! The form of one frame: a header line, the bytes, a newline.

use std::time::{Duration, SystemTime};

use super::{Event, Stream};

/// Payload of a frame at most, in bytes. A longer write is several frames.
pub const MOST: usize = 64 * 1024;
/// A header line at most, newline included: 20 digits, 10 digits, a letter, 5 digits.
pub const HEADER: usize = 20 + 1 + 10 + 1 + 1 + 1 + 5 + 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Output(Stream),
    Event,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Kind::Output(Stream::Out) => 'o',
            Kind::Output(Stream::Err) => 'e',
            Kind::Output(Stream::Terminal) => 't',
            Kind::Event => 'v',
        }
    }

    fn of(letter: &[u8]) -> Option<Kind> {
        match letter {
            b"o" => Some(Kind::Output(Stream::Out)),
            b"e" => Some(Kind::Output(Stream::Err)),
            b"t" => Some(Kind::Output(Stream::Terminal)),
            b"v" => Some(Kind::Event),
            _ => None,
        }
    }
}

/// A frame as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970, when it was written.
    pub time: u64,
    pub session: u32,
    pub kind: Kind,
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    pub fn when(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.time)
    }

    /// None for output, and for an event of a later kakuri.
    pub fn event(&self) -> Option<Event> {
        if self.kind == Kind::Event { serde_json::from_slice(self.bytes).ok() } else { None }
    }
}

/// What stands at the beginning of these bytes.
pub enum Parsed {
    /// Where its payload begins and where the next frame does.
    Whole { head: Head, payload: usize, next: usize },
    /// The beginning of a frame, and no more of it.
    Torn,
    /// Nothing a writer would have written.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub time: u64,
    pub session: u32,
    pub kind: Kind,
}

pub fn header(head: Head, length: usize) -> String {
    format!("{} {} {} {length}\n", head.time, head.session, head.kind.letter())
}

pub fn parse(bytes: &[u8]) -> Parsed {
    let Some(line) = bytes.iter().take(HEADER).position(|b| *b == b'\n') else {
        // Zeroes are what a power failure leaves of a write: they are no beginning of a header.
        let plain = |b: &u8| b.is_ascii_digit() || b" oetv".contains(b);
        return if bytes.len() < HEADER && bytes.iter().all(plain) { Parsed::Torn } else { Parsed::Damaged };
    };
    let Some((head, length)) = read_header(&bytes[..line]).filter(|(_, length)| *length <= MOST) else {
        return Parsed::Damaged;
    };
    let payload = line + 1;
    match bytes.get(payload + length) {
        None => Parsed::Torn,
        Some(b'\n') => Parsed::Whole { head, payload, next: payload + length + 1 },
        Some(_) => Parsed::Damaged,
    }
}

fn read_header(line: &[u8]) -> Option<(Head, usize)> {
    let mut fields = line.split(|b| *b == b' ');
    let mut number = || -> Option<u64> {
        let digits = std::str::from_utf8(fields.next()?).ok()?;
        if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let (time, session) = (number()?, u32::try_from(number()?).ok()?);
    let kind = Kind::of(fields.next()?)?;
    let digits = std::str::from_utf8(fields.next()?).ok()?;
    let length = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    if fields.next().is_some() { None } else { Some((Head { time, session, kind }, length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<(Head, &str)> {
        match parse(text.as_bytes()) {
            Parsed::Whole { head, payload, next } => Some((head, &text[payload..next - 1])),
            _ => None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, MOST] {
            let head = Head { time: u64::MAX, session: u32::MAX, kind: Kind::Event };
            let line = header(head, length);
            assert!(line.len() <= HEADER, "{line}");
            let text = line + &"\n".repeat(length + 1);
            assert_eq!(whole(&text), Some((head, &"\n".repeat(length)[..])));
        }
    }

    #[test]
    fn every_prefix_is_torn_and_nothing_else() {
        let text = "1700000000000000000 12 o 5\nab\ncd\n";
        for end in 0..text.len() {
            assert!(matches!(parse(&text.as_bytes()[..end]), Parsed::Torn), "{end}");
        }
        assert!(whole(text).is_some());
    }

    #[test]
    fn nonsense_is_damage() {
        let long = format!("1 1 o {}\n", MOST + 1);
        for text in [
            "\0\0",
            "x",
            "1 1 q 1\na\n",
            "1 1 o 1\nab",
            "+1 1 o 1\na\n",
            "1 1 o 1 1\na\n",
            "1 4294967296 o 1\na\n",
            "\n",
            "1 1 o\n",
            &"1".repeat(HEADER),
            &long,
        ] {
            assert!(matches!(parse(text.as_bytes()), Parsed::Damaged), "{text:?}");
        }
    }
}
