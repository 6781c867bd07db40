//! Making the new root the root. Runs with CAP_SYS_ADMIN over the container; PID 1 is told nothing, its root
//! follows by itself (pivot_root(2) moves every process of the namespace whose root was the old one).

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::sys::{MOUNT_ATTR_RDONLY, MountAttr, mount_setattr};
use kakuri_wire::{Fail, Result, Stage};
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, open, unlinkat};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{fchdir, pivot_root};

use crate::attach::Tree;

/// Where the old root is for a moment. A plan may not name it.
pub const OLD: &str = ".old";

/// Where the old root stays until it is let go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// In a folder of the new one, made for it.
    Beside,
    /// Over the new one, where nothing can or may be made. PID 1 looks chrooted for that moment and could make no
    /// user namespace; it has made its own by now, or we had not been told to finish.
    Over,
}

/// Pivots, lets go of the old root with everything mounted below it, and closes the root and `sealed` for writing.
///
/// Once: the cost of pivot_root(2) grows with the machine's processes.
pub fn pivot(root: &Tree, place: Old, read_only: bool, sealed: &[OwnedFd]) -> Result<()> {
    let what = || "cannot enter the container's root".to_string();
    let old = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).fail(Stage::Mount, what)?;
    if place == Old::Beside {
        mkdirat(root.fd(), OLD, Mode::RWXU).fail(Stage::Mount, what)?;
    }
    fchdir(root.fd()).fail(Stage::Mount, what)?;
    pivot_root(".", if place == Old::Beside { OLD } else { "." }).map_err(impossible)?;
    let gone = || "cannot let go of the host's root".to_string();
    fchdir(&old).fail(Stage::Mount, gone)?;
    // With all that is mounted below it, the staging tmpfs included.
    unmount(".", UnmountFlags::DETACH).fail(Stage::Mount, gone)?;
    fchdir(root.fd()).fail(Stage::Mount, gone)?;
    if place == Old::Beside {
        unlinkat(root.fd(), OLD, AtFlags::REMOVEDIR).fail(Stage::Mount, gone)?;
    }
    // Last, because everything was made in them until now.
    let closed = sealed.iter().map(AsFd::as_fd).chain(read_only.then(|| root.fd()));
    for mount in closed {
        mount_setattr(mount, false, &MountAttr { set: MOUNT_ATTR_RDONLY, ..Default::default() })
            .fail(Stage::Mount, || "cannot make a folder of the container read-only".into())?;
    }
    // Never closed: the last descriptor of a mount that is gone pays for its end, and the front waits.
    std::mem::forget(old);
    Ok(())
}

fn impossible(e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, "cannot make the container's root the root").errno(e);
    match e {
        Errno::INVAL => fail
            .why("the root of this system is an initramfs, or no mount at all (a chroot)")
            .hint("run kakuri on a system whose root is a mounted file system"),
        Errno::PERM | Errno::ACCESS => {
            fail.hint("a security module forbids pivot_root: see the kernel's log, and kakuri doctor")
        }
        _ => fail,
    }
}
