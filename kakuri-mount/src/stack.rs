//! An overlay of many lower folders by mount(2), for kernels before 6.7. Runs with CAP_SYS_ADMIN over the container and what
//! else it takes to make a writable overlay.
//!
//! Its options are one page at most, and a path in them is parsed for colons, commas and backslashes: so each folder has
//! a link with a short name, in a folder of our own where we stand meanwhile.

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount as classic, unmount};
use rustix::process::fchdir;

use crate::overlay::{OFF, Parts};
use crate::skeleton::Staging;

/// The overlay, detached. It has to be made at some place first; what is given back is a copy of it, and the place is
/// free again.
pub fn mount(parts: &Parts, noexec: bool, staging: &mut Staging) -> Result<OwnedFd, Errno> {
    let links = staging.plain("links", 0o755)?;
    for (n, lower) in parts.lowers.iter().enumerate() {
        link(&links, lower.as_raw_fd(), &n.to_string())?;
    }
    link(&links, parts.upper.as_raw_fd(), "u")?;
    link(&links, parts.work.as_raw_fd(), "w")?;
    let place = staging.named("stack", 0o755)?;
    let target = staging.path_of(&place);
    let options = CString::new(options(parts.lowers.len())).unwrap_or_default();
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    flags.set(MountFlags::NOEXEC, noexec);
    let stood = openat(CWD, c".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchdir(&links)?;
    let made = classic(c"overlay", &target, c"overlay", flags, options.as_c_str());
    // Whatever came of it: what somebody typed by hand may mean the folder we came from.
    fchdir(stood)?;
    made?;
    let copy = staging.clone_of(&place)?;
    unmount(&target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
    Ok(copy)
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
