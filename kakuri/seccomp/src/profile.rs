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
        }
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
