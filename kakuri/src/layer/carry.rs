//! Carrying things over from one tree to another: a file beside where it goes, and then its name at once.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::sys;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, XattrFlags, chmodat,
    ioctl_ficlone, linkat, mkdirat, mknodat, openat, readlinkat, removexattr, renameat, renameat_with, setxattr,
    symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::upper::{self, Form, Node, PERMISSIONS, Tree, link_of};
use super::{Stamp, child, plan};
use crate::copy::Progress;
use crate::copy::contents::{self, Broke};
use crate::pathname;

/// A copy of a file, link or pipe under a name of its own in the same folder as where it goes.
pub struct Beside<'a> {
    folder: &'a OwnedFd,
    name: String,
    placed: bool,
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}

impl<'a> Beside<'a> {
    /// `name` is nobody else's: what has it is left of an earlier try.
    pub fn copy(from: &OwnedFd, folder: &'a OwnedFd, name: String) -> Result<Beside<'a>, Errno> {
        match unlinkat(folder, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
        }
        let beside = Beside { folder, name, placed: false };
        copy(from, folder, beside.name.as_bytes())?;
        Ok(beside)
    }

    /// Another name of something.
    pub fn link(from: &OwnedFd, name: &[u8], folder: &'a OwnedFd, own: String) -> Result<Beside<'a>, Errno> {
        match unlinkat(folder, &own, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
        }
        let beside = Beside { folder, name: own, placed: false };
        linkat(from, name, folder, &beside.name, AtFlags::empty())?;
        Ok(beside)
    }

    /// Takes the name: of what is there, or where nothing is.
    pub fn place(mut self, name: &[u8], over: bool) -> Result<(), Errno> {
        if over {
            renameat(self.folder, &self.name, self.folder, name)?;
        } else {
            rename_new(self.folder, self.name.as_bytes(), self.folder, name)?;
        }
        self.placed = true;
        Ok(())
    }
}

/// Fails where the name is taken.
pub fn rename_new(from: impl AsFd, name: &[u8], to: impl AsFd, new: &[u8]) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // NFS and some others know no such flag.
        Err(Errno::INVAL | Errno::NOSYS) => match rustix::fs::statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => renameat(from, name, to, new),
            Err(e) => Err(e),
            Ok(_) => Err(Errno::EXIST),
        },
        done => done,
    }
}

/// A file, link or pipe, with mode, attributes and time.
pub fn copy(from: &OwnedFd, folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let node = Node::of(from)?;
    let mode = Mode::from_raw_mode(node.permissions());
    match node.form {
        Form::File => {
            let source = upper::read(from)?;
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = File::from(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
            fill(&source, &file)?;
            rights(&file.into(), node.permissions(), &upper::attributes(from)?, Some(node.modified))
        }
        Form::Link => symlinkat(readlinkat(from, c"", Vec::new())?, folder, name),
        Form::Fifo => {
            mknodat(folder, name, FileType::Fifo, mode, 0)?;
            chmodat(folder, name, mode, AtFlags::empty())
        }
        _ => Err(Errno::OPNOTSUPP),
    }
}

fn fill(from: &File, to: &File) -> Result<(), Errno> {
    if ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    // With a limit on file sizes the kernel would kill us instead of saying so.
    let size = from.metadata().map(|meta| meta.len()).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    let copied = sys::ignoring(libc::SIGXFSZ, || contents::copy(from, size, to, &mut Progress::begin()));
    copied.map_err(|(Broke::Read(e) | Broke::Write(e))| e)
}

/// Mode, attributes and time of a file or folder.
pub fn rights(
    place: &OwnedFd,
    mode: u32,
    attributes: &[(Vec<u8>, Vec<u8>)],
    modified: Option<Stamp>,
) -> Result<(), Errno> {
    let path = link_of(place);
    for (name, _) in upper::attributes(place)? {
        if !attributes.iter().any(|(kept, _)| *kept == name) {
            removexattr(&path, &*name)?;
        }
    }
    for (name, value) in attributes {
        match setxattr(&path, &**name, value, XattrFlags::empty()) {
            // What its file system does not keep it has never kept.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(e) => return Err(e),
        }
    }
    chmodat(CWD, &path, Mode::from_raw_mode(mode), AtFlags::empty())?;
    match modified {
        Some(modified) => utimensat(CWD, &path, &times(modified), AtFlags::empty()),
        None => Ok(()),
    }
}

fn times(modified: Stamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.0, tv_nsec: i64::from(modified.1) as _ },
    }
}

/// A whole tree, to a name that is free.
pub fn copy_tree(tree: &Tree, top: &[u8], folder: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let from = tree.at(top)?;
    if !Node::of(&from)?.is(Form::Folder) {
        return copy(&from, folder, name);
    }
    mkdirat(folder, name, Mode::RWXU)?;
    let into = Tree::of(openat(
        folder,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    let mut left = vec![Vec::new()];
    let mut folders = Vec::new();
    while let Some(rest) = left.pop() {
        for name in tree.names(&child(top, &rest))? {
            let path = child(&rest, &name);
            let from = tree.at(&child(top, &path))?;
            let here = into.folder(&rest)?;
            match Node::of(&from)?.form {
                Form::Folder => {
                    mkdirat(&here, &*name, Mode::RWXU)?;
                    left.push(path);
                }
                Form::Socket | Form::Device | Form::Whiteout => {}
                _ => copy(&from, &here, &name)?,
            }
        }
        folders.push(rest);
    }
    while let Some(rest) = folders.pop() {
        let from = tree.at(&child(top, &rest))?;
        let node = Node::of(&from)?;
        rights(&into.folder(&rest)?, node.mode & PERMISSIONS, &upper::attributes(&from)?, Some(node.modified))?;
    }
    Ok(())
}

/// Removes a whole tree below a folder of somebody's.
pub fn remove_tree(tree: &Tree, top: &[u8]) -> Result<(), Errno> {
    let mut left = vec![(top.to_vec(), false)];
    while let Some((path, emptied)) = left.pop() {
        let folder = tree.folder(plan::parent(&path))?;
        let name = pathname::name(&path).to_vec();
        let place = tree.at(&path)?;
        if !Node::of(&place)?.is(Form::Folder) {
            unlinkat(&folder, &*name, AtFlags::empty())?;
        } else if emptied {
            unlinkat(&folder, &*name, AtFlags::REMOVEDIR)?;
        } else {
            let mode = Node::of(&place)?.mode;
            if mode & 0o700 != 0o700 {
                chmodat(CWD, link_of(&place), Mode::from_raw_mode(mode | 0o700), AtFlags::empty())?;
            }
            let names = tree.names(&path)?;
            left.push((path.clone(), true));
            left.extend(names.into_iter().map(|name| (child(&path, &name), false)));
        }
    }
    Ok(())
}

/// Moves something to a name that is free in another folder, or copies it there and removes it where that is on another
/// file system: as `part` until it is whole, which is nobody else's.
pub fn move_tree(tree: &Tree, path: &[u8], to: &OwnedFd, name: &[u8], part: &[u8]) -> Result<(), Errno> {
    let folder = tree.folder(plan::parent(path))?;
    let place = tree.at(path)?;
    let node = Node::of(&place)?;
    // A folder that changes its place is written to, for its `..`.
    let closed = node.is(Form::Folder) && node.mode & 0o200 == 0;
    let mode = |mode| chmodat(CWD, link_of(&place), Mode::from_raw_mode(mode), AtFlags::empty());
    if closed {
        mode(node.mode | 0o200)?;
    }
    let moved = rename_new(&folder, pathname::name(path), to, name);
    if closed {
        mode(node.mode)?;
    }
    match moved {
        Err(Errno::XDEV) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let there = Tree::of(openat(to, c".", flags, Mode::empty())?);
            if there.node(part)?.is_some() {
                remove_tree(&there, part)?;
            }
            copy_tree(tree, path, to, part)?;
            rename_new(to, part, to, name)?;
            remove_tree(tree, path)
        }
        done => done,
    }
}

/// Changes the mode of something by its descriptor; set-id bits of a folder stay.
pub fn set_mode(place: &OwnedFd, mode: u32) -> Result<(), Errno> {
    let node = Node::of(place)?;
    let kept = if node.is(Form::Folder) { node.mode & 0o6000 } else { 0 };
    chmodat(CWD, link_of(place), Mode::from_raw_mode(mode | kept), AtFlags::empty())
}
