//! The system calls of a running fetch (calls.rs), as a program for seccomp(2) that was made when this one was built.

use kakuri_wire::sys::confine::Instruction;

include!(concat!(env!("OUT_DIR"), "/filter.rs"));

pub fn program() -> &'static [Instruction] {
    &FETCH
}

#[cfg(test)]
mod tests {
    use kakuri_seccomp::{Call, Machine, judge};

    use super::*;

    fn verdict(name: &str, first: i32, third: i32) -> u32 {
        let step =
            |step: &Instruction| kakuri_seccomp::Instruction { code: step.code, jt: step.jt, jf: step.jf, k: step.k };
        let program: Vec<_> = program().iter().map(step).collect();
        let own = Machine::named(std::env::consts::ARCH).expect("a machine of ours");
        let arguments = [first as u64, 0, third as u64, 0, 0, 0];
        let call = Call { number: own.number(name).expect(name), machine: own.audit(), arguments };
        judge(&program, &call).expect("a verdict")
    }

    #[test]
    fn the_internet_and_nothing_else() {
        let (yes, no) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_KILL_PROCESS);
        for family in [libc::AF_INET, libc::AF_INET6] {
            assert_eq!(verdict("socket", family, 0), yes);
        }
        for family in [libc::AF_UNIX, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_ALG, libc::AF_VSOCK] {
            assert_eq!(verdict("socket", family, 0), no, "{family}");
        }
        let thread = libc::CLONE_VM | libc::CLONE_THREAD;
        assert_eq!((verdict("clone", thread, 0), verdict("clone", 17, 0)), (yes, no));
        assert_eq!((verdict("mmap", 0, 3), verdict("mmap", 0, 7)), (yes, no));
        assert_eq!((verdict("prctl", libc::PR_SET_NAME, 0), verdict("prctl", libc::PR_SET_DUMPABLE, 0)), (yes, no));
        let killed = ["execve", "execveat", "ptrace", "bpf", "mount", "bind", "listen", "kill", "unlinkat"];
        for name in killed.into_iter().chain(["io_uring_setup", "dup", "setns", "unshare", "pidfd_open"]) {
            assert_eq!(verdict(name, 0, 0), no, "{name}");
        }
        assert_eq!(verdict("openat", 0, 0), libc::SECCOMP_RET_ERRNO | libc::EACCES as u32);
        assert_eq!(verdict("clone3", 0, 0), libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
    }
}
