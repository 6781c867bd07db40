//! Trees of the host, as detached mounts. Runs with CAP_SYS_ADMIN over the container and the caller's own
//! rights to the host's files: what the caller may not reach is not reached here either.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use kakuri_wire::sys::{
    MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MountAttr, mount_setattr, open_tree_attr,
};
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, open_tree};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Bind;
use crate::skeleton::Staging;

/// More folders than these are not opened within the limit there is.
const MANY: usize = 100;

/// What a bind is to be, beside nosuid.
#[derive(Clone, Copy)]
pub struct Attributes {
    pub read_only: bool,
    pub noexec: bool,
    pub devices: bool,
}

pub const READ_ONLY: Attributes = Attributes { read_only: true, noexec: false, devices: false };

/// The source that was opened last: one that goes to several places is opened and looked at once.
#[derive(Default)]
pub struct Opened(Option<Source>);

struct Source {
    path: Bytes,
    folder: bool,
    fd: OwnedFd,
    stat: Stat,
}

impl Opened {
    fn source(&mut self, path: &Bytes, folder: bool) -> Result<&Source, Errno> {
        let source = match self.0.take() {
            Some(source) if source.path == *path && source.folder == folder => source,
            _ => {
                let fd = open(path, folder)?;
                let stat = fstat(&fd)?;
                Source { path: path.clone(), folder, fd, stat }
            }
        };
        Ok(self.0.insert(source))
    }
}

/// How an error of a bind begins.
pub fn what(bind: &Bind) -> String {
    format!("cannot bind '{}' at '{}'", bind.typed.as_ref().unwrap_or(&bind.from), bind.at)
}

/// The bind's source as a detached mount, itself and everything mounted below it.
pub fn bind(bind: &Bind, staging: &Staging, opened: &mut Opened) -> Result<OwnedFd> {
    let what = || what(bind);
    if staging.covers(&bind.from) {
        return Err(Fail::new(Stage::Mount, what())
            .why("kakuri itself uses that folder while it builds")
            .hint("name another folder, or what is in it one by one"));
    }
    let attributes = Attributes { read_only: bind.read_only, noexec: bind.noexec, devices: bind.devices };
    // A folder on the way may be another user's, who can put a link in its place: then the path would no longer be
    // the one the front resolved and judged. Only what kakuri itself names lies in folders of root alone.
    let named = bind.typed.is_some() || bind.seen.is_some();
    let mut copy = || {
        if named {
            // What is looked at is what is copied: the descriptor stands for one place, and no name is followed again.
            let source = opened.source(&bind.from, bind.folder)?;
            return Ok((detach(source.fd.as_fd(), attributes)?, source.stat));
        }
        let tree = copy_tree(CWD, bind.from.as_bytes(), OpenTreeFlags::AT_SYMLINK_NOFOLLOW, attributes)?;
        let stat = fstat(&tree)?;
        Ok((tree, stat))
    };
    let (tree, stat) = staging.unseen(&bind.from, || {
        copy().map_err(|e| match e {
            Errno::NOENT | Errno::ACCESS | Errno::LOOP | Errno::NOTDIR | Errno::NOTCONN | Errno::IO | Errno::STALE => {
                unreachable(what(), e, bind.folder)
            }
            _ => refused(what(), e),
        })
    })?;
    let folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if folder != bind.folder || bind.seen.is_some_and(|seen| seen != (stat.st_dev, stat.st_ino)) {
        return Err(changed(what()));
    }
    Ok(tree)
}

/// Opens a path of the host; a symbolic link on the way is an error, since the front resolved them all.
pub fn open(path: &Bytes, folder: bool) -> Result<OwnedFd, Errno> {
    // O_DIRECTORY starts an automounter, as cd would; O_PATH alone does not.
    let kind = if folder { OFlags::DIRECTORY } else { OFlags::empty() };
    let flags = OFlags::PATH | OFlags::CLOEXEC | kind;
    openat2(CWD, path.as_bytes(), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

/// A copy of the mounts at and below what was opened. Always the whole tree: where something is mounted
/// below that came from another user namespace, a part of it is EINVAL.
pub fn detach(source: BorrowedFd, attributes: Attributes) -> Result<OwnedFd, Errno> {
    copy_tree(source, b"", OpenTreeFlags::AT_EMPTY_PATH, attributes)
}

/// The same place again, read-only and for data alone.
pub fn freeze(place: BorrowedFd) -> Result<OwnedFd, Errno> {
    copy_tree(place, b"", OpenTreeFlags::AT_EMPTY_PATH, Attributes { noexec: true, ..READ_ONLY })
}

/// Set once the kernel has refused the call that copies and sets attributes at a time: it is older than 6.15, or a
/// sandbox around us knows only older ones.
static TWO_CALLS: AtomicBool = AtomicBool::new(false);

fn copy_tree(from: BorrowedFd, path: &[u8], how: OpenTreeFlags, attributes: Attributes) -> Result<OwnedFd, Errno> {
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    let whole = how | OpenTreeFlags::AT_RECURSIVE | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let flag = |on, bit| if on { bit } else { 0 };
    let set = MOUNT_ATTR_NOSUID
        | flag(!attributes.devices, MOUNT_ATTR_NODEV)
        | flag(attributes.read_only, MOUNT_ATTR_RDONLY)
        | flag(attributes.noexec, MOUNT_ATTR_NOEXEC);
    // Private, in the same call: what the host mounts there later does not appear in the container.
    let attr = MountAttr { set, propagation: PRIVATE, ..Default::default() };
    let errno = |e: std::io::Error| Errno::from_io_error(&e).unwrap_or(Errno::IO);
    if !TWO_CALLS.load(Ordering::Relaxed) {
        match open_tree_attr(from, &path, whole.bits(), &attr).map_err(errno) {
            Err(Errno::NOSYS | Errno::PERM) => TWO_CALLS.store(true, Ordering::Relaxed),
            other => return other,
        }
    }
    let tree = open_tree(from, &path, whole)?;
    mount_setattr(tree.as_fd(), true, &attr).map_err(errno)?;
    Ok(tree)
}

const PRIVATE: u64 = MountPropagationFlags::PRIVATE.bits() as u64;

/// A source that cannot be opened.
pub fn unreachable(what: String, e: Errno, folder: bool) -> Fail {
    let fail = Fail::new(Stage::Mount, what).errno(e);
    match e {
        Errno::NOENT => fail.hint("create it first, or correct the name"),
        Errno::ACCESS => {
            fail.hint("name a place you may enter: namei -l PATH shows which folder on the way is closed to you")
        }
        // The front resolved every link and looked at its kind.
        Errno::LOOP => changed(fail.what),
        Errno::NOTDIR if folder => changed(fail.what),
        Errno::NOTCONN | Errno::IO | Errno::STALE => {
            fail.hint("its file system does not answer: unmount or remount it on the host")
        }
        _ => fail,
    }
}

pub fn changed(what: String) -> Fail {
    Fail::new(Stage::Mount, what)
        .why("it changed while it was being bound")
        .hint("another process replaces it: bind its parent folder instead, or try again")
}

/// Raises the limit of open files where so many folders are open at once: a process may have fewer than that by custom.
pub fn permit_many(folders: usize) {
    if folders > MANY {
        let limit = getrlimit(Resource::Nofile);
        // Where it cannot be raised, the one too many is told.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

pub fn refused(what: String, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, what).errno(e);
    match e {
        Errno::INVAL => fail
            .why("the kernel lets nobody bind it (its mount is unbindable, or belongs to another namespace)")
            .hint("bind what is in it, or a copy: cp -a"),
        Errno::PERM | Errno::ACCESS => {
            fail.hint("a security module forbids it: see the kernel's log, and kakuri doctor")
        }
        Errno::NOSYS => fail.why("the kernel is too old").hint("Linux 5.12 is the oldest that works"),
        Errno::NOSPC => fail
            .why("the system's limit of mounts in one namespace is reached")
            .hint("bind a folder instead of its files one by one, or raise sysctl fs.mount-max"),
        _ => fail,
    }
}
