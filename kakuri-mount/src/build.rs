//! Carrying out a plan, a step at a time. Runs with CAP_SYS_ADMIN over the container and decides nothing.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Kernelfs, Result, Stage};
use rustix::fs::fstat;
use rustix::mount::MountAttrFlags;

use crate::attach::Tree;
use crate::mapped::Mapped;
use crate::power::Power;
use crate::skeleton::{self, Staging};
use crate::{Op, Plan, UnionKind, attach, cow, device, pivot, root, source, union};

/// Covers made ahead; each holds a descriptor, and a plan may want any number.
const PREPARED: usize = 4;

pub struct Build {
    staging: Staging,
    root: Tree,
    /// It shows a folder of the host, in which nothing is made for a moment.
    of_host: bool,
    /// Mounts that turn read-only at the end, when nothing more is made in them.
    sealed: Vec<OwnedFd>,
    /// What PID 1 made and no step has attached yet.
    made: Vec<(Kernelfs, OwnedFd)>,
    opened: source::Opened,
    /// Covers made before they are wanted, with whether each is a folder.
    covers: Vec<(bool, OwnedFd)>,
    power: Power,
    mapped: Mapped,
}

impl Build {
    /// `mapped`: what was made of the plan before.
    pub fn begin(plan: &Plan, mut mapped: Mapped) -> Result<Build> {
        let mut power = Power::of(plan);
        let mut staging = Staging::new(plan.size)?;
        let root = match &plan.root {
            None => power.as_root(|| staging.root())?,
            Some(folder) => root::of_host(folder, mapped.root(), &mut staging, &mut power)?,
        };
        let (sealed, made, covers) = (Vec::new(), Vec::new(), Vec::new());
        let (of_host, opened) = (plan.root.is_some(), source::Opened::default());
        Ok(Build { staging, root, of_host, sealed, made, opened, covers, power, mapped })
    }

    /// Takes over what PID 1 made.
    pub fn hand(&mut self, made: Vec<(Kernelfs, OwnedFd)>) -> Result<()> {
        for (i, (kind, _)) in made.iter().enumerate() {
            if made[..i].iter().any(|(earlier, _)| earlier == kind) {
                return Err(Fail::new(Stage::Mount, format!("cannot attach {}", kind.name())).why("two came"));
            }
        }
        self.made = made;
        Ok(())
    }

    /// Makes what the last steps will want and nobody sees yet, while PID 1 is still at work.
    pub fn prepare(&mut self, finish: &[Op]) -> Result<()> {
        for op in finish {
            if let Op::Hide { folder, .. } = op
                && self.covers.len() < PREPARED
            {
                let cover = self.power.as_root(|| self.staging.empty(*folder))?;
                self.covers.push((*folder, cover));
            }
        }
        Ok(())
    }

    pub fn ops(&mut self, ops: &[Op]) -> Result<()> {
        ops.iter().try_for_each(|op| self.op(op))
    }

    /// What lies in the container is made as its root; what is the host's is opened as the caller.
    fn op(&mut self, op: &Op) -> Result<()> {
        let Build { staging, root, opened, power, mapped, .. } = self;
        match op {
            Op::Bind(bind) => {
                let mount = match mapped.bind(&bind.at) {
                    Some(mount) => mount,
                    None => source::bind(bind, staging, opened)?,
                };
                power.as_root(|| root.place(mount, &bind.at, bind.folder, bind.make))
            }
            Op::Cow(wanted) => {
                let mount = cow::overlay(wanted, mapped.cow(&wanted.at), staging, power)?;
                power.as_root(|| root.place(mount, &wanted.at, true, wanted.make))
            }
            Op::Union { at, from, how, skeleton, make } => {
                let folder = union::open(from, at)?;
                match how {
                    UnionKind::Overlay => {
                        let skeleton = power.as_root(|| staging.skeleton(skeleton))?;
                        // It reads both with the rights of who mounts it: the caller's.
                        let mount = union::overlay(skeleton.as_fd(), folder.as_fd(), at)?;
                        power.as_root(|| root.place(mount, at, true, *make))
                    }
                    UnionKind::Entries => {
                        // The caller's own, because he looks into the folder for each mount point he makes in it.
                        let skeleton = staging.skeleton(skeleton)?;
                        let mount = staging.read_only(skeleton.as_fd())?;
                        power.as_root(|| root.place(&mount, at, true, *make))?;
                        // After it was placed: nothing can be mounted on a detached mount before Linux 6.15.
                        let (skeleton, mount, folder) = (skeleton.as_fd(), mount.as_fd(), folder.as_fd());
                        staging.unseen(from, || union::entries(skeleton, mount, folder, at))
                    }
                }
            }
            _ => {
                let power = std::mem::take(&mut self.power);
                let made = power.as_root(|| self.own(op, &power));
                self.power = power;
                made
            }
        }
    }

    /// A step that concerns the container's own files alone.
    fn own(&mut self, op: &Op, power: &Power) -> Result<()> {
        let Build { staging, root, sealed, made, covers, .. } = self;
        match op {
            // Carried out by who may open the host's files.
            Op::Bind(_) | Op::Cow(_) | Op::Union { .. } => {}
            Op::Folder { at, mode } => root.folder(at, *mode)?,
            Op::File { at, mode, text } => root.file(at, *mode, text.as_bytes())?,
            Op::Symlink { at, to } => root.symlink(at, to)?,
            Op::Private { at, mode, make, read_only } => {
                let mount = staging.private(*mode)?;
                root.place(&mount, at, true, *make)?;
                sealed.extend(read_only.then_some(mount));
            }
            Op::PrivateFile { at, mode, text, make } => {
                root.place(staging.private_file(*mode, text.as_bytes())?, at, false, *make)?;
            }
            Op::Tmpfs { at, mode, size, read_only, noexec, make } => {
                let what = || format!("cannot make a tmpfs at '{at}'");
                let noexec = if *noexec { MountAttrFlags::MOUNT_ATTR_NOEXEC } else { MountAttrFlags::empty() };
                let mount = skeleton::tmpfs(*size, Some(*mode), noexec).fail(Stage::Mount, what)?;
                root.own(fstat(&mount).fail(Stage::Mount, what)?.st_dev);
                root.place(&mount, at, true, *make)?;
                sealed.extend(read_only.then_some(mount));
            }
            Op::Skeleton { at, entries, make } => {
                let skeleton = staging.skeleton(entries)?;
                root.place(staging.read_only(skeleton.as_fd())?, at, true, *make)?;
            }
            Op::Hide { at, folder } => {
                let cover = match covers.iter().position(|(kind, _)| kind == folder) {
                    Some(ready) => covers.swap_remove(ready).1,
                    None => staging.empty(*folder)?,
                };
                root.place(cover, at, *folder, false)?;
            }
            Op::Freeze { at } => {
                let there = root.existing(at)?;
                let folder = attach::is_folder(&there).fail(Stage::Mount, || format!("cannot look at '{at}'"))?;
                let mount =
                    source::freeze(there.as_fd()).fail(Stage::Mount, || format!("cannot make '{at}' read-only"))?;
                root.place(mount, at, folder, false)?;
            }
            Op::Devpts { at } => root.place(device::devpts(at, power.terminals(), power.tty())?, at, true, true)?,
            Op::Attach { what, at } => {
                let mount = device::handed(*what, made)?;
                device::restrict(*what, mount.as_fd())?;
                root.place(mount, at, true, true)?;
            }
        }
        Ok(())
    }

    /// A folder of the host with everything mounted below it, detached and read-only.
    pub fn host(&self, from: &Bytes) -> Result<OwnedFd> {
        let what = || format!("cannot bind '{from}'");
        let folder = source::open(from, true).map_err(|e| source::unreachable(what(), e, true))?;
        self.staging.unseen(from, || source::detach(folder.as_fd(), source::READ_ONLY).fail(Stage::Mount, what))
    }

    /// The end: the new root becomes the root, and the host's is gone.
    pub fn pivot(self, read_only: bool) -> Result<()> {
        if let Some((kind, _)) = self.made.first() {
            return Err(Fail::new(Stage::Mount, format!("{} belongs nowhere", kind.name()))
                .why("PID 1 made it, and the plan attaches none"));
        }
        let old = if self.of_host { pivot::Old::Over } else { pivot::Old::Beside };
        self.power.give_home(&self.root)?;
        self.power.as_root(|| pivot::pivot(&self.root, old, read_only, &self.sealed))?;
        // The process ends, or becomes another, and that closes them: not in the front's time.
        std::mem::forget(self);
        Ok(())
    }
}
