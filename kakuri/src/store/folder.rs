//! Folders and files of the store by descriptor: only our own are used, links are not followed, and what is written
//! is there wholly or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kakuri_wire::fail::{Fail, Stage};
use kakuri_wire::sys;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, fsync, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Of one file kakuri wrote.
const MAX_FILE: u64 = 16 << 20;

/// Why something in the store is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    Errno(Errno),
    /// Of this uid.
    Foreign(u32),
    NotFolder,
    NotFile(FileType),
    Writable,
    Large,
}

impl Unfit {
    pub fn fail(self, what: impl Into<String>, hint: impl Into<String>) -> Fail {
        let fail = Fail::new(Stage::Front, what);
        match self {
            Unfit::Errno(e) => fail.errno(e).hint(hint),
            Unfit::Foreign(uid) => fail
                .why(format!("it belongs to another user, uid {uid}"))
                .hint(format!("run kakuri as that user, or {}", hint.into())),
            Unfit::NotFolder => fail.why("it is not a folder").hint(hint),
            Unfit::NotFile(kind) => fail.why(format!("it is {}", called(kind))).hint(hint),
            Unfit::Writable => fail
                .why("other users may write to it")
                .hint(format!("chmod go-w takes that from them, where you trust what it says; else {}", hint.into())),
            Unfit::Large => fail.why("it is too large to be one of kakuri's").hint(hint),
        }
    }
}

impl From<Errno> for Unfit {
    fn from(e: Errno) -> Unfit {
        Unfit::Errno(e)
    }
}

impl From<std::io::Error> for Unfit {
    fn from(e: std::io::Error) -> Unfit {
        Unfit::Errno(Errno::from_io_error(&e).unwrap_or(Errno::IO))
    }
}

fn called(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "no regular file",
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A folder of ours that the configuration names: links on the way are the user's choice.
pub fn open_own(path: &Path) -> Result<OwnedFd, Unfit> {
    own_folder(openat(CWD, path, FOLDER, Mode::empty()))
}

/// A folder of ours in a folder, itself and not what a link leads to.
pub fn open_own_at(dir: impl AsFd, name: &str) -> Result<OwnedFd, Unfit> {
    own_folder(openat(dir, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()))
}

fn own_folder(opened: Result<OwnedFd, Errno>) -> Result<OwnedFd, Unfit> {
    let folder = opened.map_err(|e| match e {
        // Of O_DIRECTORY with O_NOFOLLOW on a link.
        Errno::NOTDIR | Errno::LOOP => Unfit::NotFolder,
        e => Unfit::Errno(e),
    })?;
    let stat = fstat(&folder)?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(Unfit::Foreign(stat.st_uid));
    }
    Ok(folder)
}

/// A file of ours, whole. Not followed where it is a link, and not waited for where it is a pipe.
pub fn read(folder: impl AsFd, name: &str) -> Result<Vec<u8>, Unfit> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty()).map_err(|e| match e {
        Errno::LOOP => Unfit::NotFile(FileType::Symlink),
        // Of a socket.
        Errno::NXIO => Unfit::NotFile(FileType::Socket),
        e => Unfit::Errno(e),
    })?;
    let stat = fstat(&file)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        return Err(Unfit::NotFile(kind));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(Unfit::Foreign(stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(Unfit::Writable);
    }
    // With room for all of it, it is read at once: a start reads a few of these.
    let mut bytes = Vec::with_capacity((stat.st_size as u64).min(MAX_FILE) as usize + 1);
    File::from(file).take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE { Err(Unfit::Large) } else { Ok(bytes) }
}

/// Writes a file of mode 0600 in the place of an older one, durably: whoever reads meets the old one or the new one.
/// The caller holds the lock of the container, so that nobody else writes the same file at the time.
pub fn write(folder: impl AsFd, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    let folder = folder.as_fd();
    let new = format!(".{name}.new");
    let written = write_new(folder, &new, bytes).and_then(|()| renameat(folder, &new, folder, name));
    if let Err(e) = written {
        let _ = unlinkat(folder, &new, AtFlags::empty());
        return Err(e);
    }
    fsync(folder)
}

fn write_new(folder: BorrowedFd, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    // What a crash has left.
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, name, flags, Mode::from_raw_mode(0o600))?);
    // With a limit on file sizes the kernel would kill us instead of saying so.
    sys::ignoring(libc::SIGXFSZ, || file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}

pub fn exists(dir: impl AsFd, name: &str) -> bool {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Device and inode.
pub fn id(fd: impl AsFd) -> Result<(u64, u64), Errno> {
    fstat(fd).map(id_of)
}

/// The same of what is at a name; links are not followed.
pub fn id_at(dir: impl AsFd, name: &str) -> Result<(u64, u64), Errno> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(id_of)
}

pub fn id_of(stat: Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
