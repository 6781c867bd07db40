//! Hard links to files of other layers: the file is copied up, with all the names it has, and linked there.

use std::os::fd::OwnedFd;

use kakuri_wire::fail::Result;
use rustix::fs::{AtFlags, Dir, FileType, Mode, Stat, linkat, openat, statat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::below::is_whiteout;
use super::copy::{self, Setter};
use super::view::{View, join};
use crate::talk::Report;
use crate::unpack::unsettled::Unsettled;
use crate::unpack::way::{DEEPEST, FOLDER};
use crate::unpack::{split, wrong};

pub fn resolve(view: &mut View, open: &Unsettled, setter: Setter, report: &mut Report) -> Result<()> {
    for (path, target) in &open.links {
        let made = one(view, path.as_bytes(), target.as_bytes(), setter, report);
        match made.map_err(|e| super::disk(path, e))? {
            Made::Done => {}
            Made::Folder => return Err(wrong(path, "it is a hard link to a folder")),
            Made::Nothing => {
                let why = format!("it is a hard link to '{target}', which no layer has");
                return Err(wrong(path, &why));
            }
        }
    }
    Ok(())
}

enum Made {
    Done,
    Nothing,
    Folder,
}

fn one(view: &mut View, path: &[u8], target: &[u8], setter: Setter, report: &mut Report) -> Result<Made, Errno> {
    let (folder, name) = split(target);
    let file = join(&view.resolve(folder)?, name);
    match view.own(&file)? {
        Some(stat) if is_whiteout(&stat) => return Ok(Made::Nothing),
        Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => return Ok(Made::Folder),
        Some(_) => {}
        None if view.is_hidden(&file) => return Ok(Made::Nothing),
        None => {
            let seen = view.below.look(&file)?;
            let Some((i, stat)) = seen.other else {
                return Ok(if seen.folders.is_empty() { Made::Nothing } else { Made::Folder });
            };
            report.bytes += copy_up(view, i, &stat, &file, setter)?;
        }
    }
    link(view, &file, path).map(|()| Made::Done)
}

/// Both are paths of the layer, without links.
fn link(view: &mut View, file: &[u8], path: &[u8]) -> Result<(), Errno> {
    let (from, file) = split(file);
    view.way.go(from, None)?;
    let from = fcntl_dupfd_cloexec(view.way.here(), 0)?;
    let (folder, name) = split(path);
    view.go(folder)?;
    view.act(|| linkat(&from, file, view.way.here(), name, AtFlags::empty()))
}

/// The file and its other names, as far as they are seen.
fn copy_up(view: &mut View, i: usize, stat: &Stat, file: &[u8], setter: Setter) -> Result<u64, Errno> {
    let layer = fcntl_dupfd_cloexec(view.below.layer(i), 0)?;
    let (folder, name) = split(file);
    view.go(folder)?;
    let bytes = view.act(|| copy::up(&layer, file, stat, view.way.here(), name, setter))?;
    if stat.st_nlink > 1 {
        let mut names = Vec::new();
        find(&layer, b"", (stat.st_dev, stat.st_ino), 0, &mut names)?;
        for other in names.into_iter().filter(|other| other != file) {
            let seen = view.below.look(&other)?;
            let is_seen = seen.other.is_some_and(|(layer, seen)| layer == i && seen.st_ino == stat.st_ino);
            // It may lie in a folder the layer has as something else.
            if is_seen && !view.is_hidden(&other) && view.own(&other)?.is_none() && view.resolve(&other)? == other {
                link(view, file, &other)?;
            }
        }
    }
    Ok(bytes)
}

/// All names of a file in a layer.
fn find(above: &OwnedFd, path: &[u8], id: (u64, u64), depth: usize, names: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
    if depth > DEEPEST {
        return Ok(());
    }
    for entry in Dir::read_from(above)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            let folder = openat(above, name, FOLDER, Mode::empty())?;
            find(&folder, &join(path, name.to_bytes()), id, depth + 1, names)?;
        } else if entry.ino() == id.1 {
            let stat = statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if (stat.st_dev, stat.st_ino) == id {
                names.push(join(path, name.to_bytes()));
            }
        }
    }
    Ok(())
}
