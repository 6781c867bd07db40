//! The system calls of a running tunnel, as a program for seccomp(2). Pure. Anything else ends the process.

use crate::sys::confine::Instruction;

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
const LOOKS: (libc::c_long, libc::c_int) = (libc::SYS_fcntl, libc::F_GETFD);

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

// Of struct seccomp_data, in bytes; of an argument the lower half, which on both machines comes first.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const SECOND_ARGUMENT: u32 = 16 + 8;
const THIRD_ARGUMENT: u32 = 16 + 2 * 8;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const HAS_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const fn step(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

const ALLOW: Instruction = step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
const KILL: Instruction = step(RETURN, libc::SECCOMP_RET_KILL_PROCESS, 0, 0);

pub fn program() -> Vec<Instruction> {
    // A call by another machine's numbers means something else.
    let mut program = vec![step(LOAD, MACHINE, 0, 0), step(EQUALS, ARCHITECTURE, 1, 0), KILL, step(LOAD, NUMBER, 0, 0)];
    for call in CALLS {
        program.extend([step(EQUALS, *call as u32, 0, 1), ALLOW]);
    }
    for call in MAPPINGS {
        program.extend([
            step(EQUALS, *call as u32, 0, 4),
            step(LOAD, THIRD_ARGUMENT, 0, 0),
            step(HAS_BIT, libc::PROT_EXEC as u32, 0, 1),
            KILL,
            ALLOW,
        ]);
    }
    program.extend([
        step(EQUALS, LOOKS.0 as u32, 0, 3),
        step(LOAD, SECOND_ARGUMENT, 0, 0),
        step(EQUALS, LOOKS.1 as u32, 0, 1),
        ALLOW,
        KILL,
    ]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do with the program.
    fn judge(machine: u32, call: u32, second: u32, third: u32) -> u32 {
        let program = program();
        let (mut at, mut value) = (0, 0);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { jt } else { jf });
            match code {
                LOAD => {
                    value =
                        [call, machine, second, third][[0, 4, 24, 32].iter().position(|o| *o == k).expect("a field")]
                }
                EQUALS => at += jump(value == k),
                HAS_BIT => at += jump(value & k != 0),
                RETURN => return k,
                other => panic!("{other}"),
            }
        }
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
