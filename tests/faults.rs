//! Each system call of a start fails once, at each of its turns: kakuri says one clear line and exits 125, or does
//! without what failed; it never hangs and never leaves anything. KAKURI_TEST_TURNS sets how many turns of each call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Scene, rounds, trace};

/// Calls a container cannot be had without: their failure must be an error, never a weaker container.
const ESSENTIAL: &[&str] = &[
    "capset",
    "clone",
    "clone3",
    "close_range",
    "execveat",
    "fsmount",
    "fsopen",
    "memfd_create",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "sendmsg",
    "recvmsg",
    "setns",
    "sethostname",
    "setresgid",
    "setresuid",
    "socketpair",
    "umount2",
    "unshare",
];

/// Calls that may fail without harm somewhere (a look at something that may be missing), but must be survived. Calls
/// that the kernel cannot fail with such arguments (waiting for a child of one's own, reading a limit) are not here.
const SURVIVED: &[&str] = &[
    "chdir",
    "dup2",
    "dup3",
    "eventfd2",
    "faccessat2",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fcntl",
    "fstat",
    "fstatfs",
    // A refused overlay is built another way, which is no weaker.
    "fsconfig",
    "ftruncate",
    "getsockopt",
    "ioctl",
    "keyctl",
    "mkdir",
    "mkdirat",
    "mknodat",
    "mount",
    "newfstatat",
    "openat2",
    "pidfd_open",
    "pidfd_send_signal",
    "pipe2",
    "poll",
    "ppoll",
    "prctl",
    "pwrite64",
    "pread64",
    "readlink",
    "readlinkat",
    "rt_sigaction",
    "rt_sigprocmask",
    "seccomp",
    "setgroups",
    "setrlimit",
    "setsid",
    "signalfd4",
    "socket",
    "statfs",
    "statx",
    "symlink",
    "symlinkat",
    "unlinkat",
    "vfork",
    "write",
    "writev",
];

fn fail_each(test: &str, list: &[&str], essential: bool) {
    let scene = Scene::alone();
    if !trace::usable(&scene, test) {
        return;
    }
    // A terminal-less start of a command that makes no call of these lists worth failing but its own start-up.
    let args = ["--", "true"];
    let counts = trace::calls(&scene, &args);
    let limit = rounds("KAKURI_TEST_TURNS", 6);
    let before = scene.before();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for call in list {
        let turns = counts.get(*call).copied().unwrap_or(0);
        for turn in 1..=turns.min(limit) {
            let fault = format!("{call}:error=EIO:when={turn}");
            tried += 1;
            let output = match trace::inject(&scene, &fault, &args) {
                Ok(output) => output,
                Err(_) => {
                    wrong.push(format!("{fault}: hangs"));
                    continue;
                }
            };
            let error = output.err();
            let clear = output.status.code() == Some(125)
                && output.stdout.is_empty()
                && error.starts_with("kakuri: ")
                && error.lines().count() <= 2
                && error.lines().skip(1).all(|l| l.trim_start().starts_with("hint: "));
            let told = clear || matches!(output.status.code(), Some(126 | 127)) && error.starts_with("kakuri: ");
            // Every process counts its own turns: the call that failed may be the one that tells, or the loader's.
            let speechless = *call == "write" && output.status.code() == Some(125) && error.is_empty();
            let loader = error.contains("error while loading shared libraries");
            let unharmed = output.status.code() == Some(0) && error.is_empty();
            let well = if essential { clear } else { told || unharmed || speechless || loader };
            if !well {
                wrong.push(format!("{fault}: {} {:?}", output.status, error));
            }
        }
    }
    assert!(tried > 0, "no call of this list was ever made: {counts:?}");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    before.nothing_left();
}

#[test]
fn a_failure_of_what_a_container_is_made_of_is_told() {
    fail_each("a_failure_of_what_a_container_is_made_of_is_told", ESSENTIAL, true);
}

#[test]
fn a_failure_of_anything_else_is_told_or_survived() {
    fail_each("a_failure_of_anything_else_is_told_or_survived", SURVIVED, false);
}

/// Interrupted by a signal and asked again, every call goes on as if nothing had been.
#[test]
fn interrupted_calls_are_made_again() {
    let scene = Scene::alone();
    if !trace::usable(&scene, "interrupted_calls_are_made_again") {
        return;
    }
    let counts = trace::calls(&scene, &["--", "true"]);
    let before = scene.before();
    for call in ["poll", "ppoll", "recvmsg", "recvfrom", "sendmsg", "waitid"] {
        if counts.contains_key(call) {
            let output = trace::inject(&scene, &format!("{call}:error=EINTR:when=1"), &["--", "true"]).unwrap();
            assert_eq!(output.code(), 0, "{call}: {output}");
        }
    }
    before.nothing_left();
}
