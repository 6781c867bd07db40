//! The system calls of a running tunnel (calls.rs), as a program for seccomp(2) that was made when this one was built.

use kakuri_wire::sys::confine::Instruction;

include!(concat!(env!("OUT_DIR"), "/filter.rs"));

pub fn program() -> &'static [Instruction] {
    &TUNNEL
}

#[cfg(test)]
#[allow(dead_code)] // its function is the build's
#[path = "calls.rs"]
mod calls;

#[cfg(test)]
mod tests {
    use kakuri_seccomp::{Call, Machine, judge};

    use super::calls::{CALLS, MAPPINGS};
    use super::*;

    fn verdict(machine: Machine, number: u32, second: u64, third: u64) -> u32 {
        let step =
            |step: &Instruction| kakuri_seccomp::Instruction { code: step.code, jt: step.jt, jf: step.jf, k: step.k };
        let program: Vec<_> = program().iter().map(step).collect();
        let call = Call { number, machine: machine.audit(), arguments: [0, second, third, 0, 0, 0] };
        judge(&program, &call).expect("a verdict")
    }

    #[test]
    fn only_what_is_listed_and_nothing_executable() {
        let (yes, no) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_KILL_PROCESS);
        let own = Machine::named(std::env::consts::ARCH).expect("a machine of ours");
        for (number, name) in own.calls() {
            let expected = if CALLS.contains(&name) || MAPPINGS.contains(&name) { yes } else { no };
            assert_eq!(verdict(own, number, 0, 3), expected, "{name}");
            if MAPPINGS.contains(&name) {
                assert_eq!(verdict(own, number, 0, 7), no, "{name}");
            }
            assert_eq!(verdict(own, number | 0x4000_0000, 0, 0), no, "{name} by the x32 numbers");
            assert_eq!(verdict(Machine::I386, number, 0, 0), no, "{name} by those of another machine");
        }
        assert_eq!(verdict(own, 5000, 0, 0), no);
        let fcntl = own.number("fcntl").expect("a call");
        assert_eq!((verdict(own, fcntl, 1, 0), verdict(own, fcntl, 0, 0)), (yes, no));
    }
}
