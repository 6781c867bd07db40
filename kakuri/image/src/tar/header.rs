//! One header block.

use super::BLOCK;

/// Type flags, of which a file has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    /// Another name for a file earlier in the archive.
    Hard,
    Link,
    Folder,
    Device,
    Fifo,
    /// Sparse in a way of GNU tar's own: what follows is no contents by itself. A strict reader makes files of them.
    Sparse,
    /// Pax records for the next entry, or for all.
    Records,
    Global,
    LongName,
    LongLink,
    Other(u8),
}

impl Kind {
    pub fn of(flag: u8) -> Kind {
        match flag {
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::Hard,
            b'2' => Kind::Link,
            b'3' | b'4' => Kind::Device,
            b'5' => Kind::Folder,
            b'6' => Kind::Fifo,
            b'S' => Kind::Sparse,
            b'x' | b'X' => Kind::Records,
            b'g' => Kind::Global,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            other => Kind::Other(other),
        }
    }

    /// Of those that are written.
    pub fn flag(self) -> u8 {
        match self {
            Kind::Hard => b'1',
            Kind::Link => b'2',
            Kind::Folder => b'5',
            Kind::Records => b'x',
            _ => b'0',
        }
    }
}

/// Where each field lies.
const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const UID: std::ops::Range<usize> = 108..116;
const GID: std::ops::Range<usize> = 116..124;
const SIZE: std::ops::Range<usize> = 124..136;
const CHANGED: std::ops::Range<usize> = 136..148;
const SUM: std::ops::Range<usize> = 148..156;
const FLAG: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..263;
const PREFIX: std::ops::Range<usize> = 345..500;

/// The longest name a block holds.
pub const SHORT: usize = 100;
/// The largest number of eleven octal digits.
pub const OCTAL: u64 = 0o777_7777_7777;

/// A header, as far as a block can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// One of the two is no number that an id can be, and is 0 instead.
    pub odd_owner: bool,
    pub size: u64,
    pub changed: i64,
}

impl Header {
    /// What does not fit is cut; the caller has said it in records.
    pub fn encode(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let text = |field: &mut [u8], bytes: &[u8]| {
            let n = bytes.len().min(field.len());
            field[..n].copy_from_slice(&bytes[..n]);
        };
        let octal = |field: &mut [u8], number: u64| {
            let digits = field.len() - 1;
            let most = (1_u64 << (3 * digits)) - 1;
            let shown = format!("{:0digits$o}", number.min(most));
            field[..digits].copy_from_slice(shown.as_bytes());
        };
        text(&mut block[NAME], &self.name);
        octal(&mut block[MODE], u64::from(self.mode));
        octal(&mut block[UID], u64::from(self.uid));
        octal(&mut block[GID], u64::from(self.gid));
        octal(&mut block[SIZE], self.size);
        octal(&mut block[CHANGED], u64::try_from(self.changed).unwrap_or(0));
        block[FLAG] = self.kind.flag();
        text(&mut block[LINK], &self.link);
        text(&mut block[257..265], b"ustar\x0000");
        let sum = format!("{:06o}\0 ", sum(&block).0);
        text(&mut block[SUM], sum.as_bytes());
        block
    }

    /// None where it is no header.
    pub fn decode(block: &[u8; BLOCK]) -> Option<Header> {
        let said = number(&block[SUM])?;
        let (unsigned, signed) = sum(block);
        if said != i64::from(unsigned) && said != i64::from(signed) {
            return None;
        }
        let mut name = text(&block[NAME]).to_vec();
        let prefix = text(&block[PREFIX]);
        // GNU's old format has other things there.
        if &block[MAGIC] == b"ustar\0" && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let mut kind = Kind::of(block[FLAG]);
        if kind == Kind::File && name.ends_with(b"/") {
            kind = Kind::Folder;
        }
        let small = |field: &[u8]| number(field).and_then(|n| u32::try_from(n).ok());
        let (uid, gid) = (small(&block[UID]), small(&block[GID]));
        Some(Header {
            kind,
            name,
            link: text(&block[LINK]).to_vec(),
            mode: small(&block[MODE])?,
            uid: uid.unwrap_or(0),
            gid: gid.unwrap_or(0),
            odd_owner: uid.is_none() || gid.is_none(),
            size: u64::try_from(number(&block[SIZE])?).ok()?,
            changed: number(&block[CHANGED])?,
        })
    }
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or(field)
}

/// Octal digits, or GNU's binary where the first bit is set.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = if first & 0x40 != 0 { -1_i64 } else { 0 };
        let head = (start << 6) | i64::from(first & 0x3f);
        return rest.iter().try_fold(head, |n, &b| n.checked_mul(256)?.checked_add(i64::from(b)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|b| matches!(b, 0 | b' ')).unwrap_or(digits.len());
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    if digits.is_empty() { Some(0) } else { i64::from_str_radix(digits, 8).ok().filter(|n| *n >= 0) }
}

/// Of all bytes, the sum itself counted as spaces. Some old programs added signed ones.
fn sum(block: &[u8; BLOCK]) -> (u32, i32) {
    let counted = |i: usize, b: u8| if SUM.contains(&i) { b' ' } else { b };
    block.iter().enumerate().fold((0, 0), |(unsigned, signed), (i, &b)| {
        let b = counted(i, b);
        (unsigned + u32::from(b), signed + i32::from(b as i8))
    })
}
