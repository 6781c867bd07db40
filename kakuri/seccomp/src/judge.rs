//! What the kernel would do with a program: for who answers in its place, and for tests.

use crate::Instruction;
use crate::build::{AND, JUMP, LOAD, RETURN};

/// struct seccomp_data of linux/seccomp.h, without the place in memory the call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub number: u32,
    /// AUDIT_ARCH_* of linux/audit.h.
    pub machine: u32,
    pub arguments: [u64; 6],
}

impl Call {
    /// The word at this offset, in bytes; of an argument the lower half comes first, as on all of our machines.
    fn word(&self, at: u32) -> Option<u32> {
        match at {
            0 => Some(self.number),
            4 => Some(self.machine),
            16.. if at.is_multiple_of(4) => {
                let argument = self.arguments.get((at as usize - 16) / 8)?;
                Some(if at.is_multiple_of(8) { *argument as u32 } else { (*argument >> 32) as u32 })
            }
            _ => None,
        }
    }
}

/// What the program returns, a value of seccomp(2). None: it is no program of this package's.
pub fn judge(program: &[Instruction], call: &Call) -> Option<u32> {
    let (mut at, mut value) = (0_usize, 0_u32);
    loop {
        let Instruction { code, jt, jf, k } = *program.get(at)?;
        let jump = |yes: bool| usize::from(if yes { jt } else { jf });
        at += 1;
        match code {
            LOAD => value = call.word(k)?,
            AND => value &= k,
            0x15 => at += jump(value == k),
            0x25 => at += jump(value > k),
            0x35 => at += jump(value >= k),
            0x45 => at += jump(value & k != 0),
            JUMP => at = at.checked_add(k as usize)?,
            RETURN => return Some(k),
            _ => return None,
        }
    }
}
