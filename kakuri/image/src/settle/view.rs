//! A layer and those below it, as they will be seen together.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Stat, fstat, futimens, readlinkat, statat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::below::Below;
use super::is_nothing;
use crate::unpack::way::Way;
use crate::unpack::{split, times};

const LINKS: usize = 40;

pub struct View<'a> {
    root: &'a OwnedFd,
    pub way: Way,
    pub below: &'a mut Below,
    /// Folders of the layer that its archive does not name.
    pub implied: BTreeSet<Vec<u8>>,
    /// Folders of the layer that hide what is below.
    pub opaque: BTreeSet<Vec<u8>>,
}

/// A name in a folder, as a path.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

impl<'a> View<'a> {
    pub fn new(root: &'a OwnedFd, below: &'a mut Below) -> Result<View<'a>, Errno> {
        let way = Way::new(fcntl_dupfd_cloexec(root, 0)?);
        Ok(View { root, way, below, implied: BTreeSet::new(), opaque: BTreeSet::new() })
    }

    /// What the layer itself has at a path without links.
    pub fn own(&self, path: &[u8]) -> Result<Option<Stat>, Errno> {
        match statat(self.root, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(e) if is_nothing(e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether the layer hides what those below have at a path.
    pub fn is_hidden(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(i, _)| &path[..i]);
        self.opaque.contains(&b""[..]) || slashes.into_iter().any(|above| self.opaque.contains(above))
    }

    /// Where the link at a path leads, the layer's own or one below; what the layer only implies is what it is below.
    pub fn link(&mut self, path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        match self.own(path)?.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Some(FileType::Symlink) => {
                return readlinkat(self.root, path, Vec::new()).map(|target| Some(target.into_bytes()));
            }
            Some(FileType::Directory) if self.implied.contains(path) && !self.opaque.contains(path) => {}
            Some(_) => return Ok(None),
            None => {}
        }
        if self.is_hidden(path) { Ok(None) } else { self.below.link(path) }
    }

    /// The path without links; what does not exist stays as it is named.
    pub fn resolve(&mut self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut left: VecDeque<Vec<u8>> = path.split(|&b| b == b'/').map(<[u8]>::to_vec).collect();
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            match &name[..] {
                b"" | b"." => {}
                b".." => at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0)),
                _ => {
                    let next = join(&at, &name);
                    let Some(target) = self.link(&next)? else {
                        at = next;
                        continue;
                    };
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.first() == Some(&b'/') {
                        at.clear();
                    }
                    for name in target.split(|&b| b == b'/').rev() {
                        left.push_front(name.to_vec());
                    }
                }
            }
        }
        if at.len() > 4095 { Err(Errno::NAMETOOLONG) } else { Ok(at) }
    }

    /// Goes to a folder of the layer, made where it is missing, as one that the archive does not name.
    pub fn go(&mut self, folder: &[u8]) -> Result<(), Errno> {
        // Whichever of the folders on the way gets a new one keeps its time.
        let mut there = folder;
        while !there.is_empty() && self.own(there)?.is_none() {
            there = split(there).0;
        }
        self.way.go(there, None)?;
        let View { way, implied, .. } = self;
        let before = fstat(way.here())?;
        let above = fcntl_dupfd_cloexec(way.here(), 0)?;
        way.go(
            folder,
            Some(&mut |made| {
                implied.insert(made);
            }),
        )?;
        restore(above, &before)
    }

    /// Does something in the folder it is at, whose time stays.
    pub fn act<T>(&self, act: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let before = fstat(self.way.here())?;
        let done = act()?;
        restore(self.way.here(), &before).map(|()| done)
    }
}

pub fn restore(fd: impl AsFd, before: &Stat) -> Result<(), Errno> {
    futimens(fd, &times((before.st_mtime, u32::try_from(before.st_mtime_nsec).unwrap_or(0))))
}
