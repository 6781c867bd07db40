//! Rows about mounts: the calls of Linux 5.2 and 5.12, and each file system a container has. Everything is
//! made detached, in a namespace of the probe's own.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::sys;
use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, XattrFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::probe::{self, Found, Tried};
use super::{Row, State, namespaces};

const KERNEL: &str = "boot Linux 5.12 or later; in a sandbox, let its filter allow the mount calls";

/// A probe: what it is called, the namespaces it wants, what it does, what it is good for, and how to mend it.
struct Probe {
    name: &'static str,
    kinds: CloneFlags,
    action: fn() -> Tried,
    works: &'static str,
    mend: fn(i32) -> &'static str,
    without: &'static str,
    /// A container starts without it, by itself.
    spare: bool,
}

const MOUNT: CloneFlags = CloneFlags::CLONE_NEWNS;

fn probes() -> [Probe; 9] {
    let needed = |name, action, works| Probe {
        name,
        kinds: MOUNT,
        action,
        works,
        mend: |_| KERNEL,
        without: "nothing: the container's files are made of it",
        spare: false,
    };
    [
        needed("tmpfs", || make("tmpfs", &[]).map(drop), "fsopen, fsmount"),
        needed("binds", bind, "open_tree, mount_setattr, move_mount"),
        Probe {
            name: "read-only overlay",
            action: overlay,
            works: "mount points appear in read-only folders",
            mend: |errno| match errno {
                libc::ENODEV => "sudo modprobe overlay",
                _ => "boot Linux 5.11 or later, or leave the overlay this runs on",
            },
            without: "the same, made of one bind per entry: a little slower",
            spare: true,
            ..needed("", bind, "")
        },
        Probe {
            name: "writable overlay",
            action: writable_overlay,
            works: "what is changed in `cow` binds, roots and images is kept in memory",
            mend: |errno| match errno {
                libc::ENODEV => "sudo modprobe overlay",
                libc::EOPNOTSUPP => "boot Linux 6.6 or later, whose tmpfs keeps extended attributes of users",
                _ => "boot Linux 5.11 or later, or leave the overlay this runs on",
            },
            without: "kakuri try, and containers with a name (kakuri create), which keep it on disk",
            spare: true,
            ..needed("", bind, "")
        },
        Probe {
            name: "proc",
            kinds: MOUNT | CloneFlags::CLONE_NEWPID,
            action: || make("proc", &[]).map(drop),
            works: "a fresh one for its own processes",
            mend: |errno| match errno {
                libc::EPERM => {
                    "/proc is partly covered here: let the outer container leave it whole (docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=ALL)"
                }
                _ => KERNEL,
            },
            without: "kakuri --proc host (shows the outer processes), or kakuri --proc none",
            ..needed("", bind, "")
        },
        Probe {
            name: "sysfs",
            kinds: MOUNT | CloneFlags::CLONE_NEWNET,
            action: || {
                // Read-only from birth: where the outer one is, the kernel makes no other.
                let context = fsopen("sysfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
                fsconfig_create(&context)?;
                mount(&context, MountAttrFlags::MOUNT_ATTR_RDONLY).map(drop)
            },
            works: "a fresh one for its own network",
            mend: |errno| match errno {
                libc::EPERM => {
                    "/sys is absent or partly covered here: let the outer container leave it whole (docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=ALL, bwrap --ro-bind /sys /sys)"
                }
                _ => KERNEL,
            },
            without: "kakuri --network host, which shows the outer /sys",
            ..needed("", bind, "")
        },
        Probe {
            name: "mqueue",
            kinds: MOUNT | CloneFlags::CLONE_NEWIPC,
            action: || make("mqueue", &[]).map(drop),
            works: "message queues of its own",
            mend: |_| "boot a kernel with CONFIG_POSIX_MQUEUE=y",
            without: "kakuri --share ipc",
            ..needed("", bind, "")
        },
        Probe {
            name: "devpts",
            action: || make("devpts", &[("ptmxmode", "0666"), ("mode", "0620")]).map(drop),
            works: "terminals of its own",
            mend: |_| "boot a kernel with CONFIG_UNIX98_PTYS=y",
            ..needed("", bind, "")
        },
        Probe {
            name: "pivot_root",
            action: pivot,
            works: "the old root can be left behind",
            mend: |_| "run kakuri where / is a real mount: not in a chroot, and not on the initramfs",
            ..needed("", bind, "")
        },
    ]
}

pub(super) fn rows(usable: bool, made: CloneFlags) -> Vec<Row> {
    probes()
        .into_iter()
        .map(|probe| match namespaces::lacking(probe.kinds, made) {
            _ if !usable => Row::untried(probe.name, "user namespaces"),
            Some(lacking) => Row::untried(probe.name, &lacking),
            None => row(&probe),
        })
        .collect()
}

fn row(probe: &Probe) -> Row {
    let failed = match probe::inside(probe.kinds, probe.action) {
        Found::Works => return Row::works(probe.name, probe.works),
        Found::Refused(_, errno) => {
            Row::fails(probe.name, kakuri_wire::fail::describe(errno)).mend((probe.mend)(errno))
        }
        Found::Died => namespaces::died(probe.name),
    };
    let state = if probe.spare { State::Lesser } else { State::Fails };
    Row { state, ..failed }.without(probe.without)
}

/// Makes a file system, detached, as kakuri's helpers do.
fn make(kind: &str, options: &[(&str, &str)]) -> Tried<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    mount(&context, MountAttrFlags::empty())
}

fn mount(context: &OwnedFd, more: MountAttrFlags) -> Tried<OwnedFd> {
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes | more)
}

/// A read-only bind of the whole root, submounts and all, in its place.
fn bind() -> Tried {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, "/", flags)?;
    let attributes = sys::MountAttr {
        set: sys::MOUNT_ATTR_RDONLY | sys::MOUNT_ATTR_NOSUID | sys::MOUNT_ATTR_NODEV,
        ..sys::MountAttr::default()
    };
    sys::mount_setattr(tree.as_fd(), true, &attributes)
        .map_err(|e| rustix::io::Errno::from_raw_os_error(e.raw_os_error().unwrap_or(libc::EIO)))?;
    attach(&tree, "/")
}

fn attach(tree: &OwnedFd, at: &str) -> Tried {
    move_mount(tree, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn overlay() -> Tried {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Two folders every system has; neither is written to.
    fsconfig_set_string(&context, "lowerdir", "/etc:/usr")?;
    fsconfig_set_flag(&context, "userxattr")?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY).map(drop)
}

/// With an upper layer in a tmpfs, and the attribute that a removed file leaves there: without it overlayfs mounts all the
/// same, and the first removal fails.
fn writable_overlay() -> Tried {
    let layer = make("tmpfs", &[])?;
    attach(&layer, "/")?;
    rustix::process::fchdir(&layer)?;
    for folder in ["upper", "work"] {
        rustix::fs::mkdirat(CWD, folder, Mode::RWXU)?;
    }
    rustix::fs::setxattr("upper", "user.overlay.opaque", b"y", XattrFlags::empty())?;
    rustix::fs::removexattr("upper", "user.overlay.opaque")?;
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, folder) in [("lowerdir", "/etc"), ("upperdir", "upper"), ("workdir", "work")] {
        fsconfig_set_string(&context, key, folder)?;
    }
    fsconfig_set_flag(&context, "userxattr")?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).map(drop)
}

/// Into an empty tmpfs; the old root goes on top of it and is taken off, as kakuri-mount does.
fn pivot() -> Tried {
    let root = make("tmpfs", &[])?;
    attach(&root, "/")?;
    rustix::process::fchdir(&root)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH)
}
