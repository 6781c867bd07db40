//! Messages of the D-Bus protocol, as far as one call and its answer need them: D-Bus Specification, "Marshaling" and
//! "Message Format". Little-endian; a big-endian answer, which no bus of this machine gives, is nonsense. Pure.

/// Bytes of a message that is believed; the protocol's own limit is 128 MiB.
pub const LARGEST: usize = 1 << 20;

const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Header fields, by the specification's numbers.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// What is called.
pub struct Call<'a> {
    pub destination: &'a str,
    pub object: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
}

impl Call<'_> {
    /// The whole message.
    pub fn write(&self, serial: u32, signature: &str, body: &[u8]) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes.extend([b'l', CALL, 0, 1]);
        out.u32(body.len() as u32);
        out.u32(serial);
        out.array(8, |fields| {
            for (code, kind, value) in [
                (PATH, "o", self.object),
                (INTERFACE, "s", self.interface),
                (MEMBER, "s", self.member),
                (DESTINATION, "s", self.destination),
            ] {
                fields.align(8);
                fields.bytes.push(code);
                fields.signature(kind);
                fields.string(value);
            }
            if !signature.is_empty() {
                fields.align(8);
                fields.bytes.push(SIGNATURE);
                fields.signature("g");
                fields.signature(signature);
            }
        });
        out.align(8);
        out.bytes.extend(body);
        out.bytes
    }
}

/// Values one after the other, each where the protocol wants it.
#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    /// An object's path is written the same.
    pub fn string(&mut self, value: &str) {
        self.u32(value.len() as u32);
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    pub fn signature(&mut self, value: &str) {
        self.bytes.push(value.len() as u8);
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    /// Of elements that are aligned to so many bytes, the padding before the first of which does not count.
    pub fn array(&mut self, aligned: usize, fill: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let length = self.bytes.len() - 4;
        self.align(aligned);
        let first = self.bytes.len();
        fill(self);
        let count = (self.bytes.len() - first) as u32;
        self.bytes[length..length + 4].copy_from_slice(&count.to_le_bytes());
    }

    /// `(sv)`.
    pub fn property(&mut self, name: &str, kind: &str, value: impl FnOnce(&mut Writer)) {
        self.align(8);
        self.string(name);
        self.signature(kind);
        value(self);
    }
}

/// An answer, or a word nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Return { to: u32, body: Vec<u8> },
    Error { to: u32, name: String, text: String },
    Signal { member: String, body: Vec<u8> },
    Other,
}

/// How long the message is that begins so; None where that cannot be told yet, an error where it is none.
pub fn length(start: &[u8]) -> Result<Option<usize>, ()> {
    let Some(head) = start.get(..16) else { return Ok(None) };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || head[3] != 1 || body > LARGEST || fields > LARGEST {
        return Err(());
    }
    Ok(Some((16 + fields).next_multiple_of(8) + body))
}

/// A whole message; None where it is none.
pub fn read(bytes: &[u8]) -> Option<Message> {
    let kind = *bytes.get(1)?;
    let mut head = Reader { bytes, at: 12 };
    let end = 16 + head.u32()? as usize;
    let (mut to, mut member, mut error) = (None, None, None);
    while head.at < end {
        head.align(8);
        let code = head.byte()?;
        let signature = head.signature()?;
        match &signature[..] {
            "u" => {
                let value = head.u32()?;
                to = if code == REPLY_SERIAL { Some(value) } else { to };
            }
            "s" | "o" => {
                let value = head.string()?;
                match code {
                    MEMBER => member = Some(value),
                    ERROR_NAME => error = Some(value),
                    _ => {}
                }
            }
            "g" => drop(head.signature()?),
            _ => return None,
        }
    }
    head.align(8);
    let body = bytes.get(head.at..)?.to_vec();
    Some(match kind {
        RETURN => Message::Return { to: to?, body },
        ERROR => {
            let text = Reader::new(&body).string().unwrap_or_default();
            Message::Error { to: to?, name: error?, text }
        }
        SIGNAL => Message::Signal { member: member?, body },
        _ => Message::Other,
    })
}

/// Values as they come, each None where the bytes end or make none.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.align(4);
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub fn string(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        self.text(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.byte()?.into();
        self.text(length)
    }

    /// With the NUL behind it.
    fn text(&mut self, length: usize) -> Option<String> {
        let text = self.take(length)?;
        (self.byte()? == 0).then(|| String::from_utf8_lossy(text).into_owned())
    }
}
