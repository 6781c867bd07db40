//! The host's programs: /usr and its companions, merged or split, and what Nix and Guix keep elsewhere.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;

use super::{Places, add};
use crate::host::as_path;
use crate::layout::{Source, What};
use crate::pathname;

const FOLDERS: [&str; 10] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu"];

/// A folder is shown read-only with all below it; a link (merged /usr) is made again where it leads to
/// something shown, and else what it leads to is shown in its place.
pub fn add_folders(places: &mut Places, notes: &mut Vec<String>) {
    for place in FOLDERS {
        let meta = match std::fs::symlink_metadata(place) {
            Ok(meta) => meta,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => {
                notes.push(format!("{place} is left out: {e}"));
                continue;
            }
        };
        let at = place.as_bytes();
        if meta.is_dir() {
            add(places, place, show(at.to_vec()));
        } else if let Ok(to) = std::fs::read_link(place) {
            let to = to.into_os_string().into_vec();
            let target = pathname::absolute(b"/", &to);
            if FOLDERS.iter().any(|f| *f != place && pathname::below(&target, f.as_bytes()).is_some()) {
                add(places, place, What::Symlink { to });
            } else if let Ok(real) = std::fs::canonicalize(as_path(at)) {
                add(places, place, show(real.into_os_string().into_vec()));
            }
        }
    }
    // NixOS and Guix find their programs by this link.
    if places.iter().any(|(at, _)| at == b"/nix" || at == b"/gnu")
        && let Ok(to) = std::fs::read_link("/run/current-system")
    {
        let to = to.into_os_string().into_vec();
        add(places, "/run/current-system", What::Symlink { to });
    }
}

fn show(from: Vec<u8>) -> What {
    What::Bind(Source { from, folder: true, read_only: true, ..Source::default() })
}
