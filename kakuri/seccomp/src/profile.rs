//! What becomes of a call.

use std::collections::BTreeMap;

/// SECCOMP_RET_* of seccomp(2), as far as a profile may ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Allow,
    /// It fails with this error number.
    Errno(u16),
    /// The whole process ends with SIGSYS.
    KillProcess,
    KillThread,
    /// SIGSYS, which can be handled.
    Trap,
    /// Allowed, and told to the kernel's log.
    Log,
    /// It waits for the answer of who listens, and without one fails with ENOSYS. No file may ask for it.
    Notify,
}

impl Action {
    /// What the program returns.
    pub fn value(self) -> u32 {
        match self {
            Action::Allow => 0x7fff_0000,
            Action::Errno(number) => 0x0005_0000 | u32::from(number),
            Action::KillProcess => 0x8000_0000,
            Action::KillThread => 0,
            Action::Trap => 0x0003_0000,
            Action::Log => 0x7ffc_0000,
            Action::Notify => 0x7fc0_0000,
        }
    }

    /// The error number in what a program has returned, where the call is to fail.
    pub fn errno_of(value: u32) -> Option<u16> {
        (value & 0xffff_0000 == 0x0005_0000).then_some(value as u16)
    }

    fn watched(self) -> Action {
        if matches!(self, Action::Errno(_)) { Action::Notify } else { self }
    }
}

/// A condition on one argument, 0 to 5, as 64 bits without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    pub argument: u8,
    pub is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// In the bits of the mask.
    Masked {
        mask: u64,
        value: u64,
    },
    /// At least one of the bits of the lower half.
    Any(u32),
    Not(u64),
    Below(u64),
    AtMost(u64),
    AtLeast(u64),
    Above(u64),
}

impl Test {
    /// The kernel takes most arguments as 32 bits, and what is in the others is anybody's.
    pub fn low(argument: u8, mask: u32, value: u32) -> Test {
        Test { argument, is: Is::Masked { mask: u64::from(mask), value: u64::from(value) } }
    }

    pub fn any(argument: u8, bits: u32) -> Test {
        Test { argument, is: Is::Any(bits) }
    }

    pub fn equals(argument: u8, value: u32) -> Test {
        Test::low(argument, u32::MAX, value)
    }
}

/// All of the tests hold: this becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub tests: Vec<Test>,
    pub action: Action,
}

/// The first case that fits, else the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub cases: Vec<Case>,
    pub otherwise: Action,
}

impl From<Action> for Verdict {
    fn from(otherwise: Action) -> Verdict {
        Verdict { cases: Vec::new(), otherwise }
    }
}

impl Verdict {
    /// One action where all of the tests hold, another elsewhere.
    pub fn when(tests: impl Into<Vec<Test>>, action: Action, otherwise: Action) -> Verdict {
        Verdict { cases: vec![Case { tests: tests.into(), action }], otherwise }
    }
}

/// What becomes of every call of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// By number.
    pub verdicts: BTreeMap<u32, Verdict>,
    /// Of the calls with no verdict, up to the last one known.
    pub otherwise: Action,
    /// Of the calls after that.
    pub unknown: Action,
}

impl Profile {
    /// The same where somebody listens: what would fail waits for him, but for the calls of these numbers.
    pub fn watched(&self, but: &[u32]) -> Profile {
        let watch = |(number, verdict): (&u32, &Verdict)| {
            let mut verdict = verdict.clone();
            if !but.contains(number) {
                verdict.otherwise = verdict.otherwise.watched();
                verdict.cases.iter_mut().for_each(|case| case.action = case.action.watched());
            }
            (*number, verdict)
        };
        let mut verdicts: BTreeMap<u32, Verdict> = self.verdicts.iter().map(watch).collect();
        for number in but {
            verdicts.entry(*number).or_insert_with(|| self.otherwise.into());
        }
        Profile { verdicts, otherwise: self.otherwise.watched(), unknown: self.unknown.watched() }
    }

    /// Which of its arguments the verdict on a call depends on.
    pub fn deciding(&self, number: u32) -> Vec<u8> {
        let cases = self.verdicts.get(&number).into_iter().flat_map(|verdict| &verdict.cases);
        let mut arguments: Vec<u8> = cases.flat_map(|case| &case.tests).map(|test| test.argument).collect();
        arguments.sort_unstable();
        arguments.dedup();
        arguments
    }
}
