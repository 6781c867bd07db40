//! A caller who is root: where the command could be given no ids of its own it is root too for file permissions, and would
//! read what the host keeps in /etc from everybody else (password hashes, host keys, the secrets of its services). Where it
//! could, it is not even told that they are there.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::host::Host;
use crate::layout::{Layout, Origin, What};

/// Puts an empty cover over everything in the base's /etc that not everybody may read, unless the user has named it.
pub fn cover(layout: &mut Layout, host: &Host) {
    let of_base = layout.get(b"/etc").is_some_and(|p| p.origin == Origin::Base && matches!(p.what, What::Union { .. }));
    if host.uid == 0 && of_base {
        cover_below(layout, Path::new("/etc"));
    }
}

fn cover_below(layout: &mut Layout, folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        // Not followed: what a link leads to is met by its own name, or is not shown.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_symlink() {
            continue;
        }
        let path = entry.path();
        let located = layout.locate(path.as_os_str().as_bytes());
        if located.host.as_deref() != Some(path.as_os_str().as_bytes()) || layout.get(&located.at).is_some() {
            continue;
        }
        if !for_everybody(&meta) {
            layout.put(located.at, Origin::Base, What::Hide { folder: meta.is_dir() });
        } else if meta.is_dir() {
            cover_below(layout, &path);
        }
    }
}

fn for_everybody(meta: &Metadata) -> bool {
    let wanted = if meta.is_dir() { 0o005 } else { 0o004 };
    meta.mode() & wanted == wanted
}
