//! The folder of segments. Everything is opened below a descriptor of it, without following any link.

use std::fs::File;
use std::path::Path;

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, fail::OrFail};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, open, openat2, unlinkat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

const BELOW: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// The container's folder itself.
pub fn container(folder: &Path) -> Result<OwnedFd> {
    open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .fail(Stage::Front, || format!("cannot open '{}'", Bytes::from(folder)))
}

/// `log/` in a container's folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    pub fn open(container: &OwnedFd) -> Result<Folder, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat2(container, "log", flags, Mode::empty(), BELOW).map(Folder)
    }

    pub fn make(container: &OwnedFd) -> Result<Folder, Errno> {
        match mkdirat(container, "log", Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Folder::open(container),
            Err(e) => Err(e),
        }
    }

    /// The numbers of the segments there are, in order.
    pub fn segments(&self) -> Result<Vec<u64>, Errno> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let digits = entry.file_name().to_bytes().strip_prefix(b"log.").and_then(|n| std::str::from_utf8(n).ok());
            let number = digits.filter(|n| n.bytes().all(|b| b.is_ascii_digit())).and_then(|n| n.parse().ok());
            // `log.007` is nobody's: the name must lead back to the number.
            found.extend(number.filter(|n| Some(name(*n).as_bytes()) == Some(entry.file_name().to_bytes())));
        }
        found.sort_unstable();
        Ok(found)
    }

    pub fn read(&self, number: u64) -> Result<File, Errno> {
        self.file(number, OFlags::RDONLY, Mode::empty())
    }

    /// To append to, and to look at what is there.
    pub fn append(&self, number: u64) -> Result<File, Errno> {
        self.file(number, OFlags::RDWR | OFlags::APPEND, Mode::empty())
    }

    pub fn create(&self, number: u64) -> Result<File, Errno> {
        self.file(number, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR)
    }

    pub fn remove(&self, number: u64) -> Result<(), Errno> {
        unlinkat(&self.0, name(number), AtFlags::empty())
    }

    fn file(&self, number: u64, flags: OFlags, mode: Mode) -> Result<File, Errno> {
        // Not blocking: whatever else lies there under that name, a fifo above all, is not waited for.
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = openat2(&self.0, name(number), flags, mode, BELOW)?;
        match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::RegularFile => Ok(File::from(fd)),
            _ => Err(Errno::INVAL),
        }
    }
}

fn name(number: u64) -> String {
    format!("log.{number}")
}

/// The error of a log that cannot be opened.
pub fn unreadable(folder: &Path, errno: Errno) -> Fail {
    let shown = Bytes::from(&folder.join("log"));
    Fail::new(Stage::Front, format!("cannot open the log '{shown}'"))
        .errno(errno)
        .hint(format!("ls -la '{shown}': it is a folder of plain files that belong to you, or missing"))
}
