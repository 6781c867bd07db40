//! The lock of a container: NAME/lock, an open file description lock (fcntl(2)). Forked, it is shared, and it ends
//! with its last holder, however that ends: a lock is never stale.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{FcntlArg, fcntl};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::folder::{Unfit, id, id_of};

pub const FILE: &str = "lock";

/// The lock of a container, held. Whoever holds it may run, change or remove the container. An open file
/// description lock (fcntl(2)): forked, it is shared, and it ends with its last holder.
#[derive(Debug)]
pub struct Lock {
    pub file: File,
}

/// Takes the lock in this folder; None while somebody else holds it. The file is made where it is missing.
pub fn try_take(folder: BorrowedFd) -> Result<Option<Lock>, Unfit> {
    try_take_file(folder, FILE)
}

/// The same of another file.
pub fn try_take_file(folder: BorrowedFd, name: &str) -> Result<Option<Lock>, Unfit> {
    take(folder, name, libc::F_WRLCK)
}

/// Takes it beside all others that share it; None while somebody has it alone.
pub fn try_share_file(folder: BorrowedFd, name: &str) -> Result<Option<Lock>, Unfit> {
    take(folder, name, libc::F_RDLCK)
}

fn take(folder: BorrowedFd, name: &str, kind: libc::c_int) -> Result<Option<Lock>, Unfit> {
    loop {
        let file = open(folder, name, OFlags::RDWR | OFlags::CREATE)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole(kind))) {
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => return Ok(None),
            Err(e) => return Err(Unfit::Errno(Errno::from_raw_os_error(e as i32))),
        }
        // A lock on a file that somebody has removed meanwhile keeps nobody out.
        match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if id_of(stat) == id(&file)? => return Ok(Some(Lock { file })),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether anybody holds the lock. It is not taken, so that a look keeps nobody from it.
// The constant has another integer type in musl than in glibc.
#[allow(clippy::unnecessary_cast)]
pub fn is_held(folder: BorrowedFd) -> bool {
    let Ok(file) = open(folder, FILE, OFlags::RDONLY) else { return false };
    let mut other = whole(libc::F_WRLCK);
    match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut other)) {
        Ok(_) => i32::from(other.l_type) != libc::F_UNLCK as i32,
        Err(_) => false,
    }
}

fn open(folder: BorrowedFd, name: &str, how: OFlags) -> Result<File, Unfit> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::from_raw_mode(0o600)).map_err(|e| match e {
        Errno::LOOP => Unfit::NotFile(FileType::Symlink),
        Errno::ISDIR => Unfit::NotFile(FileType::Directory),
        Errno::NXIO => Unfit::NotFile(FileType::Socket),
        e => Unfit::Errno(e),
    })?;
    match FileType::from_raw_mode(fstat(file.as_fd())?.st_mode) {
        FileType::RegularFile => Ok(File::from(file)),
        kind => Err(Unfit::NotFile(kind)),
    }
}

// The fields have another integer type in musl than in glibc.
#[allow(clippy::unnecessary_cast)]
fn whole(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        // It must be 0 for these locks, which belong to no process.
        l_pid: 0,
    }
}
