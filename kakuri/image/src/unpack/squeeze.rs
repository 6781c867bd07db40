//! What is inside of a blob: the archive, as its own digest names it.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::blob::{Blob, CHUNK};
use super::frames::{Frames, Windows};
use crate::talk::Limits;
use crate::{Digest, Hasher, Packing, digest};

type Source<'a, R> = Chain<Cursor<Vec<u8>>, &'a mut R>;

/// The archive of a blob, hashed as it is read.
pub struct Archive<'a> {
    pub inside: Inside<'a, Blob>,
    hasher: Hasher,
}

impl<'a> Archive<'a> {
    pub fn open(
        blob: &'a mut Blob,
        size: u64,
        algorithm: digest::Algorithm,
        limits: Limits,
        windows: &'a Windows,
    ) -> io::Result<Archive<'a>> {
        Ok(Archive { inside: Inside::open(blob, size, limits, windows)?, hasher: Hasher::new(algorithm) })
    }

    /// Of all that was read.
    pub fn digest(self) -> Digest {
        self.hasher.finish()
    }
}

impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inside.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// What comes out of something that may be compressed, measured.
pub struct Inside<'a, R> {
    from: Packed<'a, R>,
    size: u64,
    out: u64,
    limits: Limits,
    /// Why it is not read on, where that is a limit.
    pub limit: Option<String>,
}

enum Packed<'a, R> {
    Plain(Source<'a, R>),
    Gzip(Box<MultiGzDecoder<BufReader<Source<'a, R>>>>),
    Zstd(Box<Frames<'a, BufReader<Source<'a, R>>>>),
}

impl<'a, R: Read> Inside<'a, R> {
    /// What it begins with tells how it is packed: media types are wrong now and then, everybody else goes by this, and
    /// the digest of what comes out is known. `size`: of what comes, bytes.
    pub fn open(from: &'a mut R, size: u64, limits: Limits, windows: &'a Windows) -> io::Result<Inside<'a, R>> {
        let mut head = Vec::with_capacity(4);
        from.take(4).read_to_end(&mut head)?;
        let magic = head.clone();
        let source = Cursor::new(head).chain(from);
        let from = match packing(&magic) {
            Packing::Gzip => Packed::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, source)))),
            Packing::Zstd => Packed::Zstd(Box::new(Frames::new(BufReader::with_capacity(CHUNK, source), windows))),
            Packing::Plain => Packed::Plain(source),
        };
        Ok(Inside { from, size, out: 0, limits, limit: None })
    }

    fn measure(&mut self, n: usize) -> io::Result<()> {
        self.out += n as u64;
        let most = (1 << 30_u64).max(self.size.saturating_mul(self.limits.ratio));
        let why = if self.out > self.limits.bytes.saturating_add(self.limits.bytes / 8) {
            format!("it holds more than {} GiB", self.limits.bytes >> 30)
        } else if self.out > most {
            format!("it is more than {} times as large as what came", self.limits.ratio)
        } else {
            return Ok(());
        };
        self.limit = Some(why);
        Err(io::ErrorKind::InvalidData.into())
    }
}

impl<R: Read> Read for Inside<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match &mut self.from {
            Packed::Plain(from) => from.read(buffer),
            Packed::Gzip(from) => from.read(buffer),
            Packed::Zstd(from) => from.read(buffer),
        }?;
        self.measure(n)?;
        Ok(n)
    }
}

/// How something is packed that begins so.
pub fn packing(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}
