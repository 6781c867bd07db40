//! The doctor where something forbids containers: it names exactly that, with what mends it, and a start says the same.
//! What only root can set is tried by tests/vm/doctor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use common::{KAKURI, skip};
use serde_json::Value;

/// `kakuri WORDS` as `outer` runs it.
type Outer<'a> = &'a dyn Fn(&str) -> Output;

fn shell(program: &str, arguments: &[&str], line: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).args(["sh", "-c", line]).current_dir("/").stdin(Stdio::null()).output().expect("starts")
}

fn doctor(outer: Outer) -> Value {
    let said = outer("doctor --json");
    serde_json::from_slice(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

/// The rows in a state, by name.
fn rows<'a>(report: &'a Value, state: &str) -> Vec<&'a str> {
    let rows = report["rows"].as_array().expect("rows");
    rows.iter().filter(|row| row["state"] == state).map(|row| row["name"].as_str().expect("a name")).collect()
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["rows"].as_array().expect("rows").iter().find(|row| row["name"] == name).expect("a row")
}

/// This row fails and no other, for this reason; those are not tried; and a start gives the row's reason and hint.
fn names(outer: Outer, name: &str, reason: &str, mend: &str, untried: Option<&[&str]>) {
    let report = doctor(outer);
    assert_eq!(rows(&report, "fails"), [name, "a container"], "{report:#}");
    assert_eq!(report["works"], false);
    let found = row(&report, name);
    let text = |key: &str| found[key].as_str().unwrap_or_else(|| panic!("no {key}: {found:#}")).to_string();
    assert!(text("detail").contains(reason) && text("mend").contains(mend), "{found:#}");
    assert!(!text("without").is_empty());
    if let Some(untried) = untried {
        assert_eq!(rows(&report, "untried"), untried);
    }
    let start = outer("true");
    let said = String::from_utf8_lossy(&start.stderr).into_owned();
    assert_eq!(start.status.code(), Some(125), "{said}");
    let mut lines = said.lines();
    let (what, hint) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    assert!(what.starts_with("kakuri: cannot ") && what.ends_with(&text("detail")), "{what}\n{found:#}");
    assert!(hint.starts_with(&format!("  hint: {}", text("mend"))), "{hint}\n{found:#}");
    let container = row(&report, "a container");
    assert!(container["detail"].as_str().unwrap().ends_with(&text("detail")), "{container:#}");
}

/// Whether there are user namespaces to try it in.
fn nested() -> bool {
    let works = shell("unshare", &["-Urm"], "true").status.success();
    if !works {
        skip("doctor: unshare does not work here");
    }
    works
}

#[test]
fn a_kind_of_namespace_of_which_none_is_allowed() {
    if !nested() {
        return;
    }
    let files = ["tmpfs", "binds", "read-only overlay", "writable overlay", "proc", "sysfs", "mqueue", "devpts"];
    let all: Vec<&str> = files.into_iter().chain(["pivot_root", "joining by pidfd"]).collect();
    for (kind, name, untried) in [
        ("mnt", "mount namespace", all.as_slice()),
        ("pid", "pid namespace", &["proc"]),
        ("net", "network namespace", &["sysfs"]),
        ("ipc", "ipc namespace", &["mqueue"]),
        ("uts", "uts namespace", &[]),
        ("cgroup", "cgroup namespace", &[]),
    ] {
        let file = format!("/proc/sys/user/max_{kind}_namespaces");
        let outer = |words: &str| shell("unshare", &["-Ur"], &format!("echo 0 >{file} && exec {KAKURI} {words}"));
        let mend = format!("sysctl -w user.max_{kind}_namespaces=28633");
        names(&outer, name, &format!("user.max_{kind}_namespaces is 0"), &mend, Some(untried));
    }
}

#[test]
fn one_user_namespace_where_a_container_is_made_of_two() {
    if !nested() {
        return;
    }
    let file = "/proc/sys/user/max_user_namespaces";
    let outer = |words: &str| shell("unshare", &["-Ur"], &format!("echo 1 >{file} && exec {KAKURI} {words}"));
    names(&outer, "second user namespace", "sets a limit on user namespaces", "max_user_namespaces=28633", None);
}

#[test]
fn a_chroot() {
    if !nested() {
        return;
    }
    // The shell stays outside, as whoever goes into a chroot by hand.
    let outer = |words: &str| {
        let line = format!("mount --rbind / /mnt && chroot /mnt {KAKURI} {words}; code=$?; umount -l /mnt; exit $code");
        shell("unshare", &["-Urm"], &line)
    };
    names(&outer, "user namespace", "runs in a chroot", "run kakuri outside the chroot", None);
}

/// What a program of seccomp(2) does with a call, by its number and, of `clone` and `unshare`, the flag.
fn filtered(refuse: u32, words: &str) -> Output {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
    let equal = |k: i64, jt, jf| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, k as u32);
    let end = |k| step(libc::BPF_RET | libc::BPF_K, 0, 0, k);
    let program = [
        load(0),
        equal(libc::SYS_clone3, 5, 0),
        equal(libc::SYS_unshare, 1, 0),
        equal(libc::SYS_clone, 0, 2),
        // The flags are the first argument of both.
        load(16),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 2, 0, libc::CLONE_NEWUSER as u32),
        end(libc::SECCOMP_RET_ALLOW),
        // As docker does: programs take clone(2) then.
        end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        end(refuse),
    ];
    let mut command = Command::new(KAKURI);
    command.args(words.split(' ')).current_dir("/").stdin(Stdio::null());
    // SAFETY: only prctl(2) is called, with a program that outlives the call, copied into the closure.
    unsafe {
        command.pre_exec(move || {
            let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
            let done = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const filter) == 0;
            if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    command.output().expect("starts")
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_filter_of_system_calls() {
    let outer = |words: &str| filtered(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, words);
    // The remedy is that of whatever is around this test.
    names(&outer, "user namespace", "filters system calls (seccomp)", "", None);
}

/// A filter that kills leaves nobody who could tell an errno.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_filter_that_kills() {
    let report = doctor(&|words: &str| filtered(libc::SECCOMP_RET_KILL_PROCESS, words));
    assert_eq!(rows(&report, "fails"), ["user namespace", "a container"], "{report:#}");
    assert!(row(&report, "user namespace")["detail"].as_str().unwrap().contains("was killed"), "{report:#}");
    assert!(row(&report, "user namespace")["mend"].as_str().unwrap().contains("outside the sandbox"), "{report:#}");
}

/// As many processes as the user has already.
#[test]
fn no_more_processes() {
    let outer = |words: &str| shell("env", &[], &format!("exec bash -c 'ulimit -u 1; exec {KAKURI} {words}'"));
    let report = doctor(&outer);
    assert_eq!(rows(&report, "fails"), ["user namespace", "a container"], "{report:#}");
    let found = row(&report, "user namespace");
    let text = |key: &str| found[key].as_str().unwrap().to_string();
    assert!(text("detail").contains("no more processes") && text("mend").contains("ulimit -u"), "{found:#}");
    let start = outer("true");
    let said = String::from_utf8_lossy(&start.stderr).into_owned();
    assert_eq!(start.status.code(), Some(125), "{said}");
    assert!(said.contains(&format!(": {}\n  hint: {}", text("detail"), text("mend"))), "{said}");
}

/// It takes a range of ids away, and a container with one id works all the same.
#[test]
fn no_new_privileges() {
    need!("setpriv");
    let report = doctor(&|words: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--no-new-privs", KAKURI]).args(words.split(' ')).current_dir("/").stdin(Stdio::null());
        command.output().expect("starts")
    });
    assert_eq!((rows(&report, "fails"), rows(&report, "untried")), (vec![], vec![]), "{report:#}");
    let range = row(&report, "id range");
    assert_eq!(range["state"], "lesser", "{range:#}");
    // Which of the two is met first depends on the account.
    let detail = range["detail"].as_str().unwrap();
    assert!(
        detail.contains("no_new_privs") || detail.contains("no range") || detail.contains("installed"),
        "{range:#}"
    );
}
