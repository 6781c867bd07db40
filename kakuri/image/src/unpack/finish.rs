//! The end of a layer: links whose file came later, whiteouts, and what folders are like.

use std::os::fd::AsFd;

use kakuri_wire::Bytes;
use rustix::fs::{AtFlags, FileType, Mode, XattrFlags, fchmod, fsetxattr, futimens, mknodat, statat};
use rustix::io::Errno;

use super::name;
use super::owner::times;
use super::tree::{Done, Tree, attribute, owned, trouble};
use super::unsettled::Unsettled;

/// How overlayfs marks a folder that hides those below (its documentation, "whiteouts and opaque directories"), where an
/// ordinary user mounts it.
pub const OPAQUE: &str = "user.overlay.opaque";
/// Links to links are made in rounds.
const ROUNDS: usize = 16;

impl Tree<'_> {
    /// Completes the tree. What it leaves open is for who sees the layers below.
    pub fn finish(mut self) -> Done<Unsettled> {
        self.way.forget();
        self.other.forget();
        let mut open = Unsettled { links: self.link_pending()?, ..Unsettled::default() };
        open.whiteouts = self.make_whiteouts()?;
        for (path, folder) in &self.folders {
            let shown = Bytes(path.clone());
            if folder.opaque {
                open.opaque.push(shown.clone());
            }
            if folder.meta.is_none() {
                open.implied.push(shown);
            }
        }
        self.finish_folders()?;
        Ok(open)
    }

    fn link_pending(&mut self) -> Done<Vec<(Bytes, Bytes)>> {
        for _ in 0..ROUNDS {
            let waiting = std::mem::take(&mut self.pending);
            let before = waiting.len();
            for (path, target) in waiting {
                let shown = Bytes(path.clone());
                self.way.go(name::split(&path).0, None).map_err(|e| trouble(&shown, e))?;
                if !self.link(&target, &path, &shown)? {
                    self.pending.insert(path, target);
                }
            }
            if matches!(self.pending.len(), 0) || self.pending.len() == before {
                break;
            }
        }
        Ok(std::mem::take(&mut self.pending).into_iter().map(|(path, target)| (Bytes(path), Bytes(target))).collect())
    }

    /// What the layer has itself hides by being there, a folder by being opaque.
    fn make_whiteouts(&mut self) -> Done<Vec<Bytes>> {
        let mut made = Vec::new();
        for path in std::mem::take(&mut self.whiteouts) {
            let shown = Bytes(path.clone());
            let failed = |e: Errno| trouble(&shown, e);
            let (folder, name) = name::split(&path);
            match self.way.go(folder, None) {
                Ok(()) => {}
                // Something else stands in the place of the folder it lay in, and hides as much.
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                Err(e) => return Err(failed(e)),
            }
            match statat(self.way.here(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    self.folders.entry(path).or_default().opaque = true;
                }
                Ok(_) => {}
                Err(Errno::NOENT) => {
                    mknodat(self.way.here(), name, FileType::CharacterDevice, Mode::empty(), 0).map_err(failed)?;
                    made.push(shown);
                }
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(made)
    }

    /// Those within before those above: a time is changed by what is made in a folder, and a mode may close it.
    fn finish_folders(&mut self) -> Done {
        let setter = self.setter;
        while let Some((path, folder)) = self.folders.pop_last() {
            let shown = Bytes(path.clone());
            let failed = |e: Errno| trouble(&shown, e);
            self.way.go(&path, None).map_err(failed)?;
            let fd = if path.is_empty() { self.root().as_fd() } else { self.way.here() };
            if folder.opaque {
                fsetxattr(fd, OPAQUE, b"y", XattrFlags::empty()).map_err(failed)?;
            }
            let Some(meta) = folder.meta else {
                // The same wherever and whenever it is unpacked, as umoci has it.
                fchmod(fd, Mode::from_raw_mode(0o755)).and_then(|()| futimens(fd, &times((0, 0)))).map_err(failed)?;
                continue;
            };
            let mut left = Vec::new();
            let set = setter.finish(fd, &meta, true, &mut |_, e| {
                left.push(e);
                Ok(())
            });
            set.map_err(|e| owned(&shown, &meta, e))?;
            for e in left {
                attribute(self.meter, e).map_err(failed)?;
            }
        }
        Ok(())
    }
}
