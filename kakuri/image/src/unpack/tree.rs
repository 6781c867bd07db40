//! The tree of a layer being made: entries in the order of the archive, which is any order.
//!
//! The whole of it lies in one folder that nobody else can reach, and folders get their modes and times at the end.
//! What an archive says twice, its last word counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fstat, linkat, mkdirat, mknodat, openat, statat, symlinkat, unlinkat,
};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::disk;
use super::meter::Meter;
use super::name::{self, Named};
use super::owner::{Meta, Setter};
use super::remove::remove;
use super::way::Way;
use crate::tar::{Broken, Entry, Kind, Reader};

/// A folder of the tree.
#[derive(Default)]
pub struct Folder {
    /// None: the archive does not name it.
    pub meta: Option<Meta>,
    pub opaque: bool,
}

pub struct Tree<'a> {
    pub(super) way: Way,
    /// Another one, for what links name.
    pub(super) other: Way,
    root: OwnedFd,
    pub(super) setter: Setter,
    pub(super) folders: BTreeMap<Vec<u8>, Folder>,
    pub(super) whiteouts: BTreeSet<Vec<u8>>,
    /// Hard links whose file is not there yet.
    pub(super) pending: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) meter: &'a mut Meter,
}

/// Why an entry is not unpacked.
pub enum Trouble {
    /// It is wrong, or the archive is: the layer is refused.
    Refused(Fail),
    /// Reading failed; what it was read from may know more.
    Unread(Broken),
    /// The folder cannot take it.
    Disk(Fail),
}

pub(super) type Done<T = ()> = std::result::Result<T, Trouble>;

impl<'a> Tree<'a> {
    pub fn new(root: OwnedFd, owners: crate::Owners, meter: &'a mut Meter) -> Result<Tree<'a>, Errno> {
        let stat = fstat(&root)?;
        let setter = Setter { owners, born_roots: (stat.st_uid, stat.st_gid) == (0, 0) };
        let (way, other) = (Way::new(copy_of(&root)?), Way::new(copy_of(&root)?));
        let folders = BTreeMap::from([(Vec::new(), Folder::default())]);
        let (whiteouts, pending) = (BTreeSet::new(), BTreeMap::new());
        Ok(Tree { way, other, root, setter, folders, whiteouts, pending, meter })
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    pub fn entry(&mut self, mut entry: Entry, reader: &mut Reader<impl Read>, buffer: &mut [u8]) -> Done {
        self.meter.entry().map_err(Trouble::Refused)?;
        let shown = Bytes(entry.path.clone());
        let refused = |why: &str| Trouble::Refused(wrong(&shown, why));
        let failed = |e: Errno| trouble(&shown, e);
        match name::read(&entry.path).map_err(refused)? {
            Named::Other => Ok(()),
            Named::Root if entry.kind != Kind::Folder => Err(refused("the root is a folder")),
            Named::Root => {
                let meta = Meta::of(&mut entry);
                self.folders.entry(Vec::new()).or_default().meta = Some(meta);
                Ok(())
            }
            Named::Opaque(folder) => {
                self.go(&folder).map_err(failed)?;
                let path = self.way.path(b"");
                self.folders.entry(path).or_default().opaque = true;
                Ok(())
            }
            Named::Whiteout(folder, hidden) => {
                self.go(&folder).map_err(failed)?;
                let path = self.way.path(&hidden);
                self.meter.remember(path.len()).map_err(Trouble::Refused)?;
                self.whiteouts.insert(path);
                Ok(())
            }
            Named::At(folder, name) => {
                self.go(&folder).map_err(failed)?;
                self.make(entry, &name, &shown, reader, buffer)
            }
        }
    }

    /// To a folder, made where it is missing.
    pub(super) fn go(&mut self, folder: &[u8]) -> Result<(), Errno> {
        let Tree { way, folders, meter, .. } = self;
        let mut most = None;
        let gone = way.go(
            folder,
            Some(&mut |made: Vec<u8>| {
                most = most.take().or(meter.remember(made.len()).err());
                folders.insert(made, Folder::default());
            }),
        );
        if most.is_some() { Err(Errno::OVERFLOW) } else { gone }
    }

    fn make(
        &mut self,
        mut entry: Entry,
        name: &[u8],
        shown: &Bytes,
        reader: &mut Reader<impl Read>,
        buffer: &mut [u8],
    ) -> Done {
        if !self.pending.is_empty() {
            self.pending.remove(&self.way.path(name));
        }
        let failed = |e: Errno| trouble(shown, e);
        let meta = Meta::of(&mut entry);
        if !meta.xattrs.is_empty() && !matches!(entry.kind, Kind::File | Kind::Folder) {
            self.meter.left_out("attributes");
        }
        match entry.kind {
            Kind::File => return self.file(&entry, &meta, name, shown, reader, buffer),
            Kind::Folder => self.folder(meta, name, shown)?,
            Kind::Link => {
                if entry.link.is_empty() || entry.link.len() > 4095 {
                    return Err(Trouble::Refused(wrong(shown, "it is a link to nothing that has a name")));
                }
                self.in_place_of(name, |tree| symlinkat(&entry.link[..], tree.way.here(), name)).map_err(failed)?;
                self.setter.finish_at(self.way.here(), name, &meta).map_err(|e| owned(shown, &meta, e))?;
            }
            Kind::Hard => self.hard_link(&entry.link, name, shown)?,
            Kind::Fifo => {
                let mode = meta.mode();
                self.in_place_of(name, |tree| mknodat(tree.way.here(), name, FileType::Fifo, mode, 0))
                    .map_err(failed)?;
                self.setter.finish_at(self.way.here(), name, &meta).map_err(|e| owned(shown, &meta, e))?;
            }
            Kind::Device => self.meter.left_out("device nodes"),
            _ => self.meter.left_out("entries of unknown kinds"),
        }
        Ok(())
    }

    fn file(
        &mut self,
        entry: &Entry,
        meta: &Meta,
        name: &[u8],
        shown: &Bytes,
        reader: &mut Reader<impl Read>,
        buffer: &mut [u8],
    ) -> Done {
        let failed = |e: Errno| trouble(shown, e);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self
            .in_place_of(name, |tree| openat(tree.way.here(), name, flags, meta.mode()).map(File::from))
            .map_err(failed)?;
        super::contents::write(&file, entry, shown, reader, buffer, self.meter)?;
        let meter = &mut *self.meter;
        self.setter.finish(&file, meta, false, &mut |_, e| attribute(meter, e)).map_err(|e| owned(shown, meta, e))
    }

    /// A folder; one that is there stays, with what is in it.
    fn folder(&mut self, meta: Meta, name: &[u8], shown: &Bytes) -> Done {
        let failed = |e: Errno| trouble(shown, e);
        match mkdirat(self.way.here(), name, Mode::RWXU) {
            Err(Errno::EXIST) => {
                let stat = statat(self.way.here(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                    self.clear(name).map_err(failed)?;
                    mkdirat(self.way.here(), name, Mode::RWXU).map_err(failed)?;
                }
            }
            made => made.map_err(failed)?,
        }
        let path = self.way.path(name);
        let attributes: usize = meta.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.meter.remember(path.len() + attributes).map_err(Trouble::Refused)?;
        self.folders.entry(path).or_default().meta = Some(meta);
        Ok(())
    }

    fn hard_link(&mut self, link: &[u8], name: &[u8], shown: &Bytes) -> Done {
        let refused = |why: &str| Trouble::Refused(wrong(shown, &format!("the file it links to: {why}")));
        let target = name::path(link).map_err(refused)?;
        if target.is_empty() {
            return Err(refused("it is the root"));
        }
        if name::split(&target).1.starts_with(b".wh.") {
            return Err(refused("it is a whiteout"));
        }
        let path = self.way.path(name);
        if !self.link(&target, &path, shown)? {
            // The file may come yet, or lie below; what was here is gone in any case.
            self.clear(name).map_err(|e| trouble(shown, e))?;
            self.meter.remember(target.len() + path.len()).map_err(Trouble::Refused)?;
            self.pending.insert(path, target);
        }
        Ok(())
    }

    /// Makes `path` another name of the file at `target`; false where there is none. Where the way is, `path` lies.
    pub(super) fn link(&mut self, target: &[u8], path: &[u8], shown: &Bytes) -> Done<bool> {
        let (folder, file) = name::split(target);
        let name = name::split(path).1;
        let stat =
            self.other.go(folder, None).and_then(|()| statat(self.other.here(), file, AtFlags::SYMLINK_NOFOLLOW));
        let stat = match stat {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(e) => return Err(trouble(shown, e)),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(Trouble::Refused(wrong(shown, "it is a hard link to a folder")));
        }
        if let Ok(here) = statat(self.way.here(), name, AtFlags::SYMLINK_NOFOLLOW) {
            // A name of it already, maybe this very one.
            if here.st_ino == stat.st_ino {
                return Ok(true);
            }
            if self.other.path(file).starts_with(&[path, b"/"].concat()) {
                return Err(Trouble::Refused(wrong(shown, "it takes the place of the folder its file lies in")));
            }
            // What is removed may be a folder, and nothing is known of where the file lies then.
            self.clear(name).and_then(|()| self.other.go(folder, None)).map_err(|e| trouble(shown, e))?;
        }
        linkat(self.other.here(), file, self.way.here(), name, AtFlags::empty()).map_err(|e| trouble(shown, e))?;
        Ok(true)
    }

    /// Makes something where anything may stand, which is removed first.
    fn in_place_of<T>(&mut self, name: &[u8], make: impl Fn(&Self) -> Result<T, Errno>) -> Result<T, Errno> {
        match make(self) {
            Err(Errno::EXIST) => {}
            made => return made,
        }
        self.clear(name)?;
        make(self)
    }

    fn clear(&mut self, name: &[u8]) -> Result<(), Errno> {
        match unlinkat(self.way.here(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(e) => return Err(e),
        }
        // Nothing is known any more of what was in it.
        let path = self.way.path(name);
        let (from, to) = ([&path[..], b"/"].concat(), [&path[..], b"0"].concat());
        forget(&mut self.folders, &path, &from, &to);
        forget(&mut self.pending, &path, &from, &to);
        let within: Vec<Vec<u8>> = self.whiteouts.range(from..to).cloned().collect();
        for path in within {
            self.whiteouts.remove(&path);
        }
        self.way.changed();
        self.other.forget();
        remove(self.way.here(), name)
    }
}

fn forget<T>(map: &mut BTreeMap<Vec<u8>, T>, path: &[u8], from: &[u8], to: &[u8]) {
    map.remove(path);
    let mut tail = map.split_off(from);
    let mut rest = tail.split_off(to);
    map.append(&mut rest);
}

fn copy_of(fd: &OwnedFd) -> Result<OwnedFd, Errno> {
    fcntl_dupfd_cloexec(fd, 0)
}

/// What becomes of an attribute that cannot be set: only what the file system itself suffers from is an error.
pub(super) fn attribute(meter: &mut Meter, e: Errno) -> Result<(), Errno> {
    match e {
        Errno::IO | Errno::ROFS | Errno::DQUOT => Err(e),
        _ => {
            meter.left_out("attributes");
            Ok(())
        }
    }
}

/// An entry that no layer should have.
pub fn wrong(shown: &Bytes, why: &str) -> Fail {
    Fail::new(Stage::Unpack, format!("cannot unpack '{shown}'"))
        .why(why)
        .hint("nobody's tools make such a layer: ask the image's makers, or have it pulled from where it was made")
}

/// The same where it may be for its owner's sake.
pub(super) fn owned(shown: &Bytes, meta: &Meta, e: Errno) -> Trouble {
    if e != Errno::INVAL {
        return trouble(shown, e);
    }
    let Meta { uid, gid, .. } = meta;
    Trouble::Refused(
        Fail::new(Stage::Unpack, format!("cannot unpack '{shown}'"))
            .why(format!("it belongs to user {uid} and group {gid}, and the container's range has not both"))
            .hint("have a larger range: sudo usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER"),
    )
}

pub(super) fn trouble(shown: &Bytes, e: Errno) -> Trouble {
    let why = match e {
        Errno::NOTDIR => "a file stands where a folder should be",
        Errno::LOOP => "links on the way to it lead in a circle",
        Errno::NAMETOOLONG => "folders lie in each other too deep",
        Errno::OVERFLOW => "it has more folders than can be remembered",
        Errno::NOENT => "a folder on the way to it has been removed",
        Errno::FBIG => "it is larger than a file may be there",
        _ => return Trouble::Disk(disk(Fail::new(Stage::Unpack, format!("cannot unpack '{shown}'")), e)),
    };
    Trouble::Refused(wrong(shown, why))
}
