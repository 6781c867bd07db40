//! Started by root, kakuri gives its command nothing that root has. These run only when the tests are started by root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "root/attacks.rs"]
mod attacks;
mod common;
#[path = "root/files.rs"]
mod files;
#[path = "root/refused.rs"]
mod refused;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use common::{Scene, skip};

fn root(test: &str) -> bool {
    // SAFETY: always succeeds.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skip(format_args!("root::{test}: needs root"));
    }
    root
}

#[test]
fn it_runs_and_leaves_nothing() {
    if !root("it_runs_and_leaves_nothing") {
        return;
    }
    let scene = Scene::alone();
    let before = scene.before();
    let output = scene.kakuri(["sh", "-c", "id -u; exit 3"]).output();
    assert_eq!((output.code(), output.text().as_str()), (3, "0"), "{output}");
    before.nothing_left();
}

#[test]
fn the_command_may_not_write_what_only_root_may() {
    if !root("the_command_may_not_write_what_only_root_may") {
        return;
    }
    let scene = Scene::new();
    let script = "for f in /etc/passwd /etc/shadow /usr/bin/env /proc/sysrq-trigger /proc/sys/kernel/core_pattern /dev/kmsg /dev/mem \
        $(find /proc -maxdepth 4 -type f -perm /222 -not -path '/proc/[0-9]*' -not -path '/proc/self/*' -not -path '/proc/thread-self/*' 2>/dev/null); do
        (: >>$f) 2>/dev/null && echo $f; done; exit 0";
    // The container's own /etc/passwd is a file of its own, and read-only as well.
    assert_eq!(scene.inside(&[], script), "");
}

#[test]
fn the_command_has_no_capability_over_the_host() {
    if !root("the_command_has_no_capability_over_the_host") {
        return;
    }
    let scene = Scene::new();
    let script = "mount -t tmpfs none /mnt 2>/dev/null && echo mount; mknod /tmp/sda b 8 0 2>/dev/null && echo mknod
        hostname stolen 2>/dev/null && echo hostname; chroot /proc/1/root true 2>/dev/null && echo chroot
        ls /proc/1/root/ 2>/dev/null; nice -n -5 true 2>&1 | grep -v -i denied | grep -v cannot; exit 0";
    let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(scene.inside(&[], script), "");
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), before);
}

#[test]
fn the_command_reads_nothing_that_root_keeps_from_others() {
    if !root("the_command_reads_nothing_that_root_keeps_from_others") {
        return;
    }
    let scene = Scene::new();
    // find(1) would not see into a folder that is covered: what it lists is what is shown.
    let script = "find /etc -type f ! -perm -004 -size +0 2>/dev/null; cat /etc/shadow /etc/gshadow; exit 0";
    assert_eq!(scene.inside(&[], script), "");
}

#[test]
fn the_devices_of_the_host_keep_their_modes() {
    if !root("the_devices_of_the_host_keep_their_modes") {
        return;
    }
    let scene = Scene::new();
    let mode = || fs::metadata("/dev/full").unwrap().mode();
    let before = mode();
    let said = scene.inside(&[], "chmod 600 /dev/full 2>/dev/null; echo x >/dev/null && head -c 1 /dev/zero | wc -c");
    let after = mode();
    fs::set_permissions("/dev/full", PermissionsExt::from_mode(before)).unwrap();
    assert_eq!((said.trim(), after), ("1", before));
}

#[test]
fn a_user_may_run_programs_that_root_installed() {
    if !root("a_user_may_run_programs_that_root_installed") {
        return;
    }
    for program in [common::KAKURI, common::MOUNT, common::NETNS, common::INIT] {
        let meta = fs::metadata(program).unwrap();
        assert_eq!(meta.mode() & 0o6000, 0, "{program} has a set-id bit");
        assert_eq!(meta.permissions().mode() & 0o005, 0o005, "{program}");
    }
}
