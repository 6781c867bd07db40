//! Removing a folder with all that is in it.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, openat, unlinkat};
use rustix::io::Errno;

use super::way::FOLDER;

/// As deep as it may be: each folder is emptied, and where it holds another that one is taken up to the first before, so
/// that two are open at most. Nobody else knows the tree, so names do not change meanwhile.
pub fn remove(above: BorrowedFd, name: &[u8]) -> Result<(), Errno> {
    let top = openat(above, name, FOLDER, Mode::empty())?;
    let mut number = 0_u64;
    loop {
        let folders = empty(&top)?;
        if folders.is_empty() {
            break;
        }
        for folder in folders {
            let inner = openat(&top, &folder[..], FOLDER, Mode::empty())?;
            for deeper in empty(&inner)? {
                // A name of ours, which no other of them has.
                number += 1;
                rustix::fs::renameat(&inner, &deeper[..], &top, format!(".kakuri-{number}"))?;
            }
            unlinkat(&top, &folder[..], AtFlags::REMOVEDIR)?;
        }
    }
    unlinkat(above, name, AtFlags::REMOVEDIR)
}

/// Removes all but folders, whose names it gives.
fn empty(folder: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let mut folders = Vec::new();
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        match entry.file_type() {
            FileType::Directory => folders.push(name.to_vec()),
            _ => names.push(name.to_vec()),
        }
    }
    for name in names {
        match unlinkat(folder, &name[..], AtFlags::empty()) {
            Err(Errno::ISDIR) => folders.push(name),
            done => done?,
        }
    }
    Ok(folders)
}
