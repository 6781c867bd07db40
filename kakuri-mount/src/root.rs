//! A folder of the host as the container's root: itself, or with a layer of ours over it. Runs with CAP_SYS_ADMIN over
//! the container; for a writable overlay with CAP_DAC_OVERRIDE too, in the one call that makes it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{FileType, XattrFlags, fstat, removexattr, setxattr};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
};

use crate::attach::Tree;
use crate::power::Power;
use crate::skeleton::Staging;
use crate::source::{self, Attributes};
use crate::{Layer, Root, RootKind, union};

/// Overlayfs keeps in attributes like this one, of an upper folder, what it hides of the lower one.
const ATTRIBUTE: &str = "user.overlay.kakuri";

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

    fn what(&self) -> String {
        format!("cannot make '{}' the container's root", self.shown())
    }
}

/// The root, attached in the staging tmpfs.
pub fn of_host(root: &Root, staging: &mut Staging, power: &Power) -> Result<Tree> {
    if staging.covers(&root.from) {
        return Err(Fail::new(Stage::Mount, root.what()).why("kakuri itself uses that folder while it builds"));
    }
    let folder = open(root)?;
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
            let mount = union::make_overlay(skeleton.as_fd(), folder.as_fd(), &mut log);
            let hint = format!(
                "without an overlay it has to have the folders dev, proc, sys, tmp and run: make them in {}",
                root.from
            );
            let mount = mount.map_err(|e| refused(root, e, log.as_ref(), hint))?;
            power.as_root(|| staging.root_of(mount))
        }
        RootKind::Overlay { layer } => {
            let (upper, work) = match layer {
                Some(layer) => open_layer(layer, root)?,
                None => power.as_root(|| staging.layer().map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e)))?,
            };
            power.as_root(|| keeps_attributes(&upper, layer.as_ref(), root))?;
            if layer.is_some() {
                power.give_layer(&upper).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))?;
            }
            let mount = writable(root, &folder, &upper, &work, power)?;
            let device = fstat(&mount).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))?.st_dev;
            let mut tree = power.as_root(|| staging.root_of(mount))?;
            tree.own(device);
            Ok(tree)
        }
    }
}

fn open(root: &Root) -> Result<OwnedFd> {
    let folder = source::open(&root.from, true).map_err(|e| source::unreachable(root.what(), e, true))?;
    let stat = fstat(&folder).map_err(|e| Fail::new(Stage::Mount, root.what()).errno(e))?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    match is_folder && root.seen.is_none_or(|seen| seen == (stat.st_dev, stat.st_ino)) {
        true => Ok(folder),
        false => Err(source::changed(root.what())),
    }
}

fn open_layer(layer: &Layer, root: &Root) -> Result<(OwnedFd, OwnedFd)> {
    let open = |path: &Bytes| {
        source::open(path, true).map_err(|e| {
            Fail::new(Stage::Mount, root.what()).why(format!(
                "what is written goes to '{path}', and that cannot be opened: {}",
                kakuri_wire::fail::describe(e.raw_os_error())
            ))
        })
    };
    Ok((open(&layer.upper)?, open(&layer.work)?))
}

/// Whether removed files stay removed there: without these attributes overlayfs mounts all the same, and the first
/// `rm -r` fails.
fn keeps_attributes(upper: &OwnedFd, layer: Option<&Layer>, root: &Root) -> Result<()> {
    // By this name, because a descriptor that is for paths alone takes no attribute.
    let path = format!("/proc/self/fd/{}", upper.as_raw_fd());
    let fail = || Fail::new(Stage::Mount, root.what());
    match setxattr(&path, ATTRIBUTE, b"y", XattrFlags::empty()).and_then(|()| removexattr(&path, ATTRIBUTE)) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP) => Err(match layer {
            None => {
                fail().why("what is written would be kept in memory, which takes Linux 6.6 or newer").hint(format!(
                    "kakuri create --rootfs {0} NAME keeps it on disk; --rootfs {0}:ro needs nothing to write to",
                    root.shown()
                ))
            }
            Some(layer) => fail()
                .why(format!("the file system of '{}' keeps no extended attributes", layer.upper))
                .hint("keep containers on another one (kakuri config path), or give the folder as :ro or :rw"),
        }),
        Err(e) => Err(fail().errno(e)),
    }
}

/// An overlay whose work folder has mode 000, and that does everything with the rights of who mounted it, for good:
/// so it is mounted with the capability that opens such a folder, over files of the mapped ids alone.
fn writable(root: &Root, folder: &OwnedFd, upper: &OwnedFd, work: &OwnedFd, power: &Power) -> Result<OwnedFd> {
    let mut log = None;
    let made = prepare(&mut log, folder, upper, work).and_then(|fs| {
        let made = power.over_files(|| {
            fsconfig_create(fs)?;
            let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
            fsmount(fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        });
        made.map_err(|_| Errno::PERM)?
    });
    made.map_err(|e| {
        let hint = "give the folder itself, with :ro or :rw".into();
        refused(root, e, log.as_ref(), hint)
    })
}

fn prepare<'a>(
    log: &'a mut Option<OwnedFd>,
    folder: &OwnedFd,
    upper: &OwnedFd,
    work: &OwnedFd,
) -> Result<&'a OwnedFd, Errno> {
    let fs: &OwnedFd = log.insert(fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?);
    // By descriptor's name: no colon, comma or backslash of a path is ever parsed, and no path shows in mountinfo.
    for (key, folder) in [("lowerdir", folder), ("upperdir", upper), ("workdir", work)] {
        fsconfig_set_string(fs, key, format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
    }
    // In a user namespace overlayfs must not want trusted.* attributes.
    fsconfig_set_flag(fs, "userxattr")?;
    // Whatever the module was given as defaults: a layer has to be whole by itself, and the same on every kernel.
    for key in ["index", "metacopy", "xino"] {
        fsconfig_set_string(fs, key, "off")?;
    }
    Ok(fs)
}

fn refused(root: &Root, e: Errno, log: Option<&OwnedFd>, hint: String) -> Fail {
    if e == Errno::NODEV {
        return Fail::new(Stage::Mount, root.what())
            .errno(e)
            .why("this kernel has no overlayfs")
            .hint(format!("sudo modprobe overlay; or {hint}"));
    }
    let reason = kakuri_wire::fail::describe(e.raw_os_error());
    let why = match (log.and_then(union::words), e) {
        (Some(words), _) => format!("the kernel makes no overlay of it: {reason}: {words}"),
        (None, Errno::INVAL) => {
            "the kernel makes no overlay of it: something is mounted in it, or it lies on overlays already".into()
        }
        (None, _) => format!("the kernel makes no overlay of it: {reason}"),
    };
    Fail::new(Stage::Mount, root.what()).errno(e).why(why).hint(hint)
}
