//! Writing a tree into a folder, step by step: nothing is written through a link, and nothing outside of the folder.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;

use kakuri_wire::fail::Result;
use rustix::fs::{AtFlags, FileType, Mode, fchmod, fstat, futimens, mkdirat, utimensat};
use rustix::io::Errno;

use super::contents::{self, Broke};
use super::fresh::{self, Fresh};
use super::walk::KEPT;
use super::{Id, Meta, Progress, Sink, Trail, cannot, fail, place, times};

/// A folder gone into.
struct Level {
    /// Of the folder above.
    above: Id,
    place: Option<OwnedFd>,
    /// It was not there before.
    made: bool,
}

/// A file of several names that was written by one of them.
struct Written {
    /// Below the top.
    path: Vec<u8>,
    id: Id,
}

/// A folder that is written into.
pub struct Tree {
    here: OwnedFd,
    id: Id,
    top: OwnedFd,
    first: Option<Id>,
    levels: Vec<Level>,
    trail: Trail,
    /// Times too, and the modes of folders that were there.
    archive: bool,
    /// Nothing is written to what the kernel makes up.
    guarded: bool,
    written: HashMap<Id, Written>,
}

impl Tree {
    /// `shown` is the folder as typed. `itself`: what is copied is what the folder gets, and not a folder in it.
    pub fn new(folder: OwnedFd, shown: Vec<u8>, archive: bool, guarded: bool, itself: bool) -> Result<Tree> {
        let trail = Trail::new(shown);
        let what = |e| cannot("write to", &trail, e);
        let id = id_of(&folder).map_err(what)?;
        let top = folder.try_clone().map_err(|e| what(contents::errno(&e)))?;
        let first = itself.then_some(id);
        let tree =
            Tree { here: folder, id, top, first, levels: Vec::new(), trail, archive, guarded, written: HashMap::new() };
        tree.guard()?;
        Ok(tree)
    }

    /// The kernel would take what is written for orders, and takes those of the caller, who may more than the container.
    fn guard(&self) -> Result<()> {
        if self.guarded && place::is_kernels(&self.here).map_err(|e| cannot("write to", &self.trail, e))? {
            return Err(fail(format!("cannot copy to '{}'", self.trail))
                .why("the kernel makes that folder up, and it is none of the container's")
                .hint("write there with a command: kakuri exec NAME sh -c '...'"));
        }
        Ok(())
    }

    /// Another name of a file that was written before; false where that is not there any more.
    fn link_again(&self, name: &[u8], written: &Written) -> Result<bool, Errno> {
        let (folder, last) = place::split(&written.path);
        let folder = match folder {
            b"" => None,
            folder => Some(place::step(&self.top, folder)?),
        };
        let file = place::touch(folder.as_ref().unwrap_or(&self.top), last)?;
        // Whatever somebody has put there meanwhile gets no further name.
        if id_of(&file)? != written.id {
            return Ok(false);
        }
        fresh::hard_link(&self.here, name, &file).map(|()| true)
    }

    fn write(&self, meta: &Meta, from: &File, progress: &mut Progress) -> Result<Fresh<'_>, Broke> {
        let fresh = Fresh::create(&self.here).map_err(Broke::Write)?;
        match contents::copy(from, meta.size, &fresh.file, progress) {
            // Not every file system knows of holes.
            Err(Broke::Read(Errno::INVAL | Errno::OPNOTSUPP)) => contents::copy_all(from, &fresh.file, progress)?,
            done => done?,
        }
        fchmod(&fresh.file, meta.mode()).map_err(Broke::Write)?;
        if self.archive {
            futimens(&fresh.file, &times(meta.changed)).map_err(Broke::Write)?;
        }
        Ok(fresh)
    }
}

fn id_of(place: &OwnedFd) -> Result<Id, Errno> {
    fstat(place).map(|stat| (stat.st_dev, stat.st_ino))
}

impl Sink for Tree {
    fn enter(&mut self, name: &[u8], _: &Meta) -> Result<()> {
        self.trail.push(name);
        let what = |e| cannot("make the folder", &self.trail, e);
        let made = match mkdirat(&self.here, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(e) => return Err(what(e)),
        };
        let below = place::step(&self.here, name).map_err(what)?;
        let id = id_of(&below).map_err(what)?;
        let device = self.id.0;
        let above = std::mem::replace(&mut self.here, below);
        let kept = (self.levels.len() < KEPT).then_some(above);
        self.levels.push(Level { above: std::mem::replace(&mut self.id, id), place: kept, made });
        self.first.get_or_insert(id);
        if id.0 == device { Ok(()) } else { self.guard() }
    }

    fn leave(&mut self, meta: &Meta) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let what = |e| cannot("write to the folder", &self.trail, e);
        // The way up first: the folder may be closed to us with its own mode.
        let above = match level.place {
            Some(above) => above,
            None => place::above(&self.here, level.above).map_err(what)?,
        };
        if level.made || self.archive {
            let folder = place::open_folder(&self.here).map_err(what)?;
            fchmod(&folder, meta.mode()).map_err(what)?;
            if self.archive {
                futimens(&folder, &times(meta.changed)).map_err(what)?;
            }
        }
        self.here = above;
        self.id = level.above;
        self.trail.pop();
        Ok(())
    }

    fn file(&mut self, name: &[u8], meta: &Meta, from: &File, source: &Trail, progress: &mut Progress) -> Result<()> {
        // A name that cannot be added, for a folder on another file system or too deep, is a file of its own.
        if let Some(written) = self.written.get(&meta.id)
            && self.link_again(name, written).unwrap_or(false)
        {
            return Ok(());
        }
        let there = || self.trail.with(name);
        let fresh = self.write(meta, from, progress).map_err(|broke| match broke {
            Broke::Read(e) => cannot("read", source, e),
            Broke::Write(e) => cannot("write", there(), e),
        })?;
        let id = fresh.place(name, progress).map_err(|e| cannot("write", there(), e))?;
        if let Some(id) = id.filter(|_| meta.linked) {
            self.written.insert(meta.id, Written { path: self.trail.with(name).below().to_vec(), id });
        }
        Ok(())
    }

    fn link(&mut self, name: &[u8], meta: &Meta, target: &[u8]) -> Result<()> {
        let what = |e| cannot("make the link", self.trail.with(name), e);
        // rename(2) would say so too, but only after another link was made.
        if place::kind(&self.here, name) == Some(FileType::Directory) {
            return Err(what(Errno::ISDIR));
        }
        fresh::symlink(&self.here, name, target).map_err(what)?;
        if self.archive {
            utimensat(&self.here, name, &times(meta.changed), AtFlags::SYMLINK_NOFOLLOW).map_err(what)?;
        }
        Ok(())
    }

    fn top(&self) -> Option<Id> {
        self.first
    }
}
