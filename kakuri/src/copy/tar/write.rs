//! An archive being written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};

use kakuri_wire::fail::Result;
use rustix::io::Errno;

use super::header::{Header, OCTAL, SHORT};
use super::{BLOCK, Kind, padding, pax};
use crate::copy::contents::errno;
use crate::copy::{Id, Meta, Progress, Sink, Trail, cannot, fail};

const CHUNK: usize = 256 << 10;
/// GNU tar writes so much at a time.
const RECORD: u64 = 20 * BLOCK as u64;
/// Who has no id inside is shown as this one.
const NOBODY: u32 = 65534;

/// Who the caller is on the host, and in the container.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    pub host: (u32, u32),
    pub inside: (u32, u32),
}

/// Writes what it is told to an archive.
pub struct Writer<W> {
    to: W,
    at: u64,
    owner: Owner,
    /// Times to the nanosecond.
    archive: bool,
    path: Vec<u8>,
    marks: Vec<usize>,
    /// Files of several names, and the first of them.
    written: HashMap<Id, Vec<u8>>,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    pub fn new(to: W, owner: Owner, archive: bool) -> Writer<W> {
        let (path, marks) = (Vec::new(), Vec::new());
        Writer { to, at: 0, owner, archive, path, marks, written: HashMap::new(), buffer: vec![0; CHUNK] }
    }

    /// The end mark, and all that was held back.
    pub fn finish(mut self) -> Result<()> {
        self.put(&[0; 2 * BLOCK])?;
        let over = self.at % RECORD;
        if over != 0 {
            self.put(&vec![0; (RECORD - over) as usize])?;
        }
        self.to.flush().map_err(|e| stopped(&e))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes).map_err(|e| stopped(&e))
    }

    fn with(&self, name: &[u8]) -> Vec<u8> {
        [&self.path, name].concat()
    }

    fn header(&mut self, kind: Kind, name: &[u8], link: &[u8], size: u64, meta: &Meta) -> Result<()> {
        let mut records = Vec::new();
        if name.len() > SHORT {
            pax::add(&mut records, "path", name);
        }
        if link.len() > SHORT {
            pax::add(&mut records, "linkpath", link);
        }
        if size > OCTAL {
            pax::add(&mut records, "size", size.to_string().as_bytes());
        }
        let (seconds, nanos) = meta.changed;
        if u64::try_from(seconds).map_or(true, |s| s > OCTAL) || (self.archive && nanos != 0) {
            pax::add(&mut records, "mtime", pax::show_time(meta.changed).as_bytes());
        }
        let own = |host: u32, (ours, inside): (u32, u32)| if host == ours { inside } else { NOBODY };
        let mut header = Header {
            kind: Kind::Records,
            name: b"././@PaxHeader".to_vec(),
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            odd_owner: false,
            size: records.len() as u64,
            changed: 0,
        };
        if !records.is_empty() {
            self.put(&header.encode())?;
            records.resize(records.len() + padding(records.len() as u64), 0);
            self.put(&records)?;
        }
        header = Header {
            kind,
            name: name.to_vec(),
            link: link.to_vec(),
            mode: meta.mode,
            uid: own(meta.uid, (self.owner.host.0, self.owner.inside.0)),
            gid: own(meta.gid, (self.owner.host.1, self.owner.inside.1)),
            odd_owner: false,
            size,
            changed: seconds,
        };
        self.put(&header.encode())
    }
}

/// Standard output takes no more.
fn stopped(e: &std::io::Error) -> kakuri_wire::Fail {
    let fail = fail("cannot write the archive to standard output").errno(errno(e));
    match errno(e) {
        Errno::PIPE => fail.why("who read it has gone").hint("the command behind the `|` tells why"),
        Errno::NOSPC | Errno::DQUOT => fail.why("no space is left there").hint("make room, or send it elsewhere"),
        _ => fail,
    }
}

impl<W: Write> Sink for Writer<W> {
    fn enter(&mut self, name: &[u8], meta: &Meta) -> Result<()> {
        self.marks.push(self.path.len());
        self.path.extend_from_slice(name);
        self.path.push(b'/');
        let path = self.path.clone();
        self.header(Kind::Folder, &path, b"", 0, meta)
    }

    fn leave(&mut self, _: &Meta) -> Result<()> {
        if let Some(mark) = self.marks.pop() {
            self.path.truncate(mark);
        }
        Ok(())
    }

    fn file(
        &mut self,
        name: &[u8],
        meta: &Meta,
        mut from: &File,
        source: &Trail,
        progress: &mut Progress,
    ) -> Result<()> {
        let path = self.with(name);
        if let Some(first) = self.written.get(&meta.id).cloned() {
            return self.header(Kind::Hard, &path, &first, 0, meta);
        }
        if meta.linked {
            self.written.insert(meta.id, path.clone());
        }
        self.header(Kind::File, &path, b"", meta.size, meta)?;
        // As many bytes as the header says, whatever becomes of the file meanwhile.
        let mut left = meta.size;
        let mut buffer = std::mem::take(&mut self.buffer);
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = match from.read(&mut buffer[..wanted]) {
                Ok(0) => {
                    progress.note(source, "its end has gone meanwhile; zeros stand for it");
                    break;
                }
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(cannot("read", source, errno(&e))),
            };
            self.put(&buffer[..n])?;
            progress.wrote(n);
            left -= n as u64;
        }
        buffer.fill(0);
        while left > 0 {
            let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.put(&buffer[..n])?;
            left -= n as u64;
        }
        self.put(&buffer[..padding(meta.size)])?;
        self.buffer = buffer;
        Ok(())
    }

    fn link(&mut self, name: &[u8], meta: &Meta, target: &[u8]) -> Result<()> {
        let path = self.with(name);
        self.header(Kind::Link, &path, target, 0, meta)
    }

    fn top(&self) -> Option<Id> {
        None
    }
}
