//! A profile for each machine as one program: which machine, then a tree over the numbers.

use crate::build::{Ask, Place, Program};
use crate::profile::{Action, Profile, Verdict};
use crate::tree::{self, Leaf};
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
    let mut place_of = |program: &mut Program, verdict: &Verdict| {
        let known = verdicts.iter().find(|known| known.0 == *verdict).map(|known| known.1);
        known.unwrap_or_else(|| {
            let place = verdict::write(program, verdict);
            verdicts.push((verdict.clone(), place));
            place
        })
    };
    let mut leaves = |program: &mut Program, runs: &[(u32, Verdict)]| -> Vec<Leaf> {
        runs.iter().map(|(from, verdict)| Leaf { from: *from, place: place_of(program, verdict) }).collect()
    };
    let mut next = program.give(others);
    let all: Vec<Vec<(u32, Verdict)>> = profiles.iter().map(|(machine, profile)| runs(*machine, profile)).collect();
    // All machines have the same numbers for what is newer than 2019: one tree for all.
    let alike = alike_at_the_end(&all);
    let newer = all.first().map_or(&[][..], |runs| &runs[runs.len() - alike..]);
    let newer_leaves = leaves(&mut program, newer);
    let end = newer.last().map_or(0, |run| run.0) + 1;
    let newer_tree =
        newer.first().map(|run| Leaf { from: run.0, place: tree::write(&mut program, &newer_leaves, end) });
    for (nth, ((machine, _), runs)) in profiles.iter().zip(&all).enumerate().rev() {
        let mut leaves = leaves(&mut program, &runs[..runs.len() - alike]);
        leaves.extend(newer_tree);
        let end = runs.last().map_or(0, |run| run.0) + 1;
        let tree = tree::write(&mut program, &leaves, end);
        program.go_to(tree);
        let tree = program.load(NUMBER);
        next = program.ask(Ask::Equals, machine.audit(), tree, next);
        if nth == 1 {
            // The kernel tries every number when it installs the program, to remember which are allowed whatever their
            // arguments are, and stops where it sees an argument loaded. Older machines' calls are rare: that a start costs a
            // third less is worth more than that nothing is asked for them.
            program.load(MACHINE);
            next = program.load(verdict::ARGUMENTS);
        }
    }
    program.load(MACHINE);
    let program = program.finish();
    if program.len() > LONGEST { Err(TooLarge) } else { Ok(program) }
}

/// As many of the last runs are the same for all of them; none where there is only one.
fn alike_at_the_end(all: &[Vec<(u32, Verdict)>]) -> usize {
    let [first, others @ ..] = all else { return 0 };
    let with = |other: &Vec<(u32, Verdict)>| {
        first.iter().rev().zip(other.iter().rev()).take_while(|(mine, other)| mine == other).count()
    };
    others.iter().map(with).min().unwrap_or(0)
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
