//! Putting a new file or link in its place, whole or not at all: what stood there before stays until then.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, fstat, ftruncate, linkat, openat, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::contents::{self, Broke};
use super::{Id, Progress, place};

/// A file that has no name yet, or a name of its own until it is finished.
pub struct Fresh<'a> {
    folder: BorrowedFd<'a>,
    pub file: File,
    /// Removed when this goes.
    name: Option<String>,
}

/// Nobody else's, and nobody waits for it: it is refused where it exists.
fn odd_name() -> Result<String, Errno> {
    crate::store::name::random(8).map(|random| format!(".kakuri-{random}")).map_err(|_| Errno::IO)
}

impl<'a> Fresh<'a> {
    /// Without a name where the file system can, so that not even a kill leaves half a file.
    pub fn create(folder: &'a OwnedFd) -> Result<Fresh<'a>, Errno> {
        let folder = folder.as_fd();
        let mode = Mode::RUSR | Mode::WUSR;
        match openat(folder, c".", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
            Ok(file) => return Ok(Fresh { folder, file: file.into(), name: None }),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
            Err(e) => return Err(e),
        }
        let name = odd_name()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, &name, flags, mode)?.into();
        Ok(Fresh { folder, file, name: Some(name) })
    }

    /// Gives it its name, in the place of another file or link; what it is then.
    pub fn place(mut self, name: &[u8], progress: &mut Progress) -> Result<Option<Id>, Errno> {
        let stat = fstat(&self.file)?;
        let id = Some((stat.st_dev, stat.st_ino));
        if self.name.is_none() {
            match self.link(name) {
                Ok(()) => return Ok(id),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            let odd = odd_name()?;
            self.link(odd.as_bytes())?;
            self.name = Some(odd);
        }
        let Some(odd) = &self.name else { return Err(Errno::IO) };
        match renameat(self.folder, odd, self.folder, name) {
            Ok(()) => {
                self.name = None;
                Ok(id)
            }
            // A file that is mounted there keeps its place, and gets what is in ours.
            Err(Errno::BUSY) => self.pour(name, stat.st_size as u64, progress).map(|()| None),
            Err(e) => Err(e),
        }
    }

    fn link(&self, name: &[u8]) -> Result<(), Errno> {
        linkat(CWD, place::link_of(&self.file), self.folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn pour(&self, name: &[u8], size: u64, progress: &mut Progress) -> Result<(), Errno> {
        let there = place::touch(self.folder, name)?;
        if place::is_kernels(&there)? || FileType::from_raw_mode(fstat(&there)?.st_mode) != FileType::RegularFile {
            return Err(Errno::BUSY);
        }
        let to = place::open(&there, OFlags::WRONLY)?;
        ftruncate(&to, 0)?;
        contents::copy(&self.file, size, &to, progress).map_err(|broke| match broke {
            Broke::Read(e) | Broke::Write(e) => e,
        })
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}

/// Makes a symbolic link, in the place of another file or link.
pub fn symlink(folder: &OwnedFd, name: &[u8], target: &[u8]) -> Result<(), Errno> {
    replace(folder, name, |name| symlinkat(target, folder, name))
}

/// Makes another name for an open file.
pub fn hard_link(folder: &OwnedFd, name: &[u8], file: &OwnedFd) -> Result<(), Errno> {
    replace(folder, name, |name| linkat(CWD, place::link_of(file), folder, name, AtFlags::SYMLINK_FOLLOW))
}

fn replace(folder: &OwnedFd, name: &[u8], make: impl Fn(&[u8]) -> Result<(), Errno>) -> Result<(), Errno> {
    match make(name) {
        Err(Errno::EXIST) => {}
        made => return made,
    }
    let odd = odd_name()?;
    make(odd.as_bytes())?;
    let renamed = renameat(folder, &odd, folder, name);
    // Where both are one file already nothing is renamed, and both names stay.
    match unlinkat(folder, &odd, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => renamed,
        Err(e) => renamed.and(Err(e)),
    }
}
