//! layers/KEY/CHAIN/: a layer as it lies upon those below it, unpacked for some ids. `fs` is the tree, whoever owns it;
//! `done`, and the folder around both, are the caller's.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_image::{Digest, Layer};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::file;
use super::place::{self, LAYERS, OLD, WORK, full, make};
use crate::store::{folder, live, name};

pub const TREE: &str = "fs";
const DONE: &str = "done";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    pub version: u32,
    pub diff_id: Digest,
    pub chain: Digest,
    pub entries: u64,
    /// Of the files, bytes.
    pub bytes: u64,
    /// Which boot of the machine wrote it. None: it is known to be on disk. Nothing is flushed for each layer; what a
    /// power cut may have taken is unpacked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

/// What is known of a layer in the store; None where it is not there whole.
pub fn read(top: &OwnedFd, key: &str, layer: &Layer) -> Option<Done> {
    let path = place::layer(key, &layer.chain);
    let done = match file::read::<Done>(top, &format!("{path}/{DONE}")) {
        Ok(done) => done?,
        Err(why) => {
            log::info!("{why}");
            return None;
        }
    };
    let right = done.diff_id == layer.diff_id && done.chain == layer.chain && has_tree(top, &path);
    (right && done.boot.as_ref().is_none_or(|boot| *boot == live::boot())).then_some(done)
}

/// Whether its tree is there, and is a folder: a link would lead out of the store.
pub fn has_tree(top: &OwnedFd, path: &str) -> bool {
    statat(top, format!("{path}/{TREE}"), AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Notes that a layer is on disk.
pub fn mark_synced(top: &OwnedFd, key: &str, chain: &Digest) {
    let path = place::layer(key, chain);
    if let Ok(Some(done)) = file::read::<Done>(top, &format!("{path}/{DONE}"))
        && done.boot.is_some()
    {
        let _ = file::write(top, &path, DONE, &Done { boot: None, ..done });
    }
}

/// Moves a layer in from the work folder, where it is `n`. Where somebody else was faster, his stays.
pub fn put(top: &OwnedFd, work: &OwnedFd, n: usize, key: &str, layer: &Layer, entries: u64, bytes: u64) -> Result<()> {
    let what = || format!("cannot store the layer {}", layer.diff_id);
    let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
    let (from, to) = (n.to_string(), place::layer(key, &layer.chain));
    let wrapper = folder::open_own_at(work, &from).map_err(|unfit| unfit.fail(what(), "try again"))?;
    // What is used as a root one day is a folder in the store, not a link out of it.
    let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&wrapper, TREE, how, Mode::empty()).map_err(cannot)?;
    let done = Done {
        version: file::VERSION,
        diff_id: layer.diff_id.clone(),
        chain: layer.chain.clone(),
        entries,
        bytes,
        boot: Some(live::boot()),
    };
    file::write(work, &from, DONE, &done)?;
    make(top, &format!("{LAYERS}/{key}")).map_err(cannot)?;
    loop {
        match renameat_with(work, &from, top, &to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST | Errno::NOTEMPTY) if read(top, key, layer).is_some() => return Ok(()),
            // What is there is not whole.
            Err(Errno::EXIST | Errno::NOTEMPTY) => set_aside(top, &to).map_err(cannot)?,
            // A file system without it: the name is free, or the rename says that it is not.
            Err(Errno::INVAL | Errno::NOSYS) => match renameat(work, &from, top, &to) {
                Err(Errno::EXIST | Errno::NOTEMPTY) if read(top, key, layer).is_none() => {
                    set_aside(top, &to).map_err(cannot)?;
                }
                Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY) => return Ok(()),
                Err(e) => return Err(cannot(e)),
            },
            Err(e) => return Err(cannot(e)),
        }
    }
}

/// Takes something out of its place, to be erased by the next sweep.
pub fn set_aside(top: impl AsFd, path: &str) -> Result<(), Errno> {
    let random = name::random(6).map_err(|_| Errno::AGAIN)?;
    match renameat(&top, path, &top, format!("{WORK}/{OLD}{random}")) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e),
    }
}
