//! A read-only folder of the host seen through a skeleton of ours: how a mount point appears under a
//! read-only tree without touching the host. Runs with CAP_SYS_ADMIN over the container.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, move_mount,
};

use crate::NO_OVERLAY;
use crate::source::{self, READ_ONLY};

/// The host's folder that a union shows.
pub fn open(from: &Bytes, at: &Bytes) -> Result<OwnedFd> {
    source::open(from, true).map_err(|e| source::unreachable(format!("cannot show '{from}' at '{at}'"), e, true))
}

/// A read-only overlay of two lower folders, detached. CAP_SYS_ADMIN is enough, because nothing is ever
/// written through it.
pub fn overlay(skeleton: BorrowedFd, folder: BorrowedFd, at: &Bytes) -> Result<OwnedFd> {
    let mut log = None;
    make_overlay(skeleton, folder, &mut log).map_err(|e| {
        let fail = Fail::new(Stage::Mount, format!("{NO_OVERLAY} '{at}'")).errno(e);
        let fail = match log.as_ref().and_then(words) {
            Some(words) => fail.why(format!("{}: {words}", kakuri_wire::fail::describe(e.raw_os_error()))),
            None => fail,
        };
        fail.hint("the kernel makes no overlay of that folder: bind to a place that exists there, or elsewhere")
    })
}

pub fn make_overlay(skeleton: BorrowedFd, folder: BorrowedFd, log: &mut Option<OwnedFd>) -> Result<OwnedFd, Errno> {
    let fs: &OwnedFd = log.insert(fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?);
    // By descriptor's name: no colon, comma or backslash of a path is ever parsed, and no path shows in mountinfo.
    let lower = format!("/proc/self/fd/{}:/proc/self/fd/{}", skeleton.as_raw_fd(), folder.as_raw_fd());
    fsconfig_set_string(fs, "lowerdir", lower)?;
    // In a user namespace overlayfs must not want trusted.* attributes.
    fsconfig_set_flag(fs, "userxattr")?;
    fsconfig_create(fs)?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// What the file system itself said, where it did (Linux 6.5): `e overlay: ...`.
pub fn words(log: &OwnedFd) -> Option<String> {
    let mut buffer = [0_u8; 256];
    let read = rustix::io::read(log, &mut buffer[..]).ok()?;
    let text = String::from_utf8_lossy(&buffer[..read]);
    Some(Bytes::from(text.trim().trim_start_matches("e ").trim_start_matches("overlay: ")).to_string())
}

/// Shows every entry of `folder` that the skeleton does not name: a link as a link, anything else by a bind.
///
/// `skeleton` is the folder as the staging tmpfs has it, writable; `placed` the read-only mount of it in the
/// new root. What cannot be opened is left out, as ls(1) would leave it out.
pub fn entries(skeleton: BorrowedFd, placed: BorrowedFd, folder: BorrowedFd, at: &Bytes) -> Result<()> {
    let what = || format!("cannot show the entries of '{at}'");
    // An O_PATH descriptor cannot be listed.
    let list = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listed = match openat(folder, c".", list, Mode::empty()) {
        Err(Errno::ACCESS) => return Ok(()),
        opened => opened.fail(Stage::Mount, what)?,
    };
    for entry in Dir::new(listed).fail(Stage::Mount, what)? {
        let entry = entry.fail(Stage::Mount, what)?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let opened = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let Ok(source) = opened else { continue };
        let Ok(stat) = fstat(&source) else { continue };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Symlink {
            let Ok(to) = readlinkat(&source, c"", Vec::new()) else { continue };
            match symlinkat(to, skeleton, name) {
                Ok(()) | Err(Errno::EXIST) => continue,
                Err(e) => return Err(e).fail(Stage::Mount, what),
            }
        }
        let made = if kind == FileType::Directory {
            mkdirat(skeleton, name, Mode::from_raw_mode(0o755))
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDONLY | OFlags::CLOEXEC;
            openat(skeleton, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        };
        match made {
            Ok(()) => place(placed, name, &source).fail(Stage::Mount, what)?,
            // The skeleton names it; where both have a folder, the host's entries join the skeleton's.
            Err(Errno::EXIST) if kind == FileType::Directory => {
                let into = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let Ok(skeleton) = openat(skeleton, name, into, Mode::empty()) else { continue };
                let placed = openat(placed, name, into, Mode::empty()).fail(Stage::Mount, what)?;
                entries(skeleton.as_fd(), placed.as_fd(), source.as_fd(), at)?;
            }
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e).fail(Stage::Mount, what),
        }
    }
    Ok(())
}

fn place(placed: BorrowedFd, name: &std::ffi::CStr, source: &OwnedFd) -> Result<(), Errno> {
    let Ok(tree) = source::detach(source.as_fd(), READ_ONLY) else { return Ok(()) };
    move_mount(&tree, c"", placed, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}
