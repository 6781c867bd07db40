//! What came of an archive: files by their digests, in `layout/blobs` of the current folder, and which name meant which.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, renameat};
use rustix::io::Errno;

use super::{missing, path, refused};
use crate::talk::LARGEST_MANIFEST;
use crate::tar::{Broken, Entry, Kind, Reader};
use crate::unpack::blob::CHUNK;
use crate::{Algorithm, Digest, Hasher, Packing};

/// What becomes a file of this folder is ours until it has a digest.
const NEW: &str = "new";
/// Links that lead to links.
const HOPS: usize = 8;
const OFTEN: Duration = Duration::from_millis(100);

pub enum Unkept {
    Refused(Fail),
    Unread(Broken),
}

impl From<Fail> for Unkept {
    fn from(fail: Fail) -> Unkept {
        Unkept::Refused(fail)
    }
}

impl From<Broken> for Unkept {
    fn from(broken: Broken) -> Unkept {
        Unkept::Unread(broken)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub packing: Packing,
}

enum Named {
    File(Item),
    /// The name it leads to.
    Link(String),
}

pub struct Shelf<'a> {
    names: BTreeMap<String, Named>,
    most: u64,
    bytes: u64,
    buffer: Vec<u8>,
    told: Instant,
    tell: Box<dyn FnMut(u64) + 'a>,
}

fn cannot(e: Errno) -> Fail {
    crate::unpack::disk(Fail::new(Stage::Unpack, "cannot keep what is in the archive"), e)
}

impl<'a> Shelf<'a> {
    /// `most`: bytes of all files together. `tell` is told how many there are, ten times a second at most.
    pub fn make(most: u64, tell: Box<dyn FnMut(u64) + 'a>) -> Result<Shelf<'a>> {
        for folder in ["layout", "layout/blobs", "layout/blobs/sha256", "layout/blobs/sha512"] {
            mkdirat(CWD, folder, Mode::RWXU).map_err(cannot)?;
        }
        let (names, buffer) = (BTreeMap::new(), vec![0; CHUNK]);
        Ok(Shelf { names, most, bytes: 0, buffer, told: Instant::now(), tell })
    }

    /// The next entry of the archive.
    pub fn take(&mut self, entry: &Entry, reader: &mut Reader<impl Read>) -> Result<(), Unkept> {
        let shown = kakuri_wire::Bytes(entry.path.clone()).to_string();
        let wrong = |why: &str| refused(format!("'{}' in it {why}", super::cut(&shown)));
        let name = path::clean(&entry.path).ok_or_else(|| wrong("has a name no file of an image has"))?;
        let named = match entry.kind {
            Kind::Folder => return Ok(()),
            Kind::File if entry.sparse.is_none() => self.file(&name, entry.size, reader)?.map(Named::File),
            Kind::Link => path::target(&name, &entry.link).map(Named::Link),
            Kind::Hard => path::clean(&entry.link).map(Named::Link),
            _ => return Err(wrong("is neither a file, a folder nor a link").into()),
        };
        match (named, &entry.kind) {
            (Some(named), _) => {
                if self.names.insert(name, named).is_some() {
                    return Err(wrong("is there twice").into());
                }
            }
            (None, Kind::File) => {}
            (None, _) => return Err(wrong("is a link that leads out of the archive").into()),
        }
        Ok(())
    }

    /// None: a blob by an algorithm nobody here knows, which nothing here can refer to.
    fn file(&mut self, name: &str, size: u64, reader: &mut Reader<impl Read>) -> Result<Option<Item>, Unkept> {
        let said = match name.strip_prefix("blobs/").and_then(|rest| rest.split_once('/')) {
            Some((algorithm, hex)) => match format!("{algorithm}:{hex}").parse::<Digest>() {
                Ok(digest) => Some(digest),
                Err(_) => return Ok(None),
            },
            None => None,
        };
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.most {
            return Err(refused(format!("it holds more than {} GiB", self.most >> 30)).into());
        }
        let before = self.bytes - size;
        let mut hasher = Hasher::new(said.as_ref().map_or(Algorithm::Sha256, Digest::algorithm));
        let mut file = create(NEW)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (mut packing, mut at) = (Packing::Plain, 0);
        loop {
            let n = reader.contents(&mut buffer)?;
            if n == 0 {
                break;
            }
            if at == 0 {
                packing = crate::unpack::squeeze::packing(&buffer[..n]);
            }
            at += n as u64;
            hasher.update(&buffer[..n]);
            file.write_all(&buffer[..n]).map_err(|e| cannot(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
            if self.told.elapsed() >= OFTEN {
                self.told = Instant::now();
                (self.tell)(before + at);
            }
        }
        self.buffer = buffer;
        let digest = hasher.finish();
        if said.is_some_and(|said| said != digest) {
            let fail = refused(format!("'{}' in it has another digest than its name says", super::cut(name)));
            return Err(fail.hint("it was changed or damaged: copy it, or save the image anew").into());
        }
        keep(&digest)?;
        Ok(Some(Item { digest, size, packing }))
    }

    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Item> {
        let mut name = name;
        for _ in 0..HOPS {
            match self.names.get(name)? {
                Named::File(item) => return Some(item),
                Named::Link(target) => name = target,
            }
        }
        None
    }

    /// The file of this name, as a document of the archive's says it.
    pub fn item(&self, name: &str) -> Result<&Item> {
        let clean = path::clean(name.as_bytes());
        clean.and_then(|clean| self.find(&clean)).ok_or_else(|| missing(name))
    }

    /// All that is in it.
    pub fn document(&self, name: &str) -> Result<Vec<u8>> {
        let item = self.item(name)?;
        if item.size > LARGEST_MANIFEST {
            return Err(refused(format!("its {name} is larger than {} MiB", LARGEST_MANIFEST >> 20)));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut bytes = Vec::new();
        let mut file = File::from(openat(CWD, place(&item.digest), flags, Mode::empty()).map_err(cannot)?);
        file.read_to_end(&mut bytes).map_err(|e| cannot(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
        Ok(bytes)
    }

    /// A document of ours.
    pub fn add(&mut self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        write(NEW, bytes)?;
        keep(&digest)?;
        Ok(digest)
    }

    /// A file of the layout that is no blob.
    pub fn finish(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        write(&format!("layout/{name}"), bytes)
    }
}

fn place(digest: &Digest) -> String {
    format!("layout/blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// Several names may mean the same bytes.
fn keep(digest: &Digest) -> Result<()> {
    renameat(CWD, NEW, CWD, place(digest)).map_err(cannot)
}

fn create(name: &str) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, name, flags, Mode::RUSR | Mode::WUSR).map(File::from).map_err(cannot)
}

fn write(name: &str, bytes: &[u8]) -> Result<()> {
    create(name)?.write_all(bytes).map_err(|e| cannot(Errno::from_io_error(&e).unwrap_or(Errno::IO)))
}
