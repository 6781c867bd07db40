//! Where a layer goes: the folder N of the current one, and `fs` in it.
//!
//! The outer one belongs to whom the work folder belongs, who is going to rename it; the tree in it to the root of
//! this namespace, who may be somebody else.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{CWD, Gid, Mode, Uid, fchown, mkdirat, openat, stat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use super::meter::Meter;
use super::remove::remove;
use super::tree::Tree;
use super::unsettled::Unsettled;
use super::way::FOLDER;
use crate::Owners;

/// The tree, in the layer's own folder.
pub const TREE: &str = "fs";
/// Who has no id here is shown as this one.
const NOBODY: u32 = 65534;

pub struct Place {
    folder: OwnedFd,
    /// Who gets what is for the front, where that is not who we are.
    owner: Option<(Uid, Gid)>,
}

fn what() -> String {
    "cannot unpack into the work folder".into()
}

fn made(e: Errno) -> Fail {
    super::disk(Fail::new(Stage::Unpack, what()), e)
}

fn make(folder: impl AsFd, name: &str) -> Result<()> {
    match mkdirat(folder, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(made(e)),
    }
}

impl Place {
    /// Makes it, where the front has not. What an attempt before this one has left is removed.
    pub fn make(n: u32) -> Result<Place> {
        let place = Place::open(n, true)?;
        place.give_away(&place.folder)?;
        place.empty();
        make(&place.folder, TREE)?;
        Ok(place)
    }

    /// One that is there.
    pub fn find(n: u32) -> Result<Place> {
        Place::open(n, false)
    }

    fn open(n: u32, new: bool) -> Result<Place> {
        let name = n.to_string();
        if new {
            make(CWD, &name)?;
        }
        let folder = openat(CWD, &name, FOLDER, Mode::empty()).fail(Stage::Unpack, what)?;
        let work = stat(".").fail(Stage::Unpack, what)?;
        let own = (geteuid().as_raw(), getegid().as_raw());
        let owner = (work.st_uid, work.st_gid);
        let known = owner != own && owner.0 != NOBODY && owner.1 != NOBODY;
        let owner = known.then(|| (Uid::from_raw(owner.0), Gid::from_raw(owner.1)));
        Ok(Place { folder, owner })
    }

    /// Makes something the front's own.
    pub fn give_away(&self, fd: &OwnedFd) -> Result<()> {
        match self.owner {
            Some((uid, gid)) => fchown(fd, Some(uid), Some(gid)).fail(Stage::Unpack, what),
            None => Ok(()),
        }
    }

    /// The tree's root.
    pub fn root(&self) -> Result<OwnedFd> {
        openat(&self.folder, TREE, FOLDER, Mode::empty()).fail(Stage::Unpack, what)
    }

    pub fn tree<'a>(&self, owners: Owners, meter: &'a mut Meter) -> Result<Tree<'a>> {
        Tree::new(self.root()?, owners, meter).fail(Stage::Unpack, what)
    }

    /// What only the layers below can tell.
    pub fn leave_open(&self, open: &Unsettled) -> Result<()> {
        open.write(&self.folder)
    }

    pub fn left_open(&self) -> Result<Option<Unsettled>> {
        Unsettled::read(&self.folder)
    }

    pub fn is_settled(&self) {
        Unsettled::remove(&self.folder);
    }

    /// Half a tree is none.
    pub fn empty(&self) {
        Unsettled::remove(&self.folder);
        let _ = remove(self.folder.as_fd(), TREE.as_bytes());
    }
}
