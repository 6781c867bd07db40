//! Children born in a control group. Where there is a tree of version 2 to write to, which is root's mostly, one is;
//! everywhere what is no such folder is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use kakuri_wire::sys;

fn folder(path: &str) -> File {
    File::options().read(true).custom_flags(libc::O_DIRECTORY).open(path).unwrap()
}

fn ended(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: our own child, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

#[test]
fn what_is_no_control_group_is_refused() {
    let plain = folder("/tmp");
    let mut ran = false;
    let refused = sys::clone_vfork_into(Some(plain.as_fd()), 0, &mut || {
        ran = true;
        0
    });
    assert_eq!(refused.expect_err("no control group").raw_os_error(), Some(libc::EBADF));
    let refused = sys::clone_beside_into(Some(plain.as_fd()), 5, 0, || 0);
    assert_eq!(refused.expect_err("no control group").raw_os_error(), Some(libc::EBADF));
    let refused = sys::clone_elsewhere(&mut || Ok(()), Some(plain.as_fd()), 0, &mut || 0);
    assert_eq!(refused.expect_err("no control group").raw_os_error(), Some(libc::EBADF));
    assert!(!ran);
}

/// A group of our own, gone at the end.
struct Group(PathBuf);

impl Group {
    fn make() -> Option<Group> {
        let mounts = fs::read_to_string("/proc/mounts").ok()?;
        let root = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ');
            let (_, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(at))
        })?;
        let group = root.join(format!("kakuri-test-{}", std::process::id()));
        fs::create_dir(&group).ok().map(|()| Group(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_child_is_there_from_its_first_moment() {
    let Some(group) = Group::make() else {
        eprintln!("skipped: a child in a control group: there is none that is ours");
        return;
    };
    let name = group.0.file_name().unwrap().to_str().unwrap().to_string();
    let fd = folder(group.0.to_str().unwrap());
    let mut seen = String::new();
    let (pid, _) = sys::clone_vfork_into(Some(fd.as_fd()), 0, &mut || {
        File::open("/proc/self/cgroup").unwrap().read_to_string(&mut seen).unwrap();
        7
    })
    .unwrap();
    assert_eq!(ended(pid), 7 << 8);
    assert!(seen.lines().any(|line| line == format!("0::/{name}")), "{seen}");
    let (pid, _) = sys::clone_elsewhere(&mut || Ok(()), Some(fd.as_fd()), 0, &mut || 8).unwrap();
    assert_eq!(ended(pid), 8 << 8);
    let (pid, _) = sys::clone_beside_into(Some(fd.as_fd()), 5, 0, || 9).unwrap();
    assert_eq!(ended(pid), 9 << 8);
}
