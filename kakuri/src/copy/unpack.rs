//! Unpacking an archive into a container. Nobody vouches for what it says, nor for the folders it goes into.
//!
//! Names are taken from the folder that was named and links on the way are followed, as a program in the container
//! would: below the container's root, which they cannot leave. The archive's own links are made last, so that none of
//! its entries goes through them to a place its names do not tell.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result};
use rustix::fs::{AtFlags, FileType, Mode, fchmod, fstat, ftruncate, futimens, mkdirat, utimensat};
use rustix::io::Errno;

use super::contents::{self, errno};
use super::fresh::{self, Fresh};
use super::place::{self, Base};
use super::tar::{Broken, Entry, Kind, Reader};
use super::{Id, PERMISSIONS, Progress, Trail, cannot, fail, times};

const CHUNK: usize = 64 << 10;
/// Zeros of this length become holes.
const HOLE: usize = 4096;
/// Of a path given to the kernel at once, which takes no more than 4095 bytes.
const PIECE: usize = 3800;

/// A folder whose mode and time are set at the end, when nothing is written into it any more.
struct Made {
    path: Vec<u8>,
    id: Id,
    mode: u32,
    changed: (i64, u32),
}

/// A symbolic link of the archive.
#[derive(Clone)]
struct Link {
    target: Vec<u8>,
    changed: (i64, u32),
}

struct Unpack<'a> {
    base: &'a Base<'a>,
    /// The folder it goes into.
    top: &'a [u8],
    shown: Trail,
    /// The folder used last, by its name below the top.
    last: Option<(Vec<u8>, Rc<OwnedFd>)>,
    made: Vec<Made>,
    /// Links to make, by their names.
    links: BTreeMap<Vec<u8>, Link>,
    progress: &'a mut Progress,
}

/// Unpacks all of an archive into the folder `top`.
pub fn run(from: impl Read, base: &Base, top: &[u8], progress: &mut Progress) -> Result<()> {
    let mut reader = Reader::new(from);
    let shown = Trail::new(base.shown(top));
    let mut unpack = Unpack { base, top, shown, last: None, made: Vec::new(), links: BTreeMap::new(), progress };
    let done = unpack.all(&mut reader);
    // What came before an error is whole.
    let finished = unpack.finish();
    done.and(finished)
}

fn broken(broken: Broken) -> Fail {
    let what = "cannot read the archive on standard input";
    match broken {
        Broken::Damaged { why, at } => {
            fail(format!("{what} at byte {at}")).why(why).hint("it may have been cut off: tar -t lists what is in one")
        }
        Broken::Compressed(program) => fail(what)
            .why(format!("{program} has compressed it"))
            .hint(format!("{program} -dc FILE | kakuri container cp - NAME:PATH")),
        Broken::Read(e) => fail(what).errno(errno(&e)),
    }
}

/// A name of the archive, as names in folders.
fn names(path: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if path.first() == Some(&b'/') {
        return Err("its name is absolute");
    }
    let names: Vec<&[u8]> = crate::pathname::components(path).collect();
    if names.contains(&&b".."[..]) { Err("its name leads upwards") } else { Ok(names) }
}

impl Unpack<'_> {
    fn all(&mut self, reader: &mut Reader<impl Read>) -> Result<()> {
        while let Some(entry) = reader.entry().map_err(broken)? {
            self.entry(&entry, reader)?;
        }
        reader.drain();
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, reader: &mut Reader<impl Read>) -> Result<()> {
        let refused = |why: &str| {
            fail(format!("cannot unpack '{}' of the archive", Bytes(entry.path.clone())))
                .why(why)
                .hint("an archive of names below one folder is made by: tar -C FOLDER -c .")
        };
        let names = names(&entry.path).map_err(refused)?;
        let Some((name, above)) = names.split_last() else {
            // The folder itself.
            return if entry.kind == Kind::Folder { Ok(()) } else { Err(refused("it has no name")) };
        };
        let path = names.join(&b'/');
        let shown = self.shown.with(&path);
        let what = |act: &str, e| cannot(act, &shown, e);
        let why = match entry.kind {
            Kind::File | Kind::Hard | Kind::Link | Kind::Folder => None,
            Kind::Sparse => {
                return Err(refused("it is a sparse file in a form of GNU tar's own")
                    .hint("make the archive without -S: the holes are found again when it is unpacked"));
            }
            Kind::Device => Some("it is a device"),
            Kind::Fifo => Some("it is a named pipe"),
            _ => Some("it is of no kind that is known"),
        };
        if let Some(why) = why {
            self.progress.note(&shown, why);
            return Ok(());
        }
        let folder = self.folder_made(above).map_err(|e| what("unpack to", e))?;
        // The last one of a name counts.
        self.links.remove(&path);
        match entry.kind {
            Kind::Folder => self.make(&folder, name, path, entry)?,
            Kind::Link => {
                self.links.insert(path, Link { target: entry.link.clone(), changed: entry.changed });
            }
            Kind::Hard => {
                let to =
                    self::names(&entry.link).map_err(|why| refused(&why.replace("its name", "the file it names")))?;
                // A link of several names is made as several.
                if let Some(link) = self.links.get(&to.join(&b'/')).cloned() {
                    self.links.insert(path, link);
                    return Ok(());
                }
                let file = self.find(&to).map_err(|e| {
                    cannot("find", self.shown.with(&entry.link), e).hint("a hard link names an earlier file")
                })?;
                fresh::hard_link(&folder, name, &file).map_err(|e| what("make the link", e))?;
            }
            _ => {
                let fresh = self.write(&folder, entry, reader)?.map_err(|e| what("write", e))?;
                fresh.place(name, self.progress).map_err(|e| what("write", e))?;
            }
        }
        self.progress.entry();
        Ok(())
    }

    /// A file that has all of its contents. The outer error is the archive's, the inner one the file's.
    fn write<'f>(
        &mut self,
        folder: &'f OwnedFd,
        entry: &Entry,
        reader: &mut Reader<impl Read>,
    ) -> Result<std::result::Result<Fresh<'f>, Errno>> {
        let fresh = match Fresh::create(folder) {
            Ok(fresh) => fresh,
            Err(e) => return Ok(Err(e)),
        };
        let mut buffer = vec![0; CHUNK];
        let mut at = 0;
        loop {
            let n = reader.contents(&mut buffer).map_err(broken)?;
            if n == 0 {
                break;
            }
            for piece in buffer[..n].chunks(HOLE) {
                if !contents::is_empty(piece)
                    && let Err(e) = fresh.file.write_all_at(piece, at)
                {
                    return Ok(Err(errno(&e)));
                }
                at += piece.len() as u64;
            }
            self.progress.wrote(n);
        }
        let done = ftruncate(&fresh.file, entry.size)
            .and_then(|()| fchmod(&fresh.file, Mode::from_raw_mode(entry.mode & PERMISSIONS)))
            .and_then(|()| futimens(&fresh.file, &times(entry.changed)));
        Ok(done.map(|()| fresh))
    }

    /// A folder; one that is there stays as it is, a link that leads to one too.
    fn make(&mut self, folder: &OwnedFd, name: &[u8], path: Vec<u8>, entry: &Entry) -> Result<()> {
        let shown = self.shown.with(&path);
        let what = |e| cannot("make the folder", &shown, e);
        match mkdirat(folder, name, Mode::RWXU) {
            Ok(()) => {
                let made = place::step(folder, name).and_then(fstat).map_err(what)?;
                let id = (made.st_dev, made.st_ino);
                self.made.push(Made { path, id, mode: entry.mode & PERMISSIONS, changed: entry.changed });
                Ok(())
            }
            Err(Errno::EXIST) => self.folder(&path).map(drop).map_err(what),
            Err(e) => Err(what(e)),
        }
    }

    /// A regular file by its names, itself and not what a link leads to.
    fn find(&mut self, names: &[&[u8]]) -> Result<OwnedFd, Errno> {
        let (name, above) = names.split_last().ok_or(Errno::ISDIR)?;
        let folder = self.folder(&above.join(&b'/'))?;
        let file = place::touch(&*folder, name)?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file),
            FileType::Directory => Err(Errno::ISDIR),
            FileType::Symlink => Err(Errno::LOOP),
            _ => Err(Errno::INVAL),
        }
    }

    /// A folder by its name below the top. Links that lead away are not followed beyond the first few thousand bytes
    /// of a path.
    fn folder(&mut self, path: &[u8]) -> Result<Rc<OwnedFd>, Errno> {
        if let Some((last, folder)) = &self.last {
            if last == path {
                return Ok(folder.clone());
            }
            let below = crate::pathname::below(path, last).filter(|_| !last.is_empty());
            if let Some(found) = below.and_then(|rest| place::step(&**folder, rest).ok()) {
                return self.keep(path, found);
            }
        }
        let whole = [self.top, b"/", path].concat();
        let cut = |bytes: &[u8]| match bytes.len() {
            0..=PIECE => bytes.len(),
            _ => bytes[..PIECE].iter().rposition(|&b| b == b'/').unwrap_or(PIECE),
        };
        let (head, mut rest) = whole.split_at(cut(&whole));
        let mut found = self.base.folder(head)?;
        while !rest.is_empty() {
            rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let (piece, more) = rest.split_at(cut(rest));
            found = place::step(&found, piece)?;
            rest = more;
        }
        self.keep(path, found)
    }

    fn keep(&mut self, path: &[u8], folder: OwnedFd) -> Result<Rc<OwnedFd>, Errno> {
        // The kernel would take what is written there for orders of the caller.
        if place::is_kernels(&folder)? {
            return Err(Errno::ACCESS);
        }
        let folder = Rc::new(folder);
        self.last = Some((path.to_vec(), folder.clone()));
        Ok(folder)
    }

    /// The same, made where it is missing: an archive need not name its folders.
    fn folder_made(&mut self, names: &[&[u8]]) -> Result<Rc<OwnedFd>, Errno> {
        match self.folder(&names.join(&b'/')) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let mut folder = self.folder(b"")?;
        for depth in 0..names.len() {
            let path = names[..=depth].join(&b'/');
            folder = match self.folder(&path) {
                Err(Errno::NOENT) => {
                    mkdirat(&*folder, names[depth], Mode::from_raw_mode(0o755))?;
                    self.folder(&path)?
                }
                found => found?,
            };
        }
        Ok(folder)
    }

    fn link(&mut self, path: &[u8], link: &Link) -> Result<(), Errno> {
        let (above, name) = place::split(path);
        let folder = self.folder(place::strip_slashes(above))?;
        if place::kind(&*folder, name) == Some(FileType::Directory) {
            return Err(Errno::ISDIR);
        }
        fresh::symlink(&folder, name, &link.target)?;
        utimensat(&*folder, name, &times(link.changed), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Links, then the modes and times of folders, those within first.
    fn finish(mut self) -> Result<()> {
        for (path, link) in std::mem::take(&mut self.links) {
            self.link(&path, &link).map_err(|e| cannot("make the link", self.shown.with(&path), e))?;
        }
        for made in std::mem::take(&mut self.made).into_iter().rev() {
            let done = self.folder(&made.path).and_then(|folder| {
                let folder = place::open_folder(&*folder)?;
                let stat = fstat(&folder)?;
                // Somebody has put another one there.
                if (stat.st_dev, stat.st_ino) != made.id {
                    return Ok(());
                }
                fchmod(&folder, Mode::from_raw_mode(made.mode))?;
                futimens(&folder, &times(made.changed))
            });
            match done {
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(e) => return Err(cannot("set the mode of", self.shown.with(&made.path), e)),
            }
        }
        Ok(())
    }
}
