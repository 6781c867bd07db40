//! proc, mqueue and sysfs as detached mounts. Full capabilities in S.
//!
//! Each must be made by a process inside the namespace it shows; kakuri-mount, which attaches them, stays
//! outside the pid namespace so that the payload never sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::Kernelfs;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::Setup;

/// The proc file system PID 1 itself works through.
pub enum Proc {
    /// Our own, detached; to be handed on where the plan asks for it.
    Own(OwnedFd),
    /// The one we were started under: a fresh one was not asked for, and this kernel refuses it.
    Outer(OwnedFd),
}

impl AsFd for Proc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Proc::Own(fd) | Proc::Outer(fd) => fd.as_fd(),
        }
    }
}

/// Our own proc. It is made even where the payload gets none, because /proc/sys may be read-only outside.
pub fn make_proc(setup: &Setup) -> Result<Proc> {
    match make(Kernelfs::Proc) {
        Ok(fd) => Ok(Proc::Own(fd)),
        Err(fail) if setup.filesystems.contains(&Kernelfs::Proc) => Err(fail),
        Err(_) => openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map(Proc::Outer)
            .map_err(|e| Fail::new(Stage::Init, "cannot open /proc").errno(e)),
    }
}

pub fn make_mqueue(setup: &Setup) -> Result<Option<OwnedFd>> {
    setup.filesystems.contains(&Kernelfs::Mqueue).then(|| make(Kernelfs::Mqueue)).transpose()
}

/// After the network namespace: sysfs shows the one of the process that makes it.
pub fn make_sysfs(setup: &Setup) -> Result<Option<OwnedFd>> {
    setup.filesystems.contains(&Kernelfs::Sysfs).then(|| make(Kernelfs::Sysfs)).transpose()
}

fn make(kind: Kernelfs) -> Result<OwnedFd> {
    let made = (|| {
        let context = fsopen(kind.name(), FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(context.as_fd())?;
        let attributes =
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        // Where the outer sysfs is locked read-only, the kernel lets nobody make a writable one.
        let attributes =
            if kind == Kernelfs::Sysfs { attributes | MountAttrFlags::MOUNT_ATTR_RDONLY } else { attributes };
        fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    })();
    made.map_err(|e: rustix::io::Errno| {
        let fail = Fail::new(Stage::Init, format!("cannot make a fresh {}", kind.name())).errno(e);
        match (kind, e) {
            // mount_too_revealing(): something is mounted over parts of the outer one.
            (Kernelfs::Proc, rustix::io::Errno::PERM) => fail
                .why("this system is itself a container whose /proc is partly covered")
                .hint("use --proc none, or --proc host to show that container's own /proc"),
            (Kernelfs::Sysfs, rustix::io::Errno::PERM) => fail
                .why("this system is itself a container whose /sys is absent or partly covered")
                .hint("use --network host, which shows that container's own /sys"),
            _ => fail,
        }
    })
}
