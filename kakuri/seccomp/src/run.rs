//! What the kernel would do with a program: for tests.

use crate::Instruction;

pub fn run(program: &[Instruction], machine: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(machine.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    for argument in arguments {
        data.extend(argument.to_le_bytes());
    }
    let (mut at, mut a) = (0_usize, 0_u32);
    loop {
        let step = program[at];
        let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
        at += 1;
        match step.code {
            0x20 => {
                let k = step.k as usize;
                assert!(k.is_multiple_of(4) && k + 4 <= data.len());
                a = u32::from_le_bytes(data[k..k + 4].try_into().expect("four"));
            }
            0x54 => a &= step.k,
            0x15 => at += jump(a == step.k),
            0x25 => at += jump(a > step.k),
            0x35 => at += jump(a >= step.k),
            0x05 => at += step.k as usize,
            0x06 => return step.k,
            other => panic!("{other:#x} is no instruction of ours"),
        }
    }
}
