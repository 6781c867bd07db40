//! What of a repository the container may not replace, by its path on the host.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use kakuri_wire::{Bytes, Fail, Result};

use super::super::socket::cannot;
use super::made::Made;
use crate::host::as_path;
use crate::pathname;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub folder: bool,
    pub read_only: bool,
    /// None: it is made before the start.
    pub seen: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
pub struct Guards {
    all: BTreeMap<Vec<u8>, Guard>,
    made: Vec<Made>,
}

impl Guards {
    /// A folder that is worked in and must not be replaced.
    pub fn hold(&mut self, path: &[u8]) -> Result<()> {
        let guard = Guard { folder: true, read_only: false, seen: Some(look(path, true)?) };
        self.all.entry(path.to_vec()).or_insert(guard);
        Ok(())
    }

    /// What stays as it is.
    pub fn freeze(&mut self, path: &[u8], folder: bool) -> Result<()> {
        let guard = Guard { folder, read_only: true, seen: Some(look(path, folder)?) };
        self.all.insert(path.to_vec(), guard);
        Ok(())
    }

    /// The same where it may be missing, and is then made with this text; None makes a folder.
    pub fn freeze_or_make(&mut self, path: &[u8], text: Option<&str>) -> Result<()> {
        if std::fs::symlink_metadata(as_path(path)).is_ok() {
            return self.freeze(path, text.is_none());
        }
        self.all.insert(path.to_vec(), Guard { folder: text.is_none(), read_only: true, seen: None });
        let made = Made { path: Bytes(path.to_vec()), text: text.map(String::from) };
        if !self.made.contains(&made) {
            self.made.push(made);
        }
        Ok(())
    }

    /// Those strictly below a folder, and the folders on the way to them, outer ones first.
    pub fn within(&self, folder: &[u8]) -> BTreeMap<Vec<u8>, Guard> {
        let mut all = BTreeMap::new();
        let below = self.all.iter().filter(|(path, _)| pathname::strictly_below(path, folder).is_some());
        for (path, guard) in below {
            let mut place = &path[..];
            while let Some(up) = pathname::parent(place).filter(|up| pathname::strictly_below(up, folder).is_some()) {
                let on_way = Guard { folder: true, read_only: false, seen: seen(up) };
                all.entry(up.to_vec()).or_insert(on_way);
                place = up;
            }
            all.insert(path.clone(), *guard);
        }
        all
    }

    pub fn into_made(self) -> Vec<Made> {
        self.made
    }
}

/// Its identity, if it is there and of this kind. A link has none: what it leads to can be covered, and it be replaced.
fn look(path: &[u8], folder: bool) -> Result<(u64, u64)> {
    let shown = Bytes(path.to_vec());
    let meta =
        std::fs::symlink_metadata(as_path(path)).map_err(|e| cannot("git").why(format!("'{shown}': {}", e.kind())))?;
    if meta.is_symlink() {
        return Err(is_link(path));
    }
    match (meta.is_dir(), meta.is_file()) {
        (true, false) if folder => Ok((meta.dev(), meta.ino())),
        (false, true) if !folder => Ok((meta.dev(), meta.ino())),
        _ => Err(cannot("git")
            .why(format!("'{shown}' is no {}", if folder { "folder" } else { "file" }))
            .hint("git itself makes no such thing: look what it is")),
    }
}

pub fn seen(path: &[u8]) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(as_path(path)).ok().map(|meta| (meta.dev(), meta.ino()))
}

pub fn is_link(path: &[u8]) -> Fail {
    cannot("git")
        .why(format!("'{}' is a symbolic link, which the container could replace by another", Bytes(path.to_vec())))
        .hint("put what it leads to in its place")
}
