//! The wire format of netlink: messages, attributes, acknowledgements. Pure: bytes in, bytes out.
//!
//! Numbers are in the host's byte order, every message and attribute starts at a multiple of four, and
//! lengths count the header but not the padding (netlink(7)). Whatever the bytes are, reading them ends and
//! never looks beyond them.

pub mod links;
pub mod nftables;
pub mod reply;
pub mod request;
pub mod wireguard;

pub const NLM_F_REQUEST: u16 = 0x1;
pub const NLM_F_ACK: u16 = 0x4;
pub const NLM_F_DUMP: u16 = 0x300;
pub const NLM_F_EXCL: u16 = 0x200;
pub const NLM_F_CREATE: u16 = 0x400;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

const NLMSGERR_ATTR_MSG: u16 = 1;
/// Attribute types are 14 bits; the upper two say "nested" and "network byte order".
const TYPE_MASK: u16 = 0x3fff;
const NLA_F_NESTED: u16 = 0x8000;

const MESSAGE_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;

/// A request under construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// A message of this type with its fixed part. Everything but a list, which has an end of its own, asks
    /// for an acknowledgement.
    fn new(kind: u16, flags: u16, fixed: &[u8]) -> Request {
        let dump = flags & NLM_F_DUMP == NLM_F_DUMP;
        let flags = flags | NLM_F_REQUEST | if dump { 0 } else { NLM_F_ACK };
        // Room enough that one with a key in it never moves, and leaves no copy behind.
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        let mut request = Request { bytes };
        request.pad();
        request
    }

    /// One that is answered only where it is refused: part of a batch.
    fn unanswered(kind: u16, flags: u16, fixed: &[u8]) -> Request {
        let mut request = Request::new(kind, flags, fixed);
        request.bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        request
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Request {
        self.bytes.extend_from_slice(&length_of(ATTRIBUTE_HEADER + value.len()).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    fn nested(mut self, kind: u16, fill: impl FnOnce(Request) -> Request) -> Request {
        let start = self.bytes.len();
        self = fill(self.attribute(kind | NLA_F_NESTED, &[]));
        let length = length_of(self.bytes.len() - start);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// The bytes to send, numbered, so that the answer can be told from any other.
    pub fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// Values are a name, an address or a number: far from what sixteen bits can count.
fn length_of(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Bytes that are not netlink's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One message as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    pub body: &'a [u8],
}

/// What a message means to the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Done as asked; for a list, its end.
    Done,
    Refused(Refusal),
    /// Of rtnetlink: its type and what it carries.
    Data(u16, &'a [u8]),
    Nothing,
}

/// The kernel's no: an errno and, where it says more, its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: i32,
    pub text: Option<String>,
}

impl<'a> Message<'a> {
    pub fn answer(&self) -> Result<Answer<'a>, Malformed> {
        match self.kind {
            NLMSG_ERROR => self.acknowledgement(),
            NLMSG_DONE => match self.body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
                Some(code) if code < 0 => Ok(Answer::Refused(self.refusal(code, 4))),
                // The code may be missing in a list's end; then the list is whole.
                _ => Ok(Answer::Done),
            },
            NLMSG_OVERRUN => Err(Malformed),
            NLMSG_NOOP => Ok(Answer::Nothing),
            kind => Ok(Answer::Data(kind, self.body)),
        }
    }

    /// struct nlmsgerr: the errno, the header of the request, the rest of the request unless capped, and
    /// then attributes (the extended acknowledgement).
    fn acknowledgement(&self) -> Result<Answer<'a>, Malformed> {
        let code = i32::from_ne_bytes(*self.body.first_chunk().ok_or(Malformed)?);
        let request = self.body.get(4..4 + MESSAGE_HEADER).ok_or(Malformed)?;
        if code == 0 {
            return Ok(Answer::Done);
        }
        let length = u32_at(request, 0).ok_or(Malformed)? as usize;
        let payload = if self.flags & NLM_F_CAPPED == 0 { length.saturating_sub(MESSAGE_HEADER) } else { 0 };
        let start = (4 + MESSAGE_HEADER).saturating_add(payload);
        Ok(Answer::Refused(self.refusal(code, start.checked_next_multiple_of(4).unwrap_or(usize::MAX))))
    }

    /// The words are a courtesy: garbage in their place is no words, the errno stands.
    fn refusal(&self, code: i32, attributes_at: usize) -> Refusal {
        let rest = if self.flags & NLM_F_ACK_TLVS != 0 { self.body.get(attributes_at..) } else { None };
        let text = attributes(rest.unwrap_or_default())
            .map_while(Result::ok)
            .find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)
            .map(|(_, text)| String::from_utf8_lossy(text.strip_suffix(b"\0").unwrap_or(text)).into_owned())
            .filter(|text| !text.is_empty());
        Refusal { errno: code.checked_neg().unwrap_or(i32::MAX), text }
    }
}

/// The messages of one packet.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let parsed = u32_at(bytes, 0).map(|length| length as usize).and_then(|length| {
            let body = bytes.get(MESSAGE_HEADER..length)?;
            let (kind, flags) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?);
            Some((Message { kind, flags, sequence: u32_at(bytes, 8)?, body }, length))
        });
        let length = parsed.map_or(bytes.len(), |(_, length)| length.next_multiple_of(4));
        bytes = bytes.get(length..).unwrap_or_default();
        Some(parsed.map(|(message, _)| message).ok_or(Malformed))
    })
}

/// Attributes: their type without the flag bits, and their value.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), Malformed>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let parsed = u16_at(bytes, 0).map(usize::from).and_then(|length| {
            let value = bytes.get(ATTRIBUTE_HEADER..length)?;
            Some((u16_at(bytes, 2)? & TYPE_MASK, value, length))
        });
        let length = parsed.map_or(bytes.len(), |(_, _, length)| length.next_multiple_of(4));
        bytes = bytes.get(length..).unwrap_or_default();
        Some(parsed.map(|(kind, value, _)| (kind, value)).ok_or(Malformed))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_ne_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests;
