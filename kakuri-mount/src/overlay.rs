//! Writable overlays: a layer of ours over folders of the host. Runs with CAP_SYS_ADMIN over the container, and with
//! CAP_DAC_OVERRIDE too in the call that mounts one.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{XattrFlags, removexattr, setxattr};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
};

use crate::power::Power;
use crate::skeleton::Staging;
use crate::{Layer, source, stack, union};

/// Overlayfs keeps in attributes like this one, of an upper folder, what it hides of the lower one.
const ATTRIBUTE: &str = "user.overlay.kakuri";
/// What a layer does without.
pub const OFF: [&str; 3] = ["index", "metacopy", "xino"];

/// The folders of one, opened.
pub struct Parts<'a> {
    /// The highest first; one at least.
    pub lowers: &'a [BorrowedFd<'a>],
    pub upper: &'a OwnedFd,
    pub work: &'a OwnedFd,
}

/// An overlay, detached, nosuid and nodev. Its work folder has mode 000, and it does everything with the rights of who
/// mounted it, for good: so it is mounted with the capability that opens such a folder, over files of the mapped ids
/// alone.
pub fn mount(
    parts: &Parts,
    noexec: bool,
    (staging, power): (&mut Staging, &mut Power),
    log: &mut Option<OwnedFd>,
) -> Result<Result<OwnedFd, Errno>> {
    let fs = match prepare(log, parts) {
        Ok(fs) => fs,
        Err(e) => return Ok(Err(e)),
    };
    let make = |fs: &OwnedFd| {
        fsconfig_create(fs)?;
        let noexec = if noexec { MountAttrFlags::MOUNT_ATTR_NOEXEC } else { MountAttrFlags::empty() };
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | noexec;
        fsmount(fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    power.over_files(|| match fs.map(make) {
        Some(Err(Errno::INVAL)) if parts.lowers.len() > 1 => stack::mount(parts, noexec, staging),
        Some(made) => made,
        None => stack::mount(parts, noexec, staging),
    })
}

/// None: this kernel takes no folder after the other.
fn prepare<'a>(log: &'a mut Option<OwnedFd>, parts: &Parts) -> Result<Option<&'a OwnedFd>, Errno> {
    let fs: &OwnedFd = log.insert(fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?);
    // By descriptor's name: no colon, comma or backslash of a path is ever parsed, and no path shows in mountinfo.
    let set = |key, folder: BorrowedFd| fsconfig_set_string(fs, key, format!("/proc/self/fd/{}", folder.as_raw_fd()));
    match parts.lowers {
        [one] => set("lowerdir", *one)?,
        // One by one, because a parameter has 255 bytes at most (fsconfig(2)).
        many => {
            for (n, lower) in many.iter().enumerate() {
                match set("lowerdir+", *lower) {
                    // Linux 6.7 is the first that knows it; before 6.5 that is told when the overlay is made.
                    Err(Errno::INVAL) if n == 0 => return Ok(None),
                    set => set?,
                }
            }
        }
    }
    set("upperdir", parts.upper.as_fd())?;
    set("workdir", parts.work.as_fd())?;
    // In a user namespace overlayfs must not want trusted.* attributes.
    fsconfig_set_flag(fs, "userxattr")?;
    // Whatever the module was given as defaults: a layer has to be whole by itself, and the same on every kernel.
    for key in OFF {
        fsconfig_set_string(fs, key, "off")?;
    }
    Ok(Some(fs))
}

/// The folders of a layer on disk. `what` begins the error.
pub fn open_layer(layer: &Layer, what: impl Fn() -> String) -> Result<(OwnedFd, OwnedFd)> {
    let open = |path: &Bytes| {
        source::open(path, true).map_err(|e| {
            Fail::new(Stage::Mount, what()).why(format!(
                "what is written goes to '{path}', and that cannot be opened: {}",
                kakuri_wire::fail::describe(e.raw_os_error())
            ))
        })
    };
    Ok((open(&layer.upper)?, open(&layer.work)?))
}

/// Whether removed files stay removed there: without these attributes overlayfs mounts all the same, and the first
/// `rm -r` fails.
pub fn keeps_attributes(upper: &OwnedFd) -> Result<(), Errno> {
    // By this name, because a descriptor that is for paths alone takes no attribute.
    let path = format!("/proc/self/fd/{}", upper.as_raw_fd());
    setxattr(&path, ATTRIBUTE, b"y", XattrFlags::empty()).and_then(|()| removexattr(&path, ATTRIBUTE))
}

/// The kernel's no, in words. `hint` says what to do instead.
pub fn refused(what: String, e: Errno, log: Option<&OwnedFd>, hint: String) -> Fail {
    let fail = Fail::new(Stage::Mount, what).errno(e);
    if e == Errno::NODEV {
        return fail.why("this kernel has no overlayfs").hint(format!("sudo modprobe overlay; or {hint}"));
    }
    let reason = kakuri_wire::fail::describe(e.raw_os_error());
    let why = match (log.and_then(union::words), e) {
        (Some(words), _) => format!("the kernel makes no overlay of it: {reason}: {words}"),
        (None, Errno::INVAL) => {
            "the kernel makes no overlay of it: something is mounted in it, or it lies on overlays already".into()
        }
        (None, Errno::LOOP) => "its layer lies in it, or it lies in its layer".into(),
        (None, _) => format!("the kernel makes no overlay of it: {reason}"),
    };
    fail.why(why).hint(hint)
}
