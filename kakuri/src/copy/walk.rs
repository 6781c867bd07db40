//! Walking a tree that somebody may be changing, as deep as it is, without recursion and with a bounded number of
//! descriptors.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::Result;
use rustix::fs::{Dir, FileType, OFlags, fstat, readlinkat};
use rustix::io::Errno;

use super::place::{self, Spot};
use super::{Id, Meta, Progress, Sink, Trail, cannot, fail};

/// Of so many folders above the descriptors are kept; deeper ones are found again by `..`, and known by what they are.
pub const KEPT: usize = 64;
/// Deeper than anybody has folders, for a tree that grows while it is walked.
const DEEPEST: usize = 50_000;

/// A folder on the way down.
struct Frame {
    meta: Meta,
    /// Whether the sink was sent into it.
    entered: bool,
    /// Its folder, while another one is open.
    place: Option<OwnedFd>,
    /// Folders in it that are still to be walked, each with a NUL behind.
    folders: Vec<u8>,
    next: usize,
}

impl Frame {
    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = &self.folders[self.next..];
        let name = rest.split(|&b| b == 0).next().filter(|name| !name.is_empty())?.to_vec();
        self.next += name.len() + 1;
        Some(name)
    }
}

/// What is at a name.
enum Met {
    Folder(OwnedFd, Meta),
    /// It was passed on, or passed over.
    Done,
}

/// One walk.
pub struct Walk<'a> {
    /// Of what is walked.
    pub trail: Trail,
    /// What the kernel makes up is passed over.
    pub guarded: bool,
    pub sink: &'a mut dyn Sink,
    pub progress: &'a mut Progress,
    /// A device whose files are known to be no kernel's.
    device: Option<u64>,
}

impl<'a> Walk<'a> {
    pub fn new(trail: Trail, guarded: bool, sink: &'a mut dyn Sink, progress: &'a mut Progress) -> Walk<'a> {
        Walk { trail, guarded, sink, progress, device: None }
    }

    /// Tells the sink all that is there. It is called `name` at the other end; None is a folder whose contents go
    /// where the sink is.
    pub fn run(mut self, from: &Spot, name: Option<&[u8]>) -> Result<()> {
        match from {
            Spot::Folder(place) => {
                let here = place.try_clone().map_err(|e| cannot("read", &self.trail, super::contents::errno(&e)))?;
                let meta = Meta::of(&fstat(&here).map_err(|e| cannot("read", &self.trail, e))?);
                if self.is_kernels(&here, &meta)? {
                    return Err(self.kernels());
                }
                self.folder(here, meta, name)
            }
            Spot::Named { folder, name: own, .. } => {
                let place = place::touch(folder, own).map_err(|e| cannot("copy", &self.trail, e))?;
                match self.meet(place, name.unwrap_or(own), true)? {
                    Met::Folder(here, meta) => self.folder(here, meta, name),
                    Met::Done => Ok(()),
                }
            }
        }
    }

    fn folder(&mut self, top: OwnedFd, meta: Meta, name: Option<&[u8]>) -> Result<()> {
        let mut here = top;
        let mut frames = vec![self.enter(&here, meta, name)?];
        while let Some(frame) = frames.last_mut() {
            if let Some(name) = frame.next() {
                self.trail.push(&name);
                if let Some((below, meta)) = self.descend(&here, &name)? {
                    if frames.len() > DEEPEST {
                        return Err(fail(format!("cannot copy '{}'", self.trail))
                            .why(format!("it is more than {DEEPEST} folders deep"))
                            .hint("a process may be making them faster than they are copied"));
                    }
                    let next = self.enter(&below, meta, Some(&name))?;
                    let above = std::mem::replace(&mut here, below);
                    if let Some(frame) = frames.last_mut().filter(|_| self.trail.depth() <= KEPT) {
                        frame.place = Some(above);
                    }
                    frames.push(next);
                } else {
                    self.trail.pop();
                }
                continue;
            }
            let Some(done) = frames.pop() else { break };
            if done.entered {
                self.sink.leave(&done.meta)?;
                self.progress.entry();
            }
            let Some(frame) = frames.last_mut() else { break };
            here = match frame.place.take() {
                Some(place) => place,
                None => place::above(&here, frame.meta.id).map_err(|e| cannot("read", &self.trail, e))?,
            };
            self.trail.pop();
        }
        Ok(())
    }

    fn descend(&mut self, here: &OwnedFd, name: &[u8]) -> Result<Option<(OwnedFd, Meta)>> {
        match place::touch(here, name) {
            Ok(place) => match self.meet(place, name, false)? {
                Met::Folder(place, meta) => Ok(Some((place, meta))),
                Met::Done => Ok(None),
            },
            Err(Errno::NOENT) => {
                self.progress.note(&self.trail, "it has gone meanwhile");
                Ok(None)
            }
            Err(e) => Err(cannot("read", &self.trail, e)),
        }
    }

    /// Goes into a folder and passes on everything in it but folders.
    fn enter(&mut self, here: &OwnedFd, meta: Meta, name: Option<&[u8]>) -> Result<Frame> {
        if self.sink.top().is_some_and(|top: Id| top == meta.id) {
            return Err(fail(format!("cannot copy '{}' into itself", self.trail))
                .hint("copy to a folder that is not among what is copied"));
        }
        let list = place::open_folder(here).map_err(|e| cannot("read the folder", &self.trail, e))?;
        if let Some(name) = name {
            self.sink.enter(name, &meta)?;
        }
        let mut frame = Frame { meta, entered: name.is_some(), place: None, folders: Vec::new(), next: 0 };
        let entries = Dir::new(list).map_err(|e| cannot("read the folder", &self.trail, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| cannot("read the folder", &self.trail, e))?;
            let name = entry.file_name().to_bytes();
            if place::is_dot(entry.file_name()) {
                continue;
            }
            let keep = |frame: &mut Frame| {
                frame.folders.extend_from_slice(name);
                frame.folders.push(0);
            };
            if entry.file_type() == FileType::Directory {
                keep(&mut frame);
                continue;
            }
            self.trail.push(name);
            if self.descend(here, name)?.is_some() {
                keep(&mut frame);
            }
            self.trail.pop();
        }
        Ok(frame)
    }

    fn meet(&mut self, place: OwnedFd, name: &[u8], top: bool) -> Result<Met> {
        let stat = fstat(&place).map_err(|e| cannot("read", &self.trail, e))?;
        let meta = Meta::of(&stat);
        let why = match FileType::from_raw_mode(stat.st_mode) {
            _ if self.is_kernels(&place, &meta)? => match top {
                true => return Err(self.kernels()),
                false => "the kernel makes it up",
            },
            FileType::Directory => return Ok(Met::Folder(place, meta)),
            FileType::RegularFile => {
                let file = place::open(&place, OFlags::RDONLY).map_err(|e| cannot("read", &self.trail, e))?;
                self.sink.file(name, &meta, &file, &self.trail, self.progress)?;
                self.progress.entry();
                return Ok(Met::Done);
            }
            FileType::Symlink => {
                let target = readlinkat(&place, c"", Vec::new()).map_err(|e| cannot("read", &self.trail, e))?;
                self.sink.link(name, &meta, target.as_bytes())?;
                self.progress.entry();
                return Ok(Met::Done);
            }
            FileType::Fifo => "it is a named pipe",
            FileType::Socket => "it is a socket",
            _ => "it is a device",
        };
        if top {
            return Err(fail(format!("cannot copy '{}'", self.trail))
                .why(why)
                .hint("files, folders and links can be copied; read it with a command instead: kakuri exec NAME cat"));
        }
        self.progress.note(&self.trail, why);
        Ok(Met::Done)
    }

    fn is_kernels(&mut self, place: impl AsFd, meta: &Meta) -> Result<bool> {
        if !self.guarded || self.device == Some(meta.id.0) {
            return Ok(false);
        }
        let kernels = place::is_kernels(place).map_err(|e| cannot("read", &self.trail, e))?;
        if !kernels {
            self.device = Some(meta.id.0);
        }
        Ok(kernels)
    }

    fn kernels(&self) -> kakuri_wire::Fail {
        fail(format!("cannot copy '{}'", self.trail))
            .why("the kernel makes it up, and it is no file of the container's")
            .hint("read it with a command: kakuri exec NAME cat PATH")
    }
}
