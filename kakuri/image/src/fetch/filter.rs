//! The system calls of a running fetch, as a program for seccomp(2). Pure.
//!
//! Sockets of the internet, the memory and the threads of either C library, and what it was handed. Nothing is opened,
//! executed, or looked up.

use kakuri_wire::seccomp::{self, Rule, Verdict, When};
use kakuri_wire::sys::confine::Instruction;

const RULES: &[Rule] = &[
    Rule::allow(libc::SYS_read),
    Rule::allow(libc::SYS_readv),
    Rule::allow(libc::SYS_write),
    Rule::allow(libc::SYS_writev),
    Rule::allow(libc::SYS_recvfrom),
    Rule::allow(libc::SYS_recvmsg),
    Rule::allow(libc::SYS_sendto),
    Rule::allow(libc::SYS_sendmsg),
    Rule::allow_when(libc::SYS_socket, When::Among(0, &[libc::AF_INET as u32, libc::AF_INET6 as u32])),
    Rule::allow(libc::SYS_connect),
    Rule::allow(libc::SYS_setsockopt),
    Rule::allow(libc::SYS_getsockopt),
    Rule::allow(libc::SYS_getsockname),
    Rule::allow(libc::SYS_getpeername),
    Rule::allow(libc::SYS_shutdown),
    Rule::allow(libc::SYS_close),
    #[cfg(target_arch = "x86_64")]
    Rule::allow(libc::SYS_poll),
    Rule::allow(libc::SYS_ppoll),
    Rule::allow(libc::SYS_futex),
    Rule::allow_when(libc::SYS_mmap, When::Without(2, libc::PROT_EXEC as u32)),
    Rule::allow_when(libc::SYS_mprotect, When::Without(2, libc::PROT_EXEC as u32)),
    Rule::allow(libc::SYS_munmap),
    Rule::allow(libc::SYS_mremap),
    Rule::allow(libc::SYS_madvise),
    Rule::allow(libc::SYS_brk),
    Rule::allow(libc::SYS_clock_gettime),
    Rule::allow(libc::SYS_clock_nanosleep),
    Rule::allow(libc::SYS_nanosleep),
    Rule::allow(libc::SYS_gettimeofday),
    Rule::allow(libc::SYS_restart_syscall),
    Rule::allow(libc::SYS_getrandom),
    Rule::allow(libc::SYS_rt_sigaction),
    Rule::allow(libc::SYS_rt_sigprocmask),
    Rule::allow(libc::SYS_rt_sigreturn),
    Rule::allow(libc::SYS_sigaltstack),
    // Threads: the flags of clone3(2) lie in memory, where no filter sees them, so the C libraries are told to do
    // without it.
    Rule::allow_when(libc::SYS_clone, When::With(0, libc::CLONE_THREAD as u32)),
    Rule::refuse(libc::SYS_clone3, libc::ENOSYS),
    Rule::allow(libc::SYS_exit),
    Rule::allow(libc::SYS_exit_group),
    Rule::allow(libc::SYS_set_robust_list),
    Rule::allow(libc::SYS_rseq),
    Rule::allow(libc::SYS_set_tid_address),
    Rule::allow(libc::SYS_getpid),
    Rule::allow(libc::SYS_gettid),
    Rule::allow(libc::SYS_sched_yield),
    Rule::allow(libc::SYS_sched_getaffinity),
    Rule::allow(libc::SYS_membarrier),
    Rule::allow_when(libc::SYS_prctl, When::Among(0, &[libc::PR_SET_NAME as u32, PR_SET_VMA])),
    // An abort, so that a fault is seen as one.
    Rule::allow(libc::SYS_tgkill),
    Rule::allow(libc::SYS_fcntl),
    Rule::allow_when(libc::SYS_ioctl, When::Among(1, &[libc::FIONBIO as u32])),
    // Documents for the front, sealed.
    Rule::allow(libc::SYS_memfd_create),
    Rule::allow(libc::SYS_ftruncate),
    Rule::allow(libc::SYS_lseek),
    Rule::allow(libc::SYS_fstat),
    // The C libraries may look for settings of their own, and do without them.
    #[cfg(target_arch = "x86_64")]
    Rule::refuse(libc::SYS_open, libc::EACCES),
    Rule::refuse(libc::SYS_openat, libc::EACCES),
    Rule::refuse(libc::SYS_openat2, libc::EACCES),
    #[cfg(target_arch = "x86_64")]
    Rule::refuse(libc::SYS_readlink, libc::EACCES),
    Rule::refuse(libc::SYS_readlinkat, libc::EACCES),
    Rule::refuse(libc::SYS_newfstatat, libc::EACCES),
    Rule::refuse(libc::SYS_statx, libc::EACCES),
];

/// prctl(2) PR_SET_VMA, by which a C library names its mappings.
const PR_SET_VMA: u32 = 0x5356_4d41;

pub fn program() -> Vec<Instruction> {
    seccomp::program(RULES, Verdict::Kill)
}

#[cfg(test)]
mod tests {
    use kakuri_wire::seccomp::{ARCHITECTURE, judge};

    use super::*;

    #[test]
    fn the_internet_and_nothing_else() {
        let program = program();
        let verdict = |call: libc::c_long, first: u32, third: u32| {
            judge(&program, ARCHITECTURE, call as u32, [first, 0, third, 0, 0, 0]).expect("a verdict")
        };
        let (yes, no) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_KILL_PROCESS);
        for family in [libc::AF_INET, libc::AF_INET6] {
            assert_eq!(verdict(libc::SYS_socket, family as u32, 0), yes);
        }
        for family in [libc::AF_UNIX, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_ALG, libc::AF_VSOCK] {
            assert_eq!(verdict(libc::SYS_socket, family as u32, 0), no, "{family}");
        }
        let thread = (libc::CLONE_VM | libc::CLONE_THREAD) as u32;
        assert_eq!((verdict(libc::SYS_clone, thread, 0), verdict(libc::SYS_clone, 17, 0)), (yes, no));
        assert_eq!((verdict(libc::SYS_mmap, 0, 3), verdict(libc::SYS_mmap, 0, 7)), (yes, no));
        let killed = [libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_bpf, libc::SYS_mount];
        let more = [libc::SYS_bind, libc::SYS_listen, libc::SYS_kill, libc::SYS_unlinkat, libc::SYS_io_uring_setup];
        for call in killed.into_iter().chain(more) {
            assert_eq!(verdict(call, 0, 0), no, "{call}");
        }
        assert_eq!(verdict(libc::SYS_openat, 0, 0), libc::SECCOMP_RET_ERRNO | libc::EACCES as u32);
    }
}
