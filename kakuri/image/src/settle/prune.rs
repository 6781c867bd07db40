//! Whiteouts and opaque folders that hide nothing go: overlayfs shows such a whiteout.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, XattrFlags, fremovexattr, fsetxattr, mknodat, unlinkat};
use rustix::io::Errno;

use super::below::is_whiteout;
use super::view::{View, join};
use crate::unpack::{OPAQUE, split};

/// `whiteouts`: those of the layer.
pub fn prune(view: &mut View, whiteouts: &[Vec<u8>]) -> Result<(), Errno> {
    let hides_all = view.opaque.contains(&b""[..]);
    for path in whiteouts {
        let hides = !view.is_hidden(path) && !view.below.look(path)?.is_nothing();
        if hides || !view.own(path)?.is_some_and(|stat| is_whiteout(&stat)) {
            continue;
        }
        let (folder, name) = split(path);
        view.way.go(folder, None)?;
        view.act(|| unlinkat(view.way.here(), name, AtFlags::empty()))?;
    }
    for path in view.opaque.clone() {
        if path.is_empty() || (!view.is_hidden(&path) && !view.below.look(&path)?.folders.is_empty()) {
            continue;
        }
        view.way.go(&path, None)?;
        view.act(|| match fremovexattr(view.way.here(), OPAQUE) {
            Err(Errno::NODATA) => Ok(()),
            removed => removed,
        })?;
    }
    if hides_all { hide_all(view) } else { Ok(()) }
}

/// Overlayfs takes no root for opaque, so that what is in it is hidden name by name.
fn hide_all(view: &mut View) -> Result<(), Errno> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for i in view.below.look(b"")?.folders.clone() {
        for entry in Dir::new(view.below.folder(i, b"")?)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if !matches!(&name[..], b"." | b"..") {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        let seen = view.below.look(&name)?;
        if seen.is_nothing() {
            continue;
        }
        match view.own(&name)?.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            None => {
                view.way.go(b"", None)?;
                view.act(|| mknodat(view.way.here(), &name[..], FileType::CharacterDevice, Mode::empty(), 0))?;
            }
            Some(FileType::Directory) if !seen.folders.is_empty() => {
                view.way.go(&join(b"", &name), None)?;
                view.act(|| fsetxattr(view.way.here().as_fd(), OPAQUE, b"y", XattrFlags::empty()))?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}
