//! `--seccomp-log`: what was refused is told by name, the commands are answered as without it, and who floods us harms nobody
//! but himself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Output, Scene};

/// What is told after a run, without the counts: `mount EPERM mount`.
fn told(output: &Output) -> Vec<String> {
    let rows = output.err();
    let rows = rows.lines().skip_while(|line| !line.contains("(--seccomp-log)")).skip(1);
    let words = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    let mut told: Vec<String> = rows.map(words).collect();
    told.sort();
    told
}

const SCRIPT: &str = "mount -t tmpfs x /tmp; umount /tmp; chmod 4755 /tmp; chmod 2755 /tmp; unshare -U true; true";
const REFUSED: [&str; 5] = [
    "fchmodat mode 2755 EPERM chmod",
    "fchmodat mode 4755 EPERM chmod",
    "mount EPERM mount",
    "umount2 EPERM umount",
    "unshare CLONE_NEWUSER EPERM unshare",
];

#[test]
fn what_was_refused_is_told_by_name() {
    let scene = Scene::alone();
    let before = scene.before();
    let output = scene.kakuri(["--seccomp-log", "--", "sh", "-c", SCRIPT]).output().ok();
    assert_eq!(told(&output), REFUSED, "{output}");
    let output = scene.kakuri(["--seccomp-log", "-t", "--", "sh", "-c", SCRIPT]).output().ok();
    assert_eq!(told(&output), REFUSED, "{output}");
    // How often.
    let often = "for n in 1 2 3; do umount /tmp; done; true";
    let output = scene.kakuri(["--seccomp-log", "--", "sh", "-c", often]).output().ok();
    assert!(output.err().contains("      3  umount2  EPERM  umount"), "{output}");
    let nothing = scene.kakuri(["--seccomp-log", "true"]).output().ok();
    assert!(nothing.err().contains("no system call was refused"), "{nothing}");
    let silent = scene.kakuri(["--", "sh", "-c", "umount /tmp 2>/dev/null; true"]).output().ok();
    assert_eq!(silent.err(), "");
    let both = scene.kakuri(["--seccomp-log", "--security-opt", "seccomp=unconfined", "true"]).output();
    both.refused(125, &["contradict"]);
    before.nothing_left();
}

#[test]
fn families_of_sockets_are_told() {
    need!("python3");
    let scene = Scene::new();
    let script = "import socket\nfor family in (38, 40, 17, 2):\n try: socket.socket(family, 3)\n except OSError as e: print(e.errno)";
    let output = scene.kakuri(["--seccomp-log", "python3", "-c", script]).output().ok();
    assert_eq!(output.text(), "97\n97\n97\n1");
    let expected = [
        "socket AF_ALG SOCK_RAW EAFNOSUPPORT python3",
        "socket AF_INET SOCK_RAW EPERM python3",
        "socket AF_PACKET SOCK_RAW EAFNOSUPPORT python3",
        "socket AF_VSOCK SOCK_RAW EAFNOSUPPORT python3",
    ];
    let rows: Vec<String> = told(&output).into_iter().filter(|row| row.starts_with("socket ")).collect();
    assert_eq!(rows, expected, "{output}");
}

#[test]
fn programs_that_start_kakuri_are_told_in_json() {
    let scene = Scene::new();
    let line = format!("{} --seccomp-log --status-fd 3 umount /tmp 3>status", common::KAKURI);
    let run = scene.program("sh").args(["-c", &line]).output();
    assert_eq!(run.code(), 32, "{run}");
    let status = std::fs::read_to_string(scene.work().join("status")).unwrap();
    let last: serde_json::Value = serde_json::from_str(status.lines().last().unwrap()).unwrap();
    let row = &last["refused"]["rows"][0];
    assert_eq!((&row["call"], &row["errno"], &row["count"]), (&"umount2".into(), &1.into(), &1.into()), "{status}");
    assert_eq!(row["program"], "umount");
    assert_eq!(status.lines().filter(|line| line.contains("launching")).count(), 1, "{status}");
}

#[test]
fn containers_with_a_name_keep_it() {
    let scene = Scene::new();
    let refused = |which: &str| {
        let shown =
            scene.kakuri(["inspect", "web", "--format", &format!("{{{{json .{which}.refused}}}}")]).output().ok();
        let value: serde_json::Value = serde_json::from_str(&shown.text()).unwrap();
        let rows = value["rows"].as_array().unwrap_or_else(|| panic!("{shown}")).clone();
        rows.iter().map(|row| format!("{} {}", row["call"].as_str().unwrap(), row["count"])).collect::<Vec<_>>()
    };
    scene.kakuri(["create", "--seccomp-log", "web"]).output().ok();
    let start = scene.kakuri(["start", "web", "umount", "/tmp"]).output();
    assert_eq!((start.code(), told(&start)), (32, vec!["umount2 EPERM umount".into()]), "{start}");
    assert_eq!(refused("state"), ["umount2 1"]);
    // One that is left running is told what each was refused, and its end.
    scene.kakuri(["start", "-d", "web"]).output().ok();
    let first = scene.kakuri(["exec", "web", "umount", "/tmp"]).output();
    assert_eq!(told(&first), ["umount2 EPERM umount"], "{first}");
    let second = scene.kakuri(["exec", "web", "true"]).output().ok();
    assert!(second.err().contains("no system call was refused"), "{second}");
    // What a command leaves running is answered as long as it runs, whoever else has gone.
    let script = "(while [ ! -e /tmp/go ]; do sleep 0.01; done; umount /tmp 2>/tmp/said; mv /tmp/said /tmp/end) >/dev/null 2>&1 &";
    scene.kakuri(["exec", "web", "sh", "-c", script]).output().ok();
    scene.kakuri(["exec", "web", "touch", "/tmp/go"]).output().ok();
    let said =
        scene.kakuri(["exec", "web", "sh", "-c", "until cat /tmp/end 2>/dev/null; do sleep 0.01; done"]).output();
    assert!(said.ok().text().contains("superuser"));
    assert_eq!(refused("live"), ["umount2 2"]);
    scene.kakuri(["stop", "web"]).output().ok();
    assert_eq!(refused("state"), ["umount2 2"]);
    // It was stopped: whoever enters starts it, and sees his own.
    let entered = scene.kakuri(["exec", "web", "chmod", "4755", "/tmp"]).output();
    assert_eq!(told(&entered), ["fchmodat mode 4755 EPERM chmod"], "{entered}");
    scene.kakuri(["remove", "-f", "web"]).output().ok();
}

#[test]
fn a_profile_of_the_users_own_is_listened_to() {
    let scene = Scene::new();
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":77},
        {"names":["personality"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]},
        {"names":["sync"],"action":"SCMP_ACT_LOG"}]}"#;
    let option = format!("seccomp={}", scene.file("own.json", profile).display());
    let script = "mkdir /tmp/x; setarch linux32 true; sync";
    let output = scene.kakuri(["--seccomp-log", "--security-opt", &option, "--", "sh", "-c", script]).output().ok();
    assert!(output.err().contains("File descriptor in bad state"), "{output}");
    let rows = told(&output);
    assert_eq!(rows, ["mkdir error 77 mkdir", "personality 0x8 EPERM setarch"], "{output}");
    // Nobody could be handed what is refused.
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["sendmsg"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let option = format!("seccomp={}", scene.file("silent.json", profile).display());
    let refused = scene.kakuri(["--seccomp-log", "--security-opt", &option, "true"]).output();
    refused.refused(125, &["--seccomp-log"]).hints(&["sendmsg"]);
    let named = scene.kakuri(["run", "--name", "web", "--seccomp-log", "--security-opt", &option, "true"]).output();
    named.refused(125, &["--seccomp-log"]).hints(&["sendmsg"]);
}

#[test]
fn within_one_who_listens_it_is_refused_clearly() {
    let scene = Scene::new();
    let folder = std::path::Path::new(common::KAKURI).parent().unwrap().display().to_string();
    let bind = format!("{folder}:/kakuri:ro");
    let inner = scene.kakuri(["--nest", "--seccomp-log", "--bind", &bind, "/kakuri/kakuri", "--seccomp-log", "true"]);
    let inner = inner.output();
    if inner.err().contains("user namespace") {
        return common::skip("refusals::within_one_who_listens: no container within a container here");
    }
    assert_eq!(inner.code(), 125, "{inner}");
    assert!(inner.err().contains("a sandbox around kakuri listens"), "{inner}");
    assert!(inner.err().contains("leave --seccomp-log out"), "{inner}");
}

/// Threads without an end to it, each call another, by a program that changes its name: rows are bounded, and what it writes,
/// its end and a signal come through meanwhile.
const FLOOD: &str = r#"
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile long made;
static void *flood(void *number) {
    for (unsigned n = 0;; n++) {
        char name[16];
        snprintf(name, sizeof name, "\033[3%um%u", n % 8, n);
        prctl(PR_SET_NAME, name);
        syscall(SYS_personality, 0x100000 + n);
        __sync_fetch_and_add(&made, 1);
    }
}
int main(void) {
    pthread_t thread;
    for (int n = 0; n < 8; n++) pthread_create(&thread, 0, flood, 0);
    for (long n = 1; n <= 5; n++) {
        while (made < n * 1000) usleep(1000);
        printf("%ld\n", n);
        fflush(stdout);
    }
    for (;;) pause();
}
"#;

#[test]
fn who_floods_is_bounded() {
    need!("gcc");
    let scene = Scene::alone();
    let source = scene.file("flood.c", FLOOD);
    let made = scene.work().join("flood");
    scene.program("gcc").args(["-static", "-pthread", "-O1", "-w", "-o"]).arg(&made).arg(source).output().ok();
    let before = scene.before();
    let bind = format!("{}:/flood:ro", made.display());
    // It is asked to end in the midst of it.
    let script = "/flood & flood=$!; while [ \"$(wc -l </tmp/out 2>/dev/null || echo 0)\" -lt 5 ]; do sleep 0.05; done; kill $flood";
    let script = format!("{} ; wait; echo over", script.replace("/flood &", "/flood >/tmp/out &"));
    let output = scene.kakuri(["--seccomp-log", "--bind", &bind, "--", "sh", "-c", &script]);
    let output = output.limit(common::HANG * 2).output().ok();
    assert!(output.text().ends_with("over"), "{}", output.text());
    let rows = told(&output);
    assert_eq!(rows.len(), 101, "{output}");
    assert!(output.err().lines().last().unwrap().ends_with("others"), "{output}");
    // Names that would drive a terminal.
    assert!(!output.err().contains('\u{1b}') && output.err().contains("\\u{1b}["), "{output}");
    before.nothing_left();
}
