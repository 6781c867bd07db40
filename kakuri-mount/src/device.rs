//! File systems of the kernel's own. Runs with CAP_SYS_ADMIN over the container.

use std::os::fd::{BorrowedFd, OwnedFd};

use kakuri_wire::sys::{
    MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MountAttr, mount_setattr,
};
use kakuri_wire::{Bytes, Fail, Kernelfs, Result, Stage, fail::OrFail};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};

/// A devpts of the container's own, detached. Every mount of it is a new instance since Linux 4.7. No group but
/// the caller's where that alone is mapped. Not nodev: its devices are the terminals.
pub fn devpts(at: &Bytes, owner: Option<u32>, group: Option<u32>) -> Result<OwnedFd> {
    let make = || {
        let fs = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&fs, "ptmxmode", "0666")?;
        fsconfig_set_string(&fs, "mode", "0620")?;
        if let Some(owner) = owner {
            fsconfig_set_string(&fs, "uid", owner.to_string())?;
        }
        if let Some(group) = group {
            fsconfig_set_string(&fs, "gid", group.to_string())?;
        }
        fsconfig_create(&fs)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    make().fail(Stage::Mount, || format!("cannot make terminals at '{at}'"))
}

/// The kernel's file system for the namespaces this process is in: for use by hand, where it stands for PID 1.
pub fn make(what: Kernelfs) -> Result<OwnedFd, Errno> {
    let fs = fsopen(what.name(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&fs)?;
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// What PID 1 made is given its attributes here, so that they are the same whoever made it.
pub fn restrict(what: Kernelfs, mount: BorrowedFd) -> Result<()> {
    let more = if what == Kernelfs::Sysfs { MOUNT_ATTR_RDONLY } else { 0 };
    let set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | more;
    // Recursive: by hand it may be the host's own, with mounts below.
    mount_setattr(mount, true, &MountAttr { set, ..Default::default() })
        .fail(Stage::Mount, || format!("cannot attach {}", what.name()))
}

/// Takes the one made for this step out of what was handed.
pub fn handed(what: Kernelfs, made: &mut Vec<(Kernelfs, OwnedFd)>) -> Result<OwnedFd> {
    match made.iter().position(|(kind, _)| *kind == what) {
        Some(i) => Ok(made.swap_remove(i).1),
        None => Err(Fail::new(Stage::Mount, format!("cannot attach {}", what.name())).why("PID 1 made none")),
    }
}
