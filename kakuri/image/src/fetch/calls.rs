//! The system calls of a running fetch, by name. Anything else ends the process. Read when this package is built.
//!
//! Sockets of the internet, the memory and the threads of either C library, and what it was handed. Nothing is opened,
//! executed, or looked up.

use kakuri_seccomp::{Action, Case, Test, Verdict};

const ALLOWED: &[&str] = &[
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
    "sendto",
    "sendmsg",
    "connect",
    "setsockopt",
    "getsockopt",
    "getsockname",
    "getpeername",
    "shutdown",
    "close",
    "poll",
    "ppoll",
    "futex",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "restart_syscall",
    "getrandom",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "exit",
    "exit_group",
    "set_robust_list",
    "rseq",
    "set_tid_address",
    "getpid",
    "gettid",
    "sched_yield",
    "sched_getaffinity",
    "membarrier",
    // An abort, so that a fault is seen as one.
    "tgkill",
    "fcntl",
    // Documents for the front, sealed.
    "memfd_create",
    "ftruncate",
    "lseek",
    "fstat",
];

/// The C libraries may look for settings of their own, and do without them.
const CLOSED: &[&str] = &["open", "openat", "openat2", "readlink", "readlinkat", "newfstatat", "statx"];

const EACCES: u16 = 13;
const ENOSYS: u16 = 38;
const PROT_EXEC: u32 = 4;
const CLONE_THREAD: u32 = 0x1_0000;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const FIONBIO: u32 = 0x5421;
const PR_SET_NAME: u32 = 15;
/// By which a C library names its mappings.
const PR_SET_VMA: u32 = 0x5356_4d41;

pub fn calls() -> Vec<(&'static str, Verdict)> {
    let all = |names: &'static [&'static str], action: Action| names.iter().map(move |name| (*name, action.into()));
    let mapping = Verdict::when([Test::any(2, PROT_EXEC)], Action::KillProcess, Action::Allow);
    let more = [
        ("mmap", mapping.clone()),
        ("mprotect", mapping),
        ("socket", among(0, &[AF_INET, AF_INET6])),
        ("prctl", among(0, &[PR_SET_NAME, PR_SET_VMA])),
        ("ioctl", among(1, &[FIONBIO])),
        // Threads: the flags of clone3(2) lie in memory, where no filter sees them, so the C libraries are told to do
        // without it.
        ("clone", Verdict::when([Test::any(0, CLONE_THREAD)], Action::Allow, Action::KillProcess)),
        ("clone3", Action::Errno(ENOSYS).into()),
    ];
    all(ALLOWED, Action::Allow).chain(all(CLOSED, Action::Errno(EACCES))).chain(more).collect()
}

/// With one of these in the place of that argument.
fn among(argument: u8, values: &[u32]) -> Verdict {
    let case = |value: &u32| Case { tests: vec![Test::equals(argument, *value)], action: Action::Allow };
    Verdict { cases: values.iter().map(case).collect(), otherwise: Action::KillProcess }
}
