//! An overlay of many lower folders by mount(2), for kernels before 6.7. Runs with CAP_SYS_ADMIN over the container.
//!
//! Its options are one page at most, and a path in them is parsed for colons, commas and backslashes: so each folder has
//! a link with a short name, in a folder of our own where we stand meanwhile.

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::{AsRawFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount as classic, unmount};
use rustix::process::fchdir;

use crate::overlay::{OFF, Parts};
use crate::power::Power;
use crate::skeleton::Staging;

/// The same as [`crate::overlay::mount`]. The mount has to be made somewhere; what is given back is a copy of it, and
/// the place is free again.
pub fn mount(
    parts: &Parts,
    noexec: bool,
    staging: &mut Staging,
    power: &mut Power,
) -> Result<Result<OwnedFd, Errno>> {
    let what = || "cannot prepare an overlay of many folders".to_string();
    let stands = openat(CWD, c".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let (links, place) = power.as_root(|| {
        let links = staging.plain("links", 0o755).fail(Stage::Mount, what)?;
        for (n, lower) in parts.lowers.iter().enumerate() {
            link(&links, lower.as_raw_fd(), &n.to_string()).fail(Stage::Mount, what)?;
        }
        link(&links, parts.upper.as_raw_fd(), "u").fail(Stage::Mount, what)?;
        link(&links, parts.work.as_raw_fd(), "w").fail(Stage::Mount, what)?;
        Ok((links, staging.named("stack", 0o755).fail(Stage::Mount, what)?))
    })?;
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    flags.set(MountFlags::NOEXEC, noexec);
    fchdir(&links).fail(Stage::Mount, what)?;
    let target = staging.path_of(&place);
    let options = CString::new(options(parts.lowers.len())).unwrap_or_default();
    let made = power.over_files(|| classic(c"overlay", &target, c"overlay", flags, options.as_c_str()));
    // Whatever came of it: what is typed by hand may mean the folder we came from.
    let back = stands.and_then(fchdir);
    let made = made?.and_then(|()| back).and_then(|()| {
        let copy = staging.clone_of(&place)?;
        unmount(&target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
        Ok(copy)
    });
    Ok(made)
}

fn link(links: &OwnedFd, fd: i32, name: &str) -> Result<(), Errno> {
    symlinkat(format!("/proc/self/fd/{fd}"), links, name)
}

/// Of so many lower folders; less than 2 KiB of any number there may be.
fn options(lowers: usize) -> String {
    let mut text = String::from("lowerdir=");
    for n in 0..lowers {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{n}", if n == 0 { "" } else { ":" });
    }
    text += ",upperdir=u,workdir=w,userxattr";
    for key in OFF {
        text += &format!(",{key}=off");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_holds_them() {
        assert_eq!(options(3), "lowerdir=0:1:2,upperdir=u,workdir=w,userxattr,index=off,metacopy=off,xino=off");
        assert!(options(crate::MAX_LOWERS).len() < 4096);
    }
}
