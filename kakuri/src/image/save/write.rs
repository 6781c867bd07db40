//! The archive being written: ustar, with pax records for the names and sizes that do not fit. It is the same for the same
//! images, whoever writes it, and when.

use std::fs::File;
use std::io::Read;

use kakuri_image::{Digest, Hasher};
use kakuri_wire::fail::{Fail, Result};

use super::documents::path;
use super::output::Output;
use crate::copy::Progress;
use crate::copy::tar::header::{Header, OCTAL, SHORT};
use crate::copy::tar::{BLOCK, Kind, padding, pax};

const CHUNK: usize = 256 << 10;
/// GNU tar writes so much at a time.
const RECORD: u64 = 20 * BLOCK as u64;

/// Why a blob was not written.
pub enum Wrong {
    /// It is not what it was; what is the matter with it.
    Blob(String),
    Fail(Fail),
}

impl From<Fail> for Wrong {
    fn from(fail: Fail) -> Wrong {
        Wrong::Fail(fail)
    }
}

pub struct Writer<'a> {
    to: &'a mut Output,
    progress: Option<&'a mut Progress>,
    at: u64,
    /// Folders that are in it.
    folders: Vec<String>,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub fn new(to: &'a mut Output, progress: Option<&'a mut Progress>) -> Writer<'a> {
        Writer { to, progress, at: 0, folders: Vec::new(), buffer: vec![0; CHUNK] }
    }

    pub fn document(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.header(Kind::File, name, bytes.len() as u64)?;
        self.put(bytes)?;
        self.put(&[0; BLOCK][..padding(bytes.len() as u64)])
    }

    /// As many bytes as were said, whose digest is the blob's; else the archive is not to be used.
    pub fn blob(&mut self, digest: &Digest, size: u64, mut from: File) -> Result<(), Wrong> {
        let name = path(digest);
        for (at, _) in name.match_indices('/') {
            let folder = name[..=at].to_string();
            if !self.folders.contains(&folder) {
                self.header(Kind::Folder, &folder, 0)?;
                self.folders.push(folder);
            }
        }
        self.header(Kind::File, &name, size)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = size;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = match from.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(Wrong::Blob("ends early".into())),
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Wrong::Blob(format!("cannot be read: {e}"))),
            };
            hasher.update(&buffer[..n]);
            self.put(&buffer[..n])?;
            if let Some(progress) = &mut self.progress {
                progress.wrote(n);
            }
            left -= n as u64;
        }
        self.buffer = buffer;
        if hasher.finish() != *digest {
            return Err(Wrong::Blob("has another digest by now: it was changed or damaged".into()));
        }
        if let Some(progress) = &mut self.progress {
            progress.entry();
        }
        self.put(&[0; BLOCK][..padding(size)])?;
        Ok(())
    }

    /// The end mark.
    pub fn finish(mut self) -> Result<()> {
        self.put(&[0; 2 * BLOCK])?;
        let over = self.at % RECORD;
        if over != 0 {
            self.put(&vec![0; (RECORD - over) as usize])?;
        }
        Ok(())
    }

    fn header(&mut self, kind: Kind, name: &str, size: u64) -> Result<()> {
        let header = |kind, name: &[u8], size| Header {
            kind,
            name: name.to_vec(),
            link: Vec::new(),
            mode: if kind == Kind::Folder { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            odd_owner: false,
            size,
            changed: 0,
        };
        let mut records = Vec::new();
        if name.len() > SHORT {
            pax::add(&mut records, "path", name.as_bytes());
        }
        if size > OCTAL {
            pax::add(&mut records, "size", size.to_string().as_bytes());
        }
        if !records.is_empty() {
            let block = header(Kind::Records, b"././@PaxHeader", records.len() as u64).encode();
            records.resize(records.len() + padding(records.len() as u64), 0);
            self.put(&block)?;
            self.put(&records)?;
        }
        self.put(&header(kind, name.as_bytes(), size).encode())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        self.to.put(bytes)
    }
}
