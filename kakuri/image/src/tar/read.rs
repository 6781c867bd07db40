//! An archive being read, from whoever made it.

use std::io::Read;

use super::header::{Header, Kind};
use super::{BLOCK, LONGEST, padding, pax, sparse};

/// One entry; what is in a file is read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// As the archive says, which may be anything but empty, and without NUL.
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    /// With all that the archive says.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// What follows in the archive, bytes.
    pub size: u64,
    pub changed: (i64, u32),
    /// Extended attributes, for a strict reader alone.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of a file with holes, for a strict reader alone: its size, and where what follows belongs.
    pub sparse: Option<(u64, sparse::Map)>,
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
    strict: bool,
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
    uid: Option<u32>,
    gid: Option<u32>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    sparse: sparse::Records,
}

/// How pax records name an attribute, as all programs have it that make layers.
const XATTR: &[u8] = b"SCHILY.xattr.";

impl About {
    /// Takes a pax record; None where it cannot be understood.
    fn take(&mut self, key: &[u8], value: &[u8], strict: bool) -> Option<()> {
        let text = || std::str::from_utf8(value).ok();
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(text()?.parse().ok()?),
            b"mtime" => self.changed = Some(pax::time(value)?),
            b"uid" if strict => self.uid = Some(text()?.parse().ok()?),
            b"gid" if strict => self.gid = Some(text()?.parse().ok()?),
            _ => {
                if let Some(name) = key.strip_prefix(XATTR).filter(|_| strict) {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                } else if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    // Who cannot make holes has only to know that there are some.
                    if self.sparse.take(key, value).is_none() && strict {
                        return None;
                    }
                }
            }
        }
        Some(())
    }
}

impl<R: Read> Reader<R> {
    pub fn new(from: R) -> Reader<R> {
        Reader { from, strict: false, at: 0, left: 0, padding: 0 }
    }

    /// One that reads owners, attributes and sparse files too, and refuses an archive in which they are wrong.
    pub fn strict(from: R) -> Reader<R> {
        Reader { strict: true, ..Reader::new(from) }
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
                _ => return self.begin(header, about, &block).map(Some),
            }
        }
    }

    fn begin(&mut self, header: Header, about: About, block: &[u8; BLOCK]) -> Result<Entry, Broken> {
        let mut size = about.size.unwrap_or(header.size);
        let mut kind = header.kind;
        if about.sparse.any && kind == Kind::File {
            kind = Kind::Sparse;
        }
        // Nothing follows those, whatever some programs write there.
        if matches!(kind, Kind::Hard | Kind::Link | Kind::Folder | Kind::Device | Kind::Fifo) {
            size = 0;
        }
        let path = about.path.unwrap_or(header.name);
        let link = about.link.unwrap_or(header.link);
        let mut entry = Entry {
            kind,
            path,
            link,
            mode: header.mode,
            uid: about.uid.unwrap_or(header.uid),
            gid: about.gid.unwrap_or(header.gid),
            size,
            changed: about.changed.unwrap_or((header.changed, 0)),
            xattrs: about.xattrs,
            sparse: None,
        };
        if self.strict {
            if header.odd_owner && (about.uid.is_none() || about.gid.is_none()) {
                return Err(self.damaged("the owner of an entry is no number"));
            }
            if kind == Kind::Sparse {
                self.holes(&mut entry, about.sparse, header.kind, block)?;
            }
        }
        (self.left, self.padding) = (entry.size, padding(size));
        if entry.path.is_empty() || entry.path.contains(&0) || entry.link.contains(&0) {
            return Err(self.damaged("an entry has no usable name"));
        }
        Ok(entry)
    }

    /// Makes an entry a file with holes, its map read.
    fn holes(
        &mut self,
        entry: &mut Entry,
        records: sparse::Records,
        kind: Kind,
        block: &[u8; BLOCK],
    ) -> Result<(), Broken> {
        let wrong = "the map of a sparse file cannot be understood";
        let mut map = records.map;
        let mut size = records.size;
        if let Some(name) = records.name {
            entry.path = name;
        }
        let mut next = *block;
        if kind == Kind::Sparse {
            size = sparse::old_size(block);
            let mut more = sparse::old(block, true, &mut map).ok_or(self.damaged(wrong))?;
            while more {
                self.fill(&mut next)?;
                more = sparse::old(&next, false, &mut map).ok_or(self.damaged(wrong))?;
            }
        } else if records.major == 1 {
            let mut lines = sparse::Lines::default();
            map = loop {
                entry.size = entry.size.checked_sub(BLOCK as u64).ok_or(self.damaged(wrong))?;
                self.fill(&mut next)?;
                match lines.take(&next) {
                    Ok(Some(map)) => break map,
                    Ok(None) => {}
                    Err(()) => return Err(self.damaged(wrong)),
                }
            };
        }
        let size = size.filter(|&size| sparse::is_sound(&map, size, entry.size)).ok_or(self.damaged(wrong))?;
        entry.kind = Kind::File;
        entry.sparse = Some((size, map));
        Ok(())
    }

    fn records(&mut self, size: u64, about: &mut About) -> Result<(), Broken> {
        let bytes = self.whole(size)?;
        let wrong = || self.damaged("its pax records cannot be understood");
        let records = pax::parse(&bytes).ok_or_else(wrong)?;
        for (key, value) in records {
            about.take(key, value, self.strict).ok_or_else(wrong)?;
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

    /// Some of what stands behind the end mark, as it is; none at the end of it.
    pub fn rest(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.from.read(buffer)
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
