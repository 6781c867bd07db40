//! Folders that an archive implies: they are what lies below, a link to another place, or new.

use std::os::fd::{AsFd, BorrowedFd};

use kakuri_wire::Bytes;
use rustix::fs::{AtFlags, Dir, FileType, Mode, fchmod, fstat, futimens, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::copy::{self, Setter};
use super::view::{View, join};
use crate::unpack::remove::remove;
use crate::unpack::unsettled::Unsettled;
use crate::unpack::{split, times};

/// Moves what lies in an implied folder that is a link below to where that leads, and the paths in `open` with it.
pub fn follow(view: &mut View, open: &mut Unsettled) -> Result<(), Errno> {
    let mut left: Vec<Vec<u8>> = view.implied.iter().rev().cloned().collect();
    while let Some(path) = left.pop() {
        if path.is_empty() || !view.implied.contains(&path) || view.link(&path)?.is_none() {
            continue;
        }
        let to = view.resolve(&path)?;
        if to == path || to.starts_with(&join(&path, b"")) {
            return Err(Errno::LOOP);
        }
        view.implied.remove(&path);
        if to.is_empty() {
            view.way.go(b"", None)?;
        } else {
            // A folder that would have to be made where a file is.
            view.go(&to)?;
        }
        let target = rustix::io::fcntl_dupfd_cloexec(view.way.here(), 0)?;
        let before = fstat(&target)?;
        let (folder, name) = split(&path);
        view.way.go(folder, None)?;
        view.act(|| {
            merge(view.way.here(), name, target.as_fd())?;
            unlinkat(view.way.here(), name, AtFlags::REMOVEDIR)
        })?;
        super::view::restore(&target, &before)?;
        view.way.forget();
        rename(view, open, &path, &to);
        // Where they are now there may be another link below.
        left = view.implied.iter().rev().cloned().collect();
    }
    Ok(())
}

/// Takes what is in a folder into another; what both have is the first one's.
fn merge(above: BorrowedFd, name: &[u8], to: BorrowedFd) -> Result<(), Errno> {
    let from = rustix::fs::openat(above, name, crate::unpack::way::FOLDER, Mode::empty())?;
    let names: Vec<Vec<u8>> = Dir::read_from(&from)?
        .map(|entry| entry.map(|entry| entry.file_name().to_bytes().to_vec()))
        .collect::<Result<_, _>>()?;
    for name in names.iter().filter(|name| !matches!(&name[..], b"." | b"..")) {
        let is_folder = |fd: BorrowedFd| {
            statat(fd, &name[..], AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
        };
        if is_folder(from.as_fd()) && is_folder(to) {
            let inner = rustix::fs::openat(to, &name[..], crate::unpack::way::FOLDER, Mode::empty())?;
            merge(from.as_fd(), name, inner.as_fd())?;
            unlinkat(&from, &name[..], AtFlags::REMOVEDIR)?;
            continue;
        }
        if is_folder(to) {
            remove(to, name)?;
        } else if is_folder(from.as_fd()) {
            match unlinkat(to, &name[..], AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
        }
        renameat(&from, &name[..], to, &name[..])?;
    }
    Ok(())
}

fn rename(view: &mut View, open: &mut Unsettled, from: &[u8], to: &[u8]) {
    let inside = join(from, b"");
    let moved = |path: &[u8]| path.strip_prefix(&inside[..]).map(|rest| join(to, rest));
    for set in [&mut view.implied, &mut view.opaque] {
        *set = std::mem::take(set).into_iter().map(|path| moved(&path).unwrap_or(path)).collect();
    }
    let paths = open.whiteouts.iter_mut().chain(open.links.iter_mut().map(|(path, _)| path));
    for path in paths {
        if let Some(new) = moved(&path.0) {
            *path = Bytes(new);
        }
    }
}

/// Makes implied folders what they are below. Those within come first.
pub fn inherit(view: &mut View, setter: Setter) -> Result<(), Errno> {
    for path in view.implied.clone().into_iter().rev() {
        let seen = if view.is_hidden(&path) { None } else { Some(view.below.look(&path)?) };
        view.way.go(&path, None)?;
        match seen.as_ref().and_then(|seen| seen.folders.first()) {
            Some(&i) => {
                let like = view.below.folder(i, &path)?;
                copy::like(&like, view.way.here(), setter)?;
            }
            None => {
                fchmod(view.way.here(), Mode::from_raw_mode(0o755))?;
                futimens(view.way.here(), &times((0, 0)))?;
            }
        }
    }
    Ok(())
}
