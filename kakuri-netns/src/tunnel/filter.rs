//! The system calls of a running tunnel, as a program for seccomp(2). Pure. Anything else ends the process.

use kakuri_wire::seccomp::{self, Rule, Verdict, When};
use kakuri_wire::sys::confine::Instruction;

/// What the data path, the timers, the memory of either C library and an orderly end need. No call opens, connects,
/// duplicates or executes anything.
const CALLS: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_close,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Allowed as long as their third argument, the protection, makes nothing executable.
const MAPPINGS: &[libc::c_long] = &[libc::SYS_mmap, libc::SYS_mprotect];

/// Allowed with this second argument alone: whether a descriptor is open, which the standard library asks in debug builds.
const LOOKS: Rule = Rule::allow_when(libc::SYS_fcntl, When::Among(1, &[libc::F_GETFD as u32]));

pub fn program() -> Vec<Instruction> {
    let calls = CALLS.iter().map(|call| Rule::allow(*call));
    let mappings = MAPPINGS.iter().map(|call| Rule::allow_when(*call, When::Without(2, libc::PROT_EXEC as u32)));
    let rules: Vec<Rule> = calls.chain(mappings).chain([LOOKS]).collect();
    seccomp::program(&rules, Verdict::Kill)
}

#[cfg(test)]
mod tests {
    use kakuri_wire::seccomp::ARCHITECTURE;

    use super::*;

    fn judge(machine: u32, call: u32, second: u32, third: u32) -> u32 {
        seccomp::judge(&program(), machine, call, [0, second, third, 0, 0, 0]).expect("a verdict")
    }

    #[test]
    fn only_what_is_listed_and_nothing_executable() {
        let (yes, no) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_KILL_PROCESS);
        for call in CALLS {
            assert_eq!(judge(ARCHITECTURE, *call as u32, 0, 7), yes);
            assert_eq!(judge(0x4000_0003, *call as u32, 0, 7), no);
        }
        for call in MAPPINGS {
            assert_eq!(judge(ARCHITECTURE, *call as u32, 0, 3), yes);
            assert_eq!(judge(ARCHITECTURE, *call as u32, 0, 7), no);
        }
        let mut others =
            vec![libc::SYS_openat, libc::SYS_socket, libc::SYS_connect, libc::SYS_execve, libc::SYS_ptrace];
        others.extend([libc::SYS_ioctl, libc::SYS_clone, libc::SYS_prctl, libc::SYS_dup, libc::SYS_kill]);
        for call in others {
            assert_eq!(judge(ARCHITECTURE, call as u32, 0, 0), no, "{call}");
            assert_eq!(judge(ARCHITECTURE, call as u32 | 0x4000_0000, 0, 0), no, "{call} by the x32 numbers");
        }
    }
}
