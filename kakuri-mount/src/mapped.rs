//! Folders and files of the host that are shown under other owners: what is root's there is the container's root's.
//!
//! Only for a container that root starts. Runs before S is joined, with CAP_SYS_ADMIN over the host in effect, because
//! the kernel wants it in the user namespace of the file system (mount_setattr(2), MOUNT_ATTR_IDMAP), and only of a
//! mount that is nowhere yet. Nothing else is done with it, and it is gone for good before the container is met.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_wire::sys::{MOUNT_ATTR_IDMAP, MountAttr, mount_setattr};
use kakuri_wire::{Bytes, Fail, Result, Stage, caps, sys};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, open_tree};

use crate::source::{self, Attributes};
use crate::{Bind, Cow, Layer, Lower, Op, Plan, Root};

/// Detached, until they are wanted.
#[derive(Default)]
pub struct Mapped {
    /// By their place in the container.
    binds: BTreeMap<Bytes, OwnedFd>,
    cows: BTreeMap<Bytes, Shown>,
    root: Option<Shown>,
}

/// The folders of an overlay, or of a root.
pub struct Shown {
    /// The highest first.
    pub lowers: Vec<OwnedFd>,
    /// The folder that upper and work layer lie in, and their names.
    layer: Option<(OwnedFd, [Vec<u8>; 2])>,
}

impl Plan {
    /// Whether anything is to be shown under other owners.
    pub fn is_mapped(&self) -> bool {
        self.ranged.as_ref().is_some_and(|ranged| ranged.mapped)
    }
}

/// What root's kakuri-mount was born with and may need once.
pub struct Aside {
    held: bool,
}

/// The first thing of all: what root starts reads nothing with power. Nobody else has any to put aside, and no call is made
/// to find that out.
pub fn put_aside() -> Result<Aside> {
    if !sys::was_born_root() {
        return Ok(Aside { held: false });
    }
    let held = caps::held(Stage::Mount)? & caps::Set::SYS_ADMIN;
    caps::put_aside(Stage::Mount, caps::Set::empty(), held)?;
    Ok(Aside { held: true })
}

impl Aside {
    /// Makes all that is shown under other owners. `map` gives a user namespace with the container's ids. The right is gone
    /// afterwards.
    pub fn prepare(self, plan: &Plan, map: impl FnOnce() -> Result<OwnedFd>) -> Result<Mapped> {
        let made = match plan.is_mapped() {
            true => map().and_then(|map| {
                caps::keep(Stage::Mount, caps::Set::SYS_ADMIN)
                    .map_err(|fail| fail.why("this root has not the right to show files under other owners"))?;
                make(plan, map.as_fd())
            }),
            false => Ok(Mapped::default()),
        };
        // Whether it worked or not.
        if self.held {
            caps::drop_all(Stage::Mount)?;
        }
        made
    }
}

fn make(plan: &Plan, map: BorrowedFd) -> Result<Mapped> {
    let mut mapped = Mapped::default();
    if let Some(root) = &plan.root {
        mapped.root = Some(of_root(root, map)?);
    }
    for op in plan.ops.iter().chain(&plan.finish) {
        match op {
            Op::Bind(bind) if bind.mapped => {
                mapped.binds.insert(bind.at.clone(), of_bind(bind, map)?);
            }
            Op::Cow(cow) => {
                mapped.cows.insert(cow.at.clone(), of_cow(cow, map)?);
            }
            _ => {}
        }
    }
    Ok(mapped)
}

impl Mapped {
    pub fn bind(&mut self, at: &Bytes) -> Option<OwnedFd> {
        self.binds.remove(at)
    }

    pub fn cow(&mut self, at: &Bytes) -> Option<Shown> {
        self.cows.remove(at)
    }

    pub fn root(&mut self) -> Option<Shown> {
        self.root.take()
    }
}

impl Shown {
    /// Upper and work folder, of one mount, as overlayfs wants them. `attach` gives the mount a place.
    pub fn layer(&self, attach: impl FnOnce(BorrowedFd) -> Result<(), Errno>) -> Result<Option<[OwnedFd; 2]>, Errno> {
        let Some((folder, [upper, work])) = &self.layer else { return Ok(None) };
        attach(folder.as_fd())?;
        let open = |name: &[u8]| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            openat2(folder, name, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
        };
        Ok(Some([open(upper)?, open(work)?]))
    }
}

fn of_bind(bind: &Bind, map: BorrowedFd) -> Result<OwnedFd> {
    let what = || source::what(bind);
    let fd = source::open(&bind.from, bind.folder).map_err(|e| source::unreachable(what(), e, bind.folder))?;
    check(&fd, bind.folder, bind.seen, what)?;
    let attributes = Attributes { read_only: bind.read_only, noexec: bind.noexec, devices: bind.devices };
    let tree = source::detach(fd.as_fd(), attributes).map_err(|e| source::refused(what(), e))?;
    match map_owners(tree.as_fd(), map) {
        // What everybody may read can be read all the same.
        Err(Errno::INVAL | Errno::OPNOTSUPP) if bind.read_only => Ok(tree),
        mapped => {
            let hint = "`:ro` shows what everybody may read; else bind a copy of it that lies on another file system";
            mapped.map(|()| tree).map_err(|e| unmapped(what(), e, hint))
        }
    }
}

fn of_root(root: &Root, map: BorrowedFd) -> Result<Shown> {
    let what = || root.what();
    let open = |path: &Bytes, seen| -> Result<OwnedFd> {
        let fd = source::open(path, true).map_err(|e| source::unreachable(what(), e, true))?;
        check(&fd, true, seen, what).map(|()| fd)
    };
    let folder = open(&root.from, root.seen)?;
    let lowest = match root.how.as_bind() {
        Some(read_only) => {
            let attributes = Attributes { read_only, noexec: false, devices: false };
            let tree = source::detach(folder.as_fd(), attributes).map_err(|e| source::refused(what(), e))?;
            map_owners(tree.as_fd(), map).map(|()| tree)
        }
        None => lower(folder.as_fd(), map),
    };
    let hint = "keep it on another file system; of what lies on an overlay, a copy elsewhere: cp -a";
    let lost = |e| unmapped(what(), e, hint);
    let mut lowers = vec![lowest.map_err(lost)?];
    source::permit_many(root.under.len());
    for Lower { from, seen } in &root.under {
        lowers.push(lower(open(from, *seen)?.as_fd(), map).map_err(lost)?);
    }
    Ok(Shown { lowers, layer: root.how.layer().map(|layer| of_layer(layer, map, what)).transpose()? })
}

fn of_cow(cow: &Cow, map: BorrowedFd) -> Result<Shown> {
    let what = || cow.what();
    let folder = source::open(&cow.from, true).map_err(|e| source::unreachable(what(), e, true))?;
    check(&folder, true, cow.seen, what)?;
    let hint = "work on a copy of it that lies on another file system: cp -a";
    let lower = lower(folder.as_fd(), map).map_err(|e| unmapped(what(), e, hint))?;
    Ok(Shown { lowers: vec![lower], layer: cow.layer.as_ref().map(|layer| of_layer(layer, map, what)).transpose()? })
}

/// Upper and work folder come from one mount, so it is that of the folder both lie in.
fn of_layer(layer: &Layer, map: BorrowedFd, what: impl Fn() -> String) -> Result<(OwnedFd, [Vec<u8>; 2])> {
    let fail = || Fail::new(Stage::Mount, what());
    let split = |path: &Bytes| {
        let bytes = path.as_bytes();
        let slash = bytes.iter().rposition(|&b| b == b'/')?;
        Some((bytes[..slash].to_vec(), bytes[slash + 1..].to_vec()))
    };
    let (Some((folder, upper)), Some((beside, work))) = (split(&layer.upper), split(&layer.work)) else {
        return Err(fail().why(format!("'{}' is no place for what is written", layer.upper)));
    };
    if folder != beside {
        return Err(fail().why(format!("'{}' and '{}' do not lie in one folder", layer.upper, layer.work)));
    }
    let open = source::open(&Bytes(folder), true).and_then(|folder| lower(folder.as_fd(), map));
    let hint = "keep kakuri's own files on another one: kakuri config path";
    Ok((open.map_err(|e| unmapped(what(), e, hint))?, [upper, work]))
}

/// One folder without what is mounted in it: overlayfs shows no more.
fn lower(folder: BorrowedFd, map: BorrowedFd) -> Result<OwnedFd, Errno> {
    let how = OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(folder, c"", how)?;
    let private = MountAttr { propagation: MountPropagationFlags::PRIVATE.bits().into(), ..Default::default() };
    mount_setattr(tree.as_fd(), false, &private).map_err(|e| errno(&e))?;
    set(tree.as_fd(), false, map)?;
    Ok(tree)
}

/// Everything mounted below too, where all of it can be; else the folder alone, and the rest is as it is on the host.
fn map_owners(tree: BorrowedFd, map: BorrowedFd) -> Result<(), Errno> {
    match set(tree, true, map) {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => set(tree, false, map),
        other => other,
    }
}

fn set(tree: BorrowedFd, recursive: bool, map: BorrowedFd) -> Result<(), Errno> {
    let attr = MountAttr { set: MOUNT_ATTR_IDMAP, userns_fd: map.as_raw_fd() as u64, ..Default::default() };
    mount_setattr(tree, recursive, &attr).map_err(|e| errno(&e))
}

fn errno(e: &std::io::Error) -> Errno {
    Errno::from_io_error(e).unwrap_or(Errno::IO)
}

fn check(fd: &OwnedFd, folder: bool, seen: Option<(u64, u64)>, what: impl Fn() -> String) -> Result<()> {
    let stat = fstat(fd).map_err(|e| Fail::new(Stage::Mount, what()).errno(e))?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    match is_folder == folder && seen.is_none_or(|seen| seen == (stat.st_dev, stat.st_ino)) {
        true => Ok(()),
        false => Err(source::changed(what())),
    }
}

fn unmapped(what: String, e: Errno, hint: &str) -> Fail {
    let fail = Fail::new(Stage::Mount, what);
    match e {
        Errno::INVAL | Errno::OPNOTSUPP => fail
            .why("its file system cannot show files under other owners, and root's own are not given to a container")
            .hint(hint),
        Errno::PERM => fail
            .why("this root has no power over its file system, and root's own files are not given to a container")
            .hint(hint),
        e => fail.errno(e),
    }
}
