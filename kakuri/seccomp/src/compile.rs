//! A profile for each machine as one program: which machine, then a tree over the numbers.

use crate::build::{Ask, Place, Program};
use crate::profile::{Action, Profile, Verdict};
use crate::{Instruction, Machine, verdict};

// Of struct seccomp_data, in bytes.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;

/// BPF_MAXINSNS: the kernel takes no longer program.
const LONGEST: usize = 4096;

const ENOSYS: u16 = 38;

/// The profile asks for more than one program can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The program. A call by the numbers of a machine that is not among these fails with ENOSYS.
pub fn compile(profiles: &[(Machine, &Profile)]) -> Result<Vec<Instruction>, TooLarge> {
    compile_against(profiles, Action::Errno(ENOSYS))
}

/// The same, with something else for the calls of other machines.
pub fn compile_against(profiles: &[(Machine, &Profile)], others: Action) -> Result<Vec<Instruction>, TooLarge> {
    let mut program = Program::default();
    // Each verdict is there once, whoever's call it is of.
    let mut verdicts: Vec<(Verdict, Place)> = Vec::new();
    let mut next = program.give(others);
    for (machine, profile) in profiles.iter().rev() {
        let mut leaves = Vec::new();
        for (from, verdict) in runs(*machine, profile) {
            let place = match verdicts.iter().find(|known| known.0 == verdict) {
                Some((_, place)) => *place,
                None => verdict::write(&mut program, &verdict),
            };
            leaves.push((from, place));
            verdicts.push((verdict, place));
        }
        let end = leaves.last().map_or(0, |leaf| leaf.0);
        let tree = write_tree(&mut program, &leaves, end + 1);
        program.go_to(tree);
        let tree = program.load(NUMBER);
        next = program.ask(Ask::Equals, machine.audit(), tree, next);
    }
    program.load(MACHINE);
    let program = program.finish();
    if program.len() > LONGEST { Err(TooLarge) } else { Ok(program) }
}

/// Numbers one after the other that have the same verdict, by the first one.
fn runs(machine: Machine, profile: &Profile) -> Vec<(u32, Verdict)> {
    let known: Vec<u32> = machine.calls().map(|call| call.0).collect();
    let last = known.last().copied().unwrap_or(0);
    let mut runs: Vec<(u32, Verdict)> = Vec::new();
    let (otherwise, unknown) = (Verdict::from(profile.otherwise), Verdict::from(profile.unknown));
    for number in 0..=last {
        let verdict = match profile.verdicts.get(&number) {
            Some(verdict) => verdict,
            None if known.binary_search(&number).is_ok() => &otherwise,
            // No call has this number as yet: gaps are filled, too.
            None => &unknown,
        };
        if runs.last().is_none_or(|run| run.1 != *verdict) {
            runs.push((number, verdict.clone()));
        }
    }
    if runs.last().is_none_or(|run| run.1 != unknown) {
        runs.push((last + 1, unknown));
    }
    runs
}

/// `leaves`: by the first number of each; `end`: after the last one. The kernel runs the program for every number there
/// is when it is installed, so it is the numbers that are halved and not the leaves.
fn write_tree(program: &mut Program, leaves: &[(u32, Place)], end: u32) -> Place {
    let [(start, _), _, ..] = leaves else { return leaves.first().map_or(0, |leaf| leaf.1) };
    let middle = start + (end - start) / 2;
    let off = |at: &usize| leaves[*at].0.abs_diff(middle);
    let at = (1..leaves.len()).min_by_key(off).unwrap_or(1);
    let (lower, upper) = leaves.split_at(at);
    let above = write_tree(program, upper, end);
    let below = write_tree(program, lower, upper[0].0);
    program.ask(Ask::AtLeast, upper[0].0, above, below)
}

/// As the kernel of this machine has them in memory, one after the other.
pub fn to_bytes(program: &[Instruction]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(program.len() * 8);
    for step in program {
        bytes.extend(step.code.to_ne_bytes());
        bytes.extend([step.jt, step.jf]);
        bytes.extend(step.k.to_ne_bytes());
    }
    bytes
}
