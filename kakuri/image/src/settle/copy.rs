//! Something of a layer below as a layer's own.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, XattrFlags, chownat, fchmod, fchown, fgetxattr, flistxattr,
    fsetxattr, fstat, ftruncate, futimens, mknodat, openat, readlinkat, symlinkat, utimensat,
};
use rustix::io::{Errno, pwrite};

use crate::Owners;
use crate::unpack::times;

const CHUNK: usize = 128 << 10;
/// The kernel's own limit (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const ATTRIBUTES: usize = 64 << 10;

/// Whether there are owners to be kept.
pub type Setter = Owners;

/// Makes one what the other is like: owner, mode, attributes and time.
pub fn like(from: impl AsFd, to: impl AsFd, owners: Setter) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    let stat = fstat(from)?;
    if owners == Owners::Kept {
        fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    }
    fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let mut names = vec![0; ATTRIBUTES];
    let length = match flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(e) => return Err(e),
    };
    let mut value = vec![0; ATTRIBUTES];
    let is_kept = |name: &&[u8]| {
        let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
        user || matches!(*name, b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default")
    };
    for name in names[..length].split(|&b| b == 0).filter(is_kept) {
        let length = fgetxattr(from, name, &mut value[..])?;
        fsetxattr(to, name, &value[..length], XattrFlags::empty())?;
    }
    futimens(to, &times((stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0))))
}

/// Copies what is at `path` of a layer, which is no folder, into a folder; how many bytes that are.
pub fn up(
    layer: &OwnedFd,
    path: &[u8],
    stat: &Stat,
    folder: impl AsFd,
    name: &[u8],
    owners: Setter,
) -> Result<u64, Errno> {
    let folder = folder.as_fd();
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let from = File::from(openat(layer, path, flags, Mode::empty())?);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let to = File::from(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
            contents(&from, &to, stat.st_size as u64)?;
            like(&from, &to, owners)?;
            return Ok(stat.st_size as u64);
        }
        FileType::Symlink => symlinkat(readlinkat(layer, path, Vec::new())?, folder, name)?,
        FileType::Fifo => mknodat(folder, name, FileType::Fifo, Mode::from_raw_mode(stat.st_mode & 0o7777), 0)?,
        _ => return Err(Errno::INVAL),
    }
    if owners == Owners::Kept {
        let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    let changed = times((stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)));
    utimensat(folder, name, &changed, AtFlags::SYMLINK_NOFOLLOW).map(|()| 0)
}

fn contents(mut from: &File, to: &File, size: u64) -> Result<(), Errno> {
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return ftruncate(to, size),
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
        };
        // What is nothing but zeros was a hole, or may be one.
        if buffer[..n].iter().any(|&b| b != 0) {
            let mut done = 0;
            while done < n {
                done += pwrite(to, &buffer[done..n], at + done as u64)?;
            }
        }
        at += n as u64;
    }
}
