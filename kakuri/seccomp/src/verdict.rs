//! A verdict as instructions.

use crate::build::{Ask, Place, Program};
use crate::profile::{Action, Is, Test, Verdict};

/// Of struct seccomp_data, the arguments, in bytes. Both machines keep the lower half of one first.
pub const ARGUMENTS: u32 = 16;

pub fn write(program: &mut Program, verdict: &Verdict) -> Place {
    let otherwise = program.give(verdict.otherwise);
    let cases: Vec<(&[Test], Action)> = verdict.cases.iter().map(|case| (&case.tests[..], case.action)).collect();
    write_cases(program, &cases, otherwise)
}

/// The first case that fits, else `otherwise`. What cases one after the other begin with alike is tested once.
fn write_cases(program: &mut Program, cases: &[(&[Test], Action)], otherwise: Place) -> Place {
    let Some((tests, action)) = cases.first() else { return otherwise };
    // Without a condition it is the last one that counts.
    let Some(first) = tests.first() else { return program.give(*action) };
    let alike = cases.iter().take_while(|case| case.0.first() == Some(first)).count();
    let (group, others) = cases.split_at(alike);
    let others = write_cases(program, others, otherwise);
    let rest: Vec<(&[Test], Action)> = group.iter().map(|(tests, action)| (&tests[1..], *action)).collect();
    let held = write_cases(program, &rest, others);
    write_test(program, first, held, others)
}

fn write_test(program: &mut Program, test: &Test, yes: Place, no: Place) -> Place {
    let low = ARGUMENTS + 8 * u32::from(test.argument);
    let high = low + 4;
    let halves = |value: u64| ((value >> 32) as u32, value as u32);
    match test.is {
        Is::Masked { mask, value } => {
            let ((mask_high, mask_low), (value_high, value_low)) = (halves(mask), halves(value));
            let held = write_equals(program, (low, mask_low, value_low), yes, no);
            write_equals(program, (high, mask_high, value_high), held, no)
        }
        Is::Any(bits) => write_has(program, (low, bits), yes, no),
        Is::Not(value) => {
            let equals = Test { argument: test.argument, is: Is::Masked { mask: u64::MAX, value } };
            write_test(program, &equals, no, yes)
        }
        Is::AtLeast(value) => write_order(program, Ask::AtLeast, (low, high), halves(value), yes, no),
        Is::Above(value) => write_order(program, Ask::Above, (low, high), halves(value), yes, no),
        Is::Below(value) => write_order(program, Ask::AtLeast, (low, high), halves(value), no, yes),
        Is::AtMost(value) => write_order(program, Ask::Above, (low, high), halves(value), no, yes),
    }
}

fn write_equals(program: &mut Program, (at, mask, value): (u32, u32, u32), yes: Place, no: Place) -> Place {
    if mask == 0 {
        return yes;
    }
    if value == 0 && mask != u32::MAX {
        return write_has(program, (at, mask), no, yes);
    }
    if mask != u32::MAX {
        program.ask(Ask::Equals, value & mask, yes, no);
        program.and(mask);
        return program.load(at);
    }
    let (yes, no) = (program.past_load(yes, at), program.past_load(no, at));
    program.ask(Ask::Equals, value, yes, no);
    program.load(at)
}

fn write_has(program: &mut Program, (at, bits): (u32, u32), yes: Place, no: Place) -> Place {
    let (yes, no) = (program.past_load(yes, at), program.past_load(no, at));
    program.ask(Ask::Has, bits, yes, no);
    program.load(at)
}

/// Of the two halves the upper one decides, unless it is the same.
fn write_order(
    program: &mut Program,
    ask: Ask,
    (low, high): (u32, u32),
    (value_high, value_low): (u32, u32),
    yes: Place,
    no: Place,
) -> Place {
    program.ask(ask, value_low, yes, no);
    let same = program.load(low);
    let not_above = program.ask(Ask::Equals, value_high, same, no);
    program.ask(Ask::Above, value_high, yes, not_above);
    program.load(high)
}
