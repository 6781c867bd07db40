//! A folder of the host as the container's root: itself, or with a layer of ours over it. Runs with CAP_SYS_ADMIN over
//! the container; for a writable overlay with CAP_DAC_OVERRIDE too, in the one call that makes it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use crate::attach::Tree;
use crate::mapped::Shown;
use crate::overlay::{self, Parts};
use crate::power::Power;
use crate::skeleton::Staging;
use crate::source::{self, Attributes};
use crate::{Layer, Root, RootKind, union};

impl RootKind {
    /// Of one that is shown as it is: whether it is read-only.
    pub fn as_bind(&self) -> Option<bool> {
        if let RootKind::Bind { read_only } = self { Some(*read_only) } else { None }
    }

    /// The folders on disk that what is written goes to.
    pub fn layer(&self) -> Option<&Layer> {
        if let RootKind::Overlay { layer } = self { layer.as_ref() } else { None }
    }
}

impl Root {
    pub fn is_overlay(&self) -> bool {
        matches!(self.how, RootKind::Overlay { .. })
    }

    pub fn is_read_only(&self) -> bool {
        matches!(self.how, RootKind::Bind { read_only: true } | RootKind::Skeleton { .. })
    }

    fn shown(&self) -> &Bytes {
        self.typed.as_ref().unwrap_or(&self.from)
    }

    pub fn what(&self) -> String {
        format!("cannot make '{}' the container's root", self.shown())
    }
}

/// The root, attached in the staging tmpfs.
pub fn of_host(root: &Root, mut shown: Option<Shown>, staging: &mut Staging, power: &mut Power) -> Result<Tree> {
    if staging.covers(&root.from) {
        return Err(Fail::new(Stage::Mount, root.what())
            .why("kakuri itself uses that folder while it builds")
            .hint("name another folder, or what is in it one by one"));
    }
    let failed = |e| Fail::new(Stage::Mount, root.what()).errno(e);
    let (folder, under) = match shown.as_mut().map(|shown| std::mem::take(&mut shown.lowers)) {
        Some(mut lowers) if !lowers.is_empty() => {
            let top = lowers.remove(0);
            if root.how.as_bind().is_some() {
                return power.as_root(|| staging.root_of(top));
            }
            // overlayfs takes what is in the tree alone.
            for lower in [&top].into_iter().chain(&lowers) {
                staging.hold(lower.as_fd()).map_err(failed)?;
            }
            (top, lowers)
        }
        _ => (open(root, &root.from, root.seen)?, Vec::new()),
    };
    match &root.how {
        RootKind::Bind { read_only } => {
            let attributes = Attributes { read_only: *read_only, noexec: false, devices: false };
            let mount = staging.unseen(&root.from, || {
                source::detach(folder.as_fd(), attributes).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))
            })?;
            power.as_root(|| staging.root_of(mount))
        }
        RootKind::Skeleton { skeleton } => {
            let skeleton = power.as_root(|| staging.skeleton(skeleton))?;
            let mut log = None;
            // It reads both with the rights of who mounts it, for good.
            let make = || Ok(union::make_overlay(skeleton.as_fd(), folder.as_fd(), &mut log));
            let mount = power.as_mapped_root(make)?;
            let hint = format!(
                "without an overlay it has to have the folders dev, proc, sys, tmp and run: make them in {}",
                root.from
            );
            let mount = mount.map_err(|e| overlay::refused(root.what(), e, log.as_ref(), hint))?;
            power.as_root(|| staging.root_of(mount))
        }
        RootKind::Overlay { layer } => {
            let mapped = match &shown {
                Some(shown) => power.as_root(|| shown.layer(|mount| staging.hold(mount)).map_err(failed))?,
                None => None,
            };
            let (upper, work) = match (mapped, layer) {
                (Some([upper, work]), _) => (upper, work),
                (None, Some(layer)) => overlay::open_layer(layer, || root.what())?,
                (None, None) => power.as_root(|| staging.layer(0o755).map_err(failed))?,
            };
            power.as_root(|| overlay::keeps_attributes(&upper).map_err(|e| no_attributes(root, layer.as_ref(), e)))?;
            if layer.is_some() {
                power.give_layer(&upper).map_err(failed)?;
            }
            let under = if shown.is_some() { under } else { open_under(root)? };
            let lowers: Vec<BorrowedFd> = [&folder].into_iter().chain(&under).map(AsFd::as_fd).collect();
            let parts = Parts { lowers: &lowers, upper: &upper, work: &work };
            let mut log = None;
            let mount = overlay::mount(&parts, false, (staging, power), &mut log)?.map_err(|e| {
                let hint = match root.under.is_empty() {
                    true => "give the folder itself, with :ro or :rw",
                    false => "keep kakuri's own files on another file system: kakuri config path",
                };
                overlay::refused(root.what(), e, log.as_ref(), hint.into())
            })?;
            let device = fstat(&mount).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))?.st_dev;
            let mut tree = power.as_root(|| staging.root_of(mount))?;
            tree.own(device);
            Ok(tree)
        }
    }
}

fn open(root: &Root, from: &Bytes, seen: Option<(u64, u64)>) -> Result<OwnedFd> {
    let folder = source::open(from, true).map_err(|e| source::unreachable(root.what(), e, true))?;
    let stat = fstat(&folder).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    match is_folder && seen.is_none_or(|seen| seen == (stat.st_dev, stat.st_ino)) {
        true => Ok(folder),
        false => Err(source::changed(root.what())),
    }
}

/// The folders below it.
fn open_under(root: &Root) -> Result<Vec<OwnedFd>> {
    source::permit_many(root.under.len());
    root.under.iter().map(|lower| open(root, &lower.from, lower.seen)).collect()
}

fn no_attributes(root: &Root, layer: Option<&Layer>, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, root.what());
    match (e, layer) {
        (Errno::OPNOTSUPP, None) => fail
            .why("what is written would be kept in memory, which takes Linux 6.6 or newer")
            .hint("kakuri create with the same options keeps it on disk; a folder as DIR:ro needs nothing to write to"),
        (Errno::OPNOTSUPP, Some(layer)) => fail
            .why(format!("the file system of '{}' keeps no extended attributes", layer.upper))
            .hint("keep containers on another one (kakuri config path), or give the folder as :ro or :rw"),
        (e, _) => fail.errno(e),
    }
}
