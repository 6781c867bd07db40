//! The system calls of a running tunnel, by name. Anything else ends the process. Read when this package is built.

use kakuri_seccomp::{Action, Test, Verdict};

/// What the data path, the timers, the memory of either C library and an orderly end need. No call opens, connects,
/// duplicates or executes anything.
pub const CALLS: &[&str] = &[
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "poll",
    "ppoll",
    "futex",
    "sched_yield",
    "clock_gettime",
    "clock_nanosleep",
    "restart_syscall",
    "getrandom",
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "close",
    "rt_sigreturn",
    "rt_sigprocmask",
    "sigaltstack",
    "getpid",
    "gettid",
    "exit",
    "exit_group",
];

/// Allowed as long as their third argument, the protection, makes nothing executable.
pub const MAPPINGS: &[&str] = &["mmap", "mprotect"];

const PROT_EXEC: u32 = 4;
const F_GETFD: u32 = 1;

pub fn calls() -> Vec<(&'static str, Verdict)> {
    let calls = CALLS.iter().map(|name| (*name, Action::Allow.into()));
    let mapping = Verdict::when([Test::any(2, PROT_EXEC)], Action::KillProcess, Action::Allow);
    let mappings = MAPPINGS.iter().map(|name| (*name, mapping.clone()));
    // Whether a descriptor is open, which the standard library asks in debug builds.
    let look = Verdict::when([Test::equals(1, F_GETFD)], Action::Allow, Action::KillProcess);
    calls.chain(mappings).chain([("fcntl", look)]).collect()
}
