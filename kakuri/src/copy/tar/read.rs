//! An archive being read, from whoever made it.

use std::io::Read;

use super::header::{Header, Kind};
use super::{BLOCK, LONGEST, padding, pax};

/// One entry; what is in a file is read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// As the archive says, which may be anything but empty, and without NUL.
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    /// With all that the archive says.
    pub mode: u32,
    pub size: u64,
    pub changed: (i64, u32),
}

/// What is wrong with it.
#[derive(Debug)]
pub enum Broken {
    Damaged {
        why: &'static str,
        at: u64,
    },
    /// Compressed by this program.
    Compressed(&'static str),
    Read(std::io::Error),
}

/// Reads one archive to its end mark.
pub struct Reader<R> {
    from: R,
    at: u64,
    /// Of the contents of the last entry.
    left: u64,
    padding: usize,
}

/// What comes before an entry and is about it.
#[derive(Default)]
struct About {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    changed: Option<(i64, u32)>,
    sparse: bool,
}

impl<R: Read> Reader<R> {
    pub fn new(from: R) -> Reader<R> {
        Reader { from, at: 0, left: 0, padding: 0 }
    }

    /// The next entry, None after the last. What was not read of the one before is passed over.
    pub fn entry(&mut self) -> Result<Option<Entry>, Broken> {
        self.skip()?;
        let mut about = About::default();
        loop {
            let begin = self.at;
            let mut block = [0; BLOCK];
            if let Err(short) = self.fill(&mut block) {
                return Err(match foreign(&block) {
                    compressed @ Broken::Compressed(_) if begin == 0 => compressed,
                    _ => short,
                });
            }
            if block.iter().all(|&b| b == 0) {
                return Ok(None);
            }
            let Some(header) = Header::decode(&block) else {
                return Err(if begin == 0 {
                    foreign(&block)
                } else {
                    self.damaged("there is no header where one should be")
                });
            };
            match header.kind {
                Kind::Records => self.records(header.size, &mut about)?,
                Kind::LongName => about.path = Some(self.long(header.size)?),
                Kind::LongLink => about.link = Some(self.long(header.size)?),
                Kind::Global => drop(self.whole(header.size)?),
                _ => return self.begin(header, about).map(Some),
            }
        }
    }

    fn begin(&mut self, header: Header, about: About) -> Result<Entry, Broken> {
        let size = about.size.unwrap_or(header.size);
        let mut kind = header.kind;
        if about.sparse && kind == Kind::File {
            kind = Kind::Sparse;
        }
        // Nothing follows those, whatever some programs write there.
        let follows =
            if matches!(kind, Kind::Hard | Kind::Link | Kind::Folder | Kind::Device | Kind::Fifo) { 0 } else { size };
        (self.left, self.padding) = (follows, padding(follows));
        let path = about.path.unwrap_or(header.name);
        let link = about.link.unwrap_or(header.link);
        if path.is_empty() || path.contains(&0) || link.contains(&0) {
            return Err(self.damaged("an entry has no usable name"));
        }
        let changed = about.changed.unwrap_or((header.changed, 0));
        Ok(Entry { kind, path, link, mode: header.mode, size: follows, changed })
    }

    fn records(&mut self, size: u64, about: &mut About) -> Result<(), Broken> {
        let bytes = self.whole(size)?;
        let wrong = self.damaged("its pax records cannot be understood");
        let Some(records) = pax::parse(&bytes) else { return Err(wrong) };
        for (key, value) in records {
            let text = || std::str::from_utf8(value).ok();
            match key {
                b"path" => about.path = Some(value.to_vec()),
                b"linkpath" => about.link = Some(value.to_vec()),
                b"size" => match text().and_then(|text| text.parse().ok()) {
                    Some(size) => about.size = Some(size),
                    None => return Err(wrong),
                },
                b"mtime" => match pax::time(value) {
                    Some(time) => about.changed = Some(time),
                    None => return Err(wrong),
                },
                _ if key.starts_with(b"GNU.sparse.") => about.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// GNU's long names end with a NUL.
    fn long(&mut self, size: u64) -> Result<Vec<u8>, Broken> {
        let mut name = self.whole(size)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn whole(&mut self, size: u64) -> Result<Vec<u8>, Broken> {
        if size > LONGEST {
            return Err(self.damaged("a name or record is longer than any is"));
        }
        let mut bytes = vec![0; size as usize + padding(size)];
        self.fill(&mut bytes)?;
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    /// Some of the contents of the entry; none at their end.
    pub fn contents(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.fill(&mut buffer[..wanted])?;
        self.left -= wanted as u64;
        Ok(wanted)
    }

    fn skip(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; 16 * BLOCK];
        while self.contents(&mut buffer)? > 0 {}
        let padding = std::mem::take(&mut self.padding);
        self.fill(&mut buffer[..padding])
    }

    fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), Broken> {
        while !buffer.is_empty() {
            match self.from.read(buffer) {
                Ok(0) if self.at == 0 => return Err(self.damaged("it is empty")),
                Ok(0) => return Err(self.damaged("it ends before its end mark")),
                Ok(n) => {
                    self.at += n as u64;
                    buffer = &mut buffer[n..];
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Broken::Read(e)),
            }
        }
        Ok(())
    }

    /// What stands behind the end mark, so that who writes it is not cut off; not for ever.
    pub fn drain(&mut self) {
        let mut buffer = [0; 16 * BLOCK];
        for _ in 0..LONGEST / buffer.len() as u64 {
            if !matches!(self.from.read(&mut buffer), Ok(1..)) {
                return;
            }
        }
    }

    fn damaged(&self, why: &'static str) -> Broken {
        Broken::Damaged { why, at: self.at }
    }
}

/// The first block of something else.
fn foreign(block: &[u8; BLOCK]) -> Broken {
    let known: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];
    match known.into_iter().find(|(magic, _)| block.starts_with(magic)) {
        Some((_, program)) => Broken::Compressed(program),
        None => Broken::Damaged { why: "it is no tar archive", at: 0 },
    }
}
