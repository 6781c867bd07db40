//! The layers below, seen as one tree, by the rules overlayfs merges them by.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use kakuri_wire::fail::{OrFail, Result, Stage};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fgetxattr, openat, readlinkat, statat};
use rustix::io::Errno;

use super::is_nothing;
use crate::unpack::OPAQUE;
use crate::unpack::way::FOLDER;

pub struct Below {
    /// The top one first.
    layers: Vec<OwnedFd>,
    seen: BTreeMap<Vec<u8>, Rc<Seen>>,
}

/// What is at a path.
#[derive(Default)]
pub struct Seen {
    /// The layers whose folders are merged there, the top one first.
    pub folders: Vec<usize>,
    /// Something else, and the layer that has it.
    pub other: Option<(usize, Stat)>,
}

impl Seen {
    pub fn is_nothing(&self) -> bool {
        self.folders.is_empty() && self.other.is_none()
    }
}

impl Below {
    pub fn open(numbers: &[u32]) -> Result<Below> {
        // Names of the front's own, who puts the layers there.
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |n: &u32| {
            openat(CWD, format!("../below/{n}"), folder, Mode::empty())
                .fail(Stage::Unpack, || "cannot look at the layers below".into())
        };
        let layers = numbers.iter().map(open).collect::<Result<Vec<_>>>()?;
        let root = Seen { folders: (0..layers.len()).collect(), other: None };
        Ok(Below { layers, seen: BTreeMap::from([(Vec::new(), Rc::new(root))]) })
    }

    pub fn layer(&self, i: usize) -> &OwnedFd {
        &self.layers[i]
    }

    /// What a path leads to, links not followed. Its folders are looked at one by one, each layer only where all above is a
    /// folder of it, so that a path is never one through a link.
    pub fn look(&mut self, path: &[u8]) -> Result<Rc<Seen>, Errno> {
        if let Some(seen) = self.seen.get(path) {
            return Ok(Rc::clone(seen));
        }
        let above = match path.iter().rposition(|&b| b == b'/') {
            Some(slash) => self.look(&path[..slash])?,
            None => self.look(b"")?,
        };
        let mut seen = Seen::default();
        for &i in &above.folders {
            let stat = match statat(&self.layers[i], path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(e) if is_nothing(e) => continue,
                Err(e) => return Err(e),
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                seen.folders.push(i);
                if self.is_opaque(i, path)? {
                    break;
                }
                continue;
            }
            if seen.folders.is_empty() && !is_whiteout(&stat) {
                seen.other = Some((i, stat));
            }
            break;
        }
        let seen = Rc::new(seen);
        self.seen.insert(path.to_vec(), Rc::clone(&seen));
        Ok(seen)
    }

    /// Where the link at a path leads.
    pub fn link(&mut self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        match self.look(path)?.other {
            Some((i, stat)) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                readlinkat(&self.layers[i], path, Vec::new()).map(|target| Some(target.into_bytes()))
            }
            _ => Ok(None),
        }
    }

    /// A folder of a layer.
    pub fn folder(&self, i: usize, path: &[u8]) -> Result<OwnedFd, Errno> {
        openat(&self.layers[i], if path.is_empty() { b"." } else { path }, FOLDER, Mode::empty())
    }

    fn is_opaque(&self, i: usize, path: &[u8]) -> Result<bool, Errno> {
        let mut value = [0; 1];
        match fgetxattr(self.folder(i, path)?, OPAQUE, &mut value) {
            Ok(1) => Ok(value == *b"y"),
            Ok(_) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// A device node 0:0, which hides what is below (overlayfs, "whiteouts and opaque directories").
pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}
