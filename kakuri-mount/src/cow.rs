//! A folder of the host whose changes go to a layer. Runs with CAP_SYS_ADMIN over the container; the folder is only read.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fstat, futimens, mkdirat, mknodat,
    openat, readlinkat, statat, symlinkat,
};
use rustix::io::Errno;

use crate::mapped::Shown;
use crate::overlay::{self, Parts};
use crate::power::Power;
use crate::skeleton::Staging;
use crate::{Cow, source};

/// Of the files of a folder that is taken apart, which lie in memory.
const MOST: u64 = 256 << 20;

impl Cow {
    pub fn what(&self) -> String {
        format!("cannot show a copy of '{}' at '{}'", self.typed.as_ref().unwrap_or(&self.from), self.at)
    }
}

/// The folder under an overlay, detached. `shown`: where its owners are mapped.
pub fn overlay(cow: &Cow, shown: Option<Shown>, staging: &mut Staging, power: &mut Power) -> Result<OwnedFd> {
    if staging.covers(&cow.from) {
        return Err(Fail::new(Stage::Mount, cow.what())
            .why("kakuri itself uses that folder while it builds")
            .hint("name another folder, or what is in it one by one"));
    }
    let failed = |e| Fail::new(Stage::Mount, cow.what()).errno(e);
    let mut layer = None;
    let folder = match shown {
        None => source::open(&cow.from, true).map_err(|e| source::unreachable(cow.what(), e, true))?,
        Some(mut shown) => {
            layer = power.as_root(|| shown.layer(|mount| staging.hold(mount)).map_err(failed))?;
            let lower = shown.lowers.pop().ok_or_else(|| failed(Errno::NOENT))?;
            staging.hold(lower.as_fd()).map_err(failed)?;
            lower
        }
    };
    let stat = fstat(&folder).map_err(failed)?;
    if cow.seen.is_some_and(|seen| seen != (stat.st_dev, stat.st_ino)) {
        return Err(source::changed(cow.what()));
    }
    let lower = match cow.split {
        false => folder,
        true => power.as_mapped_root(|| {
            let copy = staging.plain("files", stat.st_mode & 0o7777).map_err(failed)?;
            copy_files(cow, folder.as_fd(), copy.as_fd())?;
            Ok(copy)
        })?,
    };
    let (upper, work) = match (layer, &cow.layer) {
        (Some([upper, work]), _) => (upper, work),
        (None, Some(layer)) => overlay::open_layer(layer, || cow.what())?,
        (None, None) => power.as_mapped_root(|| staging.layer(stat.st_mode & 0o7777).map_err(failed))?,
    };
    power.as_mapped_root(|| overlay::keeps_attributes(&upper).map_err(|e| no_attributes(cow, e)))?;
    power.give_to_owner(&upper, &stat).map_err(failed)?;
    let parts = Parts { lowers: &[lower.as_fd()], upper: &upper, work: &work };
    let mut log = None;
    overlay::mount(&parts, cow.noexec, (staging, power), &mut log)?.map_err(|e| {
        let hint = format!("bind a copy of it: cp -r {} COPY", cow.typed.as_ref().unwrap_or(&cow.from));
        overlay::refused(cow.what(), e, log.as_ref(), hint)
    })
}

fn no_attributes(cow: &Cow, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, cow.what());
    match (e, &cow.layer) {
        (Errno::OPNOTSUPP, None) => fail
            .why("what is written would be kept in memory, which takes Linux 6.6 or newer")
            .hint("kakuri try keeps it on disk, and so does a container with a name: kakuri create"),
        (Errno::OPNOTSUPP, Some(layer)) => fail
            .why(format!("the file system of '{}' keeps no extended attributes", layer.upper))
            .hint("keep kakuri's own files on another one: kakuri config path"),
        (e, _) => fail.errno(e),
    }
}

/// The folder's own files, and an empty folder for each of its folders: what the kernel would show of it under an
/// overlay, if it made one. What the caller may not read is left out.
fn copy_files(cow: &Cow, from: BorrowedFd, to: BorrowedFd) -> Result<()> {
    let what = || cow.what();
    let list = openat(from, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let mut left = MOST;
    for entry in Dir::new(list.fail(Stage::Mount, what)?).fail(Stage::Mount, what)? {
        let entry = entry.fail(Stage::Mount, what)?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let Ok(stat) = statat(from, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let mode = Mode::from_raw_mode(stat.st_mode & 0o1777);
        let made = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => mkdirat(to, name, mode),
            FileType::Symlink => match readlinkat(from, name, Vec::new()) {
                Ok(target) => symlinkat(target, to, name),
                Err(_) => continue,
            },
            FileType::Fifo => mknodat(to, name, FileType::Fifo, mode, 0),
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let Ok(file) = openat(from, name, flags, Mode::empty()) else { continue };
                let size = stat.st_size as u64;
                left = left.checked_sub(size).ok_or_else(|| {
                    Fail::new(Stage::Mount, what())
                        .why(format!(
                            "something is mounted in it, so its own files have to be copied, and with '{}' they are \
                             more than {} MiB",
                            Bytes(name.to_bytes().to_vec()),
                            MOST >> 20
                        ))
                        .hint("name the folders in it one by one")
                })?;
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                openat(to, name, flags, Mode::RUSR | Mode::WUSR).and_then(|new| copy(file, &stat, new, mode))
            }
            _ => continue,
        };
        made.fail(Stage::Mount, what)?;
    }
    Ok(())
}

fn copy(from: OwnedFd, stat: &Stat, to: OwnedFd, mode: Mode) -> Result<(), Errno> {
    let mut to = File::from(to);
    std::io::copy(&mut File::from(from).take(stat.st_size as u64), &mut to)
        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    fchmod(&to, mode)?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ },
    };
    futimens(&to, &times)
}
