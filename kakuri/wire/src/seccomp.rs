//! Programs for seccomp(2) that name what is allowed. Pure; [`crate::sys::confine::filter_all_threads`] applies one.

use crate::sys::confine::Instruction;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// It fails with this errno.
    Refuse(i32),
    /// The whole process ends.
    Kill,
}

/// Which calls of one number a rule is about. Of an argument its lower half counts, which is all the kernel looks at in
/// the arguments that are asked for here.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Always,
    /// The argument (the first is 0) has none of these bits.
    Without(u32, u32),
    /// It has one of these bits at least.
    With(u32, u32),
    /// It is one of these.
    Among(u32, &'static [u32]),
}

#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub call: libc::c_long,
    pub when: When,
    pub verdict: Verdict,
}

impl Rule {
    pub const fn allow(call: libc::c_long) -> Rule {
        Rule { call, when: When::Always, verdict: Verdict::Allow }
    }

    pub const fn allow_when(call: libc::c_long, when: When) -> Rule {
        Rule { call, when, verdict: Verdict::Allow }
    }

    pub const fn refuse(call: libc::c_long, errno: i32) -> Rule {
        Rule { call, when: When::Always, verdict: Verdict::Refuse(errno) }
    }
}

#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xc000_00b7;

// Of struct seccomp_data, in bytes; of an argument the lower half, which on both machines comes first.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const HAS_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const fn step(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

const fn end(verdict: Verdict) -> Instruction {
    let k = match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Refuse(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
        Verdict::Kill => libc::SECCOMP_RET_KILL_PROCESS,
    };
    step(RETURN, k, 0, 0)
}

/// The first rule of a call decides on it; where it does not hold, or there is none, it is `otherwise`.
pub fn program(rules: &[Rule], otherwise: Verdict) -> Vec<Instruction> {
    // A call by another machine's numbers means something else.
    let mut program =
        vec![step(LOAD, MACHINE, 0, 0), step(EQUALS, ARCHITECTURE, 1, 0), end(Verdict::Kill), step(LOAD, NUMBER, 0, 0)];
    for rule in rules {
        let mut body = Vec::new();
        let argument = |n: u32| step(LOAD, ARGUMENTS + 8 * n, 0, 0);
        match rule.when {
            When::Always => {}
            When::Without(n, bits) => body.extend([argument(n), step(HAS_BIT, bits, 0, 1), end(otherwise)]),
            When::With(n, bits) => body.extend([argument(n), step(HAS_BIT, bits, 1, 0), end(otherwise)]),
            When::Among(n, values) => {
                body.push(argument(n));
                for value in values {
                    body.extend([step(EQUALS, *value, 0, 1), end(rule.verdict)]);
                }
                body.push(end(otherwise));
            }
        }
        body.push(end(rule.verdict));
        program.push(step(EQUALS, rule.call as u32, 0, body.len() as u8));
        program.append(&mut body);
    }
    program.push(end(otherwise));
    program
}

/// What the kernel would answer, as a value of seccomp(2): for tests. None: it is no program of [`program`].
pub fn judge(program: &[Instruction], machine: u32, call: u32, arguments: [u32; 6]) -> Option<u32> {
    let (mut at, mut value) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = *program.get(at)?;
        at += 1;
        let jump = |yes: bool| usize::from(if yes { jt } else { jf });
        match code {
            LOAD => {
                value = match k {
                    NUMBER => call,
                    MACHINE => machine,
                    other => *arguments.get(((other.checked_sub(ARGUMENTS)?) / 8) as usize)?,
                }
            }
            EQUALS => at += jump(value == k),
            HAS_BIT => at += jump(value & k != 0),
            RETURN => return Some(k),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_means_what_it_says() {
        const RULES: &[Rule] = &[
            Rule::allow(7),
            Rule::allow_when(8, When::Without(2, 4)),
            Rule::allow_when(9, When::With(0, 0x10)),
            Rule::allow_when(10, When::Among(1, &[3, 5])),
            Rule::refuse(11, libc::ENOSYS),
        ];
        let program = program(RULES, Verdict::Kill);
        let (yes, no) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_KILL_PROCESS);
        for (call, arguments, verdict) in [
            (7, [9; 6], yes),
            (8, [4, 4, 3, 4, 4, 4], yes),
            (8, [0, 0, 6, 0, 0, 0], no),
            (9, [0x11, 0, 0, 0, 0, 0], yes),
            (9, [0x01, 0x10, 0, 0, 0, 0], no),
            (10, [0, 5, 0, 0, 0, 0], yes),
            (10, [3, 4, 0, 0, 0, 0], no),
            (11, [0; 6], libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
            (12, [0; 6], no),
            // By the x32 numbers.
            (0x4000_0007, [0; 6], no),
        ] {
            assert_eq!(judge(&program, ARCHITECTURE, call, arguments), Some(verdict), "{call} {arguments:?}");
        }
        assert_eq!(judge(&program, 0x4000_0003, 7, [0; 6]), Some(no), "another machine's");
    }
}
