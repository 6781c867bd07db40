//! The system calls a container may make, tried by a program that makes them: by the numbers of each machine the kernel
//! speaks for, as the first command and as a later one, with a terminal and without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::Scene;

/// Prints `NAME ERRNO` for each call it makes; 0 where it was allowed. `old` ones go by int 0x80, `x32` by numbers with
/// that bit.
const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void told(const char *name, long result) {
    printf("%s %d\n", name, result < 0 ? errno : 0);
    fflush(stdout);
}
static long old(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    if ((int)result < 0 && (int)result > -4096) { errno = -(int)result; return -1; }
    return result;
}
#define TRY(name, ...) told(name, syscall(__VA_ARGS__))
#define OLD(name, ...) told("i386-" name, old(__VA_ARGS__))
static void child(long result) { if (result == 0) _exit(0); if (result > 0) waitpid(result, 0, 0); }

int main(void) {
    char buffer[256] = {0}, zeros[64] = {0};
    for (const char *path = "f\0g\0h\0i\0"; *path; path += 2) {
        char made[8] = "/tmp/";
        unlink(strcat(made, path));
    }
    TRY("getpid", SYS_getpid);
    TRY("keyctl", SYS_keyctl, 0, -3, 0);
    TRY("add_key", SYS_add_key, "user", "n", "x", 1, -3);
    TRY("request_key", SYS_request_key, "user", "n", 0, 0);
    TRY("bpf", SYS_bpf, 0, buffer, 0);
    TRY("userfaultfd", SYS_userfaultfd, 1);
    TRY("perf_event_open", SYS_perf_event_open, buffer, 0, -1, -1, 0);
    TRY("io_uring_setup", SYS_io_uring_setup, 1, buffer);
    TRY("fsopen", SYS_fsopen, "tmpfs", 0);
    TRY("statmount", 457, zeros, buffer, 200, 0);
    TRY("listmount", 458, zeros, buffer, 20, 0);
    TRY("lsm-list", 461, buffer, zeros, 0);
    TRY("vmsplice", SYS_vmsplice, 1, 0, 0, 0);
    TRY("hostname", SYS_sethostname, "x", 1);
    TRY("open_tree", SYS_open_tree, AT_FDCWD, "/", 1);
    TRY("mount", SYS_mount, "none", "/tmp", "tmpfs", 0, 0);
    TRY("umount2", SYS_umount2, "/tmp", 2);
    TRY("setns", SYS_setns, 0, 0);
    TRY("unshare-user", SYS_unshare, CLONE_NEWUSER);
    TRY("unshare-mount", SYS_unshare, CLONE_NEWNS);
    TRY("unshare-files", SYS_unshare, CLONE_FILES);
    long made = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    child(made);
    told("clone-user", made);
    made = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    child(made);
    told("clone", made);
    TRY("clone3", SYS_clone3, buffer, 64);
    TRY("open_by_handle_at", SYS_open_by_handle_at, 3, buffer, 0);
    TRY("fanotify_init", SYS_fanotify_init, 0, 0);
    TRY("kcmp", SYS_kcmp, getpid(), getpid(), 0, 0, 1);
    TRY("personality", SYS_personality, 0x0400000);
    TRY("personality-zero", SYS_personality, 0x100000);
    TRY("personality-ask", SYS_personality, 0xffffffff);
    TRY("vsock", SYS_socket, 40, SOCK_STREAM, 0);
    TRY("alg", SYS_socket, 38, SOCK_SEQPACKET, 0);
    TRY("packet", SYS_socket, 17, SOCK_RAW, 0);
    TRY("inet-packet", SYS_socket, AF_INET, 10, 0);
    TRY("raw", SYS_socket, AF_INET, SOCK_RAW, 1);
    TRY("sctp", SYS_socket, AF_INET, SOCK_STREAM, 132);
    TRY("netfilter", SYS_socket, 16, SOCK_RAW, 12);
    TRY("route", SYS_socket, 16, SOCK_RAW, 0);
    TRY("tcp", SYS_socket, AF_INET, SOCK_STREAM, 0);
    TRY("udp6", SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 17);
    TRY("unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    TRY("tipc-pair", SYS_socketpair, 30, SOCK_STREAM, 0, buffer);
    TRY("unix-pair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, buffer);
    TRY("sti", SYS_ioctl, 0, 0x5412L, "x");
    TRY("sti-high", SYS_ioctl, 0, 0x100005412L, "x");
    TRY("linux", SYS_ioctl, 0, 0x541cL, "\3");
    long file = syscall(SYS_openat, AT_FDCWD, "/tmp/f", O_RDWR | O_CREAT, 0644);
    told("create", file);
    TRY("create-set-id", SYS_openat, AT_FDCWD, "/tmp/g", O_RDWR | O_CREAT, 04755);
    TRY("fchmod", SYS_fchmod, file, 0755);
    TRY("fchmod-set-uid", SYS_fchmod, file, 04755);
    TRY("chmod-set-gid", SYS_fchmodat, AT_FDCWD, "/tmp/f", 02755);
    TRY("mknod-set-uid", SYS_mknodat, AT_FDCWD, "/tmp/h", 0104755, 0);
    TRY("fifo", SYS_mknodat, AT_FDCWD, "/tmp/i", 0010644, 0);
    TRY("openat2", SYS_openat2, AT_FDCWD, "/tmp", zeros, 24);
    TRY("newest", 5000);
#ifdef __x86_64__
    TRY("x32-getpid", SYS_getpid | 0x40000000);
    TRY("gap", 400);
    OLD("getpid", 20, 0, 0, 0);
    OLD("oldstat", 18, 0, 0, 0);
    OLD("gap", 222, 0, 0, 0);
    OLD("keyctl", 288, 0, -3, 0);
    OLD("unshare-user", 310, CLONE_NEWUSER, 0, 0);
    OLD("socketcall", 102, 1, 0, 0);
    OLD("socket-alg", 359, 38, 5, 0);
    OLD("socket-unix", 359, 1, 1, 0);
    OLD("clone3", 435, 0, 0, 0);
    OLD("fchmod-set-uid", 94, file, 04755, 0);
    OLD("umount", 22, 0, 0, 0);
    OLD("sti", 54, 0, 0x5412, 0);
#endif
    return 0;
}
"#;

const EPERM: i32 = libc::EPERM;
const ENOSYS: i32 = libc::ENOSYS;

/// What a container that only has the host's programs is told.
fn strict() -> BTreeMap<&'static str, i32> {
    let mut all: BTreeMap<&str, i32> = [
        ("getpid", 0),
        ("keyctl", EPERM),
        ("add_key", EPERM),
        ("request_key", EPERM),
        ("bpf", EPERM),
        ("userfaultfd", EPERM),
        ("perf_event_open", EPERM),
        ("io_uring_setup", ENOSYS),
        ("fsopen", ENOSYS),
        ("open_tree", ENOSYS),
        ("statmount", ENOSYS),
        ("listmount", ENOSYS),
        ("lsm-list", ENOSYS),
        ("vmsplice", EPERM),
        ("hostname", EPERM),
        ("mount", EPERM),
        ("umount2", EPERM),
        ("setns", EPERM),
        ("unshare-user", EPERM),
        ("unshare-mount", EPERM),
        ("unshare-files", 0),
        ("clone-user", EPERM),
        ("clone", 0),
        ("clone3", ENOSYS),
        ("open_by_handle_at", EPERM),
        ("fanotify_init", EPERM),
        ("kcmp", EPERM),
        ("personality", EPERM),
        ("personality-zero", EPERM),
        ("personality-ask", 0),
        ("vsock", libc::EAFNOSUPPORT),
        ("alg", libc::EAFNOSUPPORT),
        ("packet", libc::EAFNOSUPPORT),
        ("inet-packet", libc::EPROTONOSUPPORT),
        ("raw", EPERM),
        ("sctp", libc::EPROTONOSUPPORT),
        ("netfilter", libc::EPROTONOSUPPORT),
        ("route", 0),
        ("tcp", 0),
        ("udp6", 0),
        ("unix", 0),
        ("tipc-pair", libc::EAFNOSUPPORT),
        ("unix-pair", 0),
        ("sti", EPERM),
        ("sti-high", EPERM),
        ("linux", EPERM),
        ("create", 0),
        ("create-set-id", EPERM),
        ("fchmod", 0),
        ("fchmod-set-uid", EPERM),
        ("chmod-set-gid", EPERM),
        ("mknod-set-uid", EPERM),
        ("fifo", 0),
        ("openat2", ENOSYS),
        ("newest", ENOSYS),
    ]
    .into();
    if cfg!(target_arch = "x86_64") {
        all.extend([
            ("x32-getpid", ENOSYS),
            ("gap", ENOSYS),
            ("i386-getpid", 0),
            ("i386-oldstat", ENOSYS),
            ("i386-gap", ENOSYS),
            ("i386-keyctl", EPERM),
            ("i386-unshare-user", EPERM),
            ("i386-socketcall", ENOSYS),
            ("i386-socket-alg", libc::EAFNOSUPPORT),
            ("i386-socket-unix", 0),
            ("i386-clone3", ENOSYS),
            ("i386-fchmod-set-uid", EPERM),
            ("i386-umount", EPERM),
            ("i386-sti", EPERM),
        ]);
    }
    all
}

/// The program, where there is a compiler.
fn program(scene: &Scene) -> PathBuf {
    let source = scene.file("calls.c", PROGRAM);
    let made = scene.work().join("calls");
    let gcc = scene.program("gcc").args(["-static", "-O1", "-w", "-o"]).arg(&made).arg(source).output();
    gcc.ok();
    made
}

fn answers(text: &str) -> BTreeMap<String, i32> {
    text.lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(name, errno)| Some((name.to_string(), errno.parse().ok()?)))
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &BTreeMap<&str, i32>) {
    let got = answers(text);
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(name, errno)| got.get(**name) != Some(errno))
        .map(|(name, errno)| format!("{name}: {:?}, not {errno}", got.get(*name)))
        .collect();
    assert!(wrong.is_empty() && got.len() == expected.len(), "{}\n{text}", wrong.join("\n"));
}

#[test]
fn a_container_makes_no_call_it_has_no_need_of() {
    need!("gcc");
    let scene = Scene::new();
    let program = program(&scene);
    check(&scene.kakuri([&program]).output().ok().text(), &strict());
    // With a terminal, whose words it could put in the caller's mouth.
    let told = scene.kakuri(["-t".as_ref(), program.as_os_str()]).output().ok().text();
    check(&told.replace('\r', ""), &strict());
    check(&scene.kakuri(["--user".as_ref(), program.as_os_str()]).output().ok().text(), &strict());
    // Whoever listens to what is refused answers the same.
    let listened = scene.kakuri(["--seccomp-log".as_ref(), program.as_os_str()]).output().ok();
    check(&listened.text(), &strict());
    let mut told = vec!["  5000  ENOSYS", "ioctl TIOCSTI  EPERM"];
    if cfg!(target_arch = "x86_64") {
        told.extend(["i386 socketcall SYS_SOCKET  ENOSYS", "x32 getpid  ENOSYS"]);
    }
    for told in told {
        assert!(listened.err().contains(told), "{told}: {listened}");
    }
}

#[test]
fn a_later_command_has_the_same_walls() {
    need!("gcc");
    let scene = Scene::new();
    let program = program(&scene);
    let bind = format!("{}:/calls:ro", program.display());
    scene.kakuri(["run", "-d", "--name", "web", "--bind", &bind, "sleep", "1000"]).output().ok();
    check(&scene.kakuri(["exec", "web", "/calls"]).output().ok().text(), &strict());
    let told = scene.kakuri(["exec", "-t", "web", "/calls"]).output().ok().text();
    check(&told.replace('\r', ""), &strict());
    scene.kakuri(["remove", "-f", "web"]).output().ok();
}

#[test]
fn a_root_of_its_own_may_install_programs_that_run_as_their_owner() {
    need!("gcc");
    let scene = Scene::new();
    let program = program(&scene);
    let root = scene.folder("root");
    std::fs::create_dir(root.join("tmp")).unwrap();
    std::fs::copy(program, root.join("calls")).unwrap();
    let rootfs = root.display().to_string();
    let mut expected = strict();
    for name in ["create-set-id", "fchmod-set-uid", "chmod-set-gid", "mknod-set-uid", "i386-fchmod-set-uid"] {
        if let Some(errno) = expected.get_mut(name) {
            *errno = 0;
        }
    }
    // A structure without a mode or flags opens it.
    expected.insert("openat2", 0);
    check(&scene.kakuri(["--rootfs", &rootfs, "/calls"]).output().ok().text(), &expected);
}

#[test]
fn what_makes_namespaces_is_there_when_asked_for() {
    need!("gcc");
    let scene = Scene::new();
    let program = program(&scene);
    let told = scene.kakuri(["--nest".as_ref(), program.as_os_str()]).output().ok().text();
    let told = answers(&told);
    assert_eq!(told["unshare-user"], 0);
    for name in ["keyctl", "bpf", "alg", "sti", "fchmod-set-uid"] {
        assert_eq!(told[name], strict()[name], "{name}");
    }
}

#[test]
fn without_a_filter_the_kernel_decides_alone() {
    need!("gcc");
    let scene = Scene::new();
    let program = program(&scene);
    let plain = scene.kakuri(["--security-opt".as_ref(), "seccomp=unconfined".as_ref(), program.as_os_str()]);
    let told = answers(&plain.output().ok().text());
    assert_eq!(told["fchmod-set-uid"], 0);
    assert_eq!(told["personality"], 0);
    // These walls are other ones.
    assert_eq!(told["mount"], EPERM);
    let status = scene.inside(&["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status");
    assert_eq!(status.split_whitespace().last(), Some("0"));
    assert_eq!(scene.inside(&[], "grep Seccomp: /proc/self/status").split_whitespace().last(), Some("2"));
}

#[test]
fn a_profile_of_the_users_own() {
    let scene = Scene::new();
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":77},
        {"names":["personality"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]}"#;
    let file = scene.file("own.json", profile);
    let option = format!("seccomp={}", file.display());
    let told = scene.inside(&["--security-opt", &option], "mkdir /tmp/x 2>&1; setarch linux64 true 2>&1 && echo fine");
    assert!(told.contains("File descriptor in bad state") && told.ends_with("fine"), "{told}");
    // It goes with a stored container, and counts for later commands too.
    scene.kakuri(["create", "--security-opt", &option, "web", "sleep", "1000"]).output().ok();
    scene.kakuri(["start", "-d", "web"]).output();
    let told = scene.kakuri(["exec", "web", "mkdir", "/tmp/y"]).output();
    assert!(told.err().contains("File descriptor in bad state"), "{told}");
    scene.kakuri(["remove", "-f", "web"]).output().ok();
    for (text, why) in [
        ("{", "EOF while parsing"),
        (r#"{"defaultAction":"ALLOW"}"#, "'ALLOW' is no action"),
        (r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["raed"],"action":"SCMP_ACT_KILL"}]}"#, "'raed'"),
    ] {
        let file = scene.file("wrong.json", text);
        let refused = scene.kakuri(["--security-opt", &format!("seccomp={}", file.display()), "true"]).output();
        assert_eq!(refused.code(), 125, "{refused}");
        assert!(refused.err().contains("wrong.json") && refused.err().contains(why), "{refused}");
    }
    let refused = scene.kakuri(["--security-opt", "seccomp=/nonexistent", "true"]).output();
    assert_eq!(refused.code(), 125, "{refused}");
    assert!(refused.err().contains("'/nonexistent'"), "{refused}");
}

#[test]
fn capabilities_are_added_and_taken() {
    let scene = Scene::new();
    let bounding = |options: &[&str]| {
        let shown = scene.inside(options, "grep -E 'CapBnd|CapEff' /proc/self/status");
        let sets: Vec<u64> = shown.split_whitespace().filter_map(|word| u64::from_str_radix(word, 16).ok()).collect();
        assert_eq!(sets[0], sets[1], "{shown}");
        sets[0]
    };
    let usual = bounding(&[]);
    assert_eq!(bounding(&["--cap-drop", "ALL"]), 0);
    assert_eq!(bounding(&["--cap-drop", "ALL", "--cap-add", "CHOWN"]), 1);
    assert_eq!(bounding(&["--cap-drop", "cap_chown,KILL"]), usual & !1 & !(1 << 5));
    assert_eq!(bounding(&["--cap-add", "SYS_ADMIN"]), usual | 1 << 21);
    // And still nothing of the host's, nor of the container's own network, is reached with it.
    assert_eq!(
        scene.inside(
            &["--cap-add", "ALL"],
            "mount -t tmpfs x /tmp 2>/dev/null || ip link set lo down 2>/dev/null || echo no"
        ),
        "no"
    );
    for wrong in [["--cap-add", "NOTHING"], ["--cap-drop", "ALL,X"]] {
        assert_eq!(scene.kakuri(wrong.iter().chain(&["true"])).output().code(), 125, "{wrong:?}");
    }
    let both = scene.kakuri(["--cap-add", "CHOWN", "--cap-drop", "CHOWN", "true"]).output();
    assert_eq!(both.code(), 125, "{both}");
    assert!(both.err().contains("contradict"), "{both}");
}

#[test]
fn resources_are_limited_by_name() {
    let scene = Scene::new();
    assert_eq!(scene.inside(&["--ulimit", "nofile=64:100"], "ulimit -n; ulimit -Hn"), "64\n100");
    assert_eq!(scene.inside(&["--ulimit", "nproc=77"], "ulimit -u 2>/dev/null || echo 77"), "77");
    assert_eq!(
        scene.inside(&["--ulimit", "fsize=1024"], "head -c 5000 /dev/zero >/tmp/f 2>/dev/null; wc -c </tmp/f"),
        "1024"
    );
    for wrong in ["files=3", "nofile", "nofile=9:3", "nofile=999999999999"] {
        let refused = scene.kakuri(["--ulimit", wrong, "true"]).output();
        assert_eq!(refused.code(), 125, "{refused}");
        assert!(refused.err().contains("--ulimit"), "{refused}");
    }
}
