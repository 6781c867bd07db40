//! The machines, and the numbers their calls have.

/// Whose numbers a call comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    X86_64,
    I386,
    Aarch64,
}

impl Machine {
    /// By the name Rust has for it.
    pub fn named(arch: &str) -> Option<Machine> {
        match arch {
            "x86_64" => Some(Machine::X86_64),
            "aarch64" => Some(Machine::Aarch64),
            _ => None,
        }
    }

    /// Whose AUDIT_ARCH_* this is.
    pub fn of_audit(audit: u32) -> Option<Machine> {
        [Machine::X86_64, Machine::I386, Machine::Aarch64].into_iter().find(|machine| machine.audit() == audit)
    }

    /// AUDIT_ARCH_* of linux/audit.h.
    pub fn audit(self) -> u32 {
        match self {
            Machine::X86_64 => 0xc000_003e,
            Machine::I386 => 0x4000_0003,
            Machine::Aarch64 => 0xc000_00b7,
        }
    }

    /// The older one whose calls the same kernel takes. Those of a 32-bit ARM are all refused, as those of x32 are.
    pub fn older(self) -> Option<Machine> {
        match self {
            Machine::X86_64 => Some(Machine::I386),
            Machine::I386 | Machine::Aarch64 => None,
        }
    }

    /// `NUMBER NAME` lines, by number. As text they cost a program that has them no relocation.
    fn table(self) -> &'static str {
        match self {
            Machine::X86_64 => include_str!("tables/x86_64.txt"),
            Machine::I386 => include_str!("tables/i386.txt"),
            Machine::Aarch64 => include_str!("tables/aarch64.txt"),
        }
    }

    /// Every call there is, by number.
    pub fn calls(self) -> impl Iterator<Item = (u32, &'static str)> {
        self.table().lines().filter_map(|line| {
            let (number, name) = line.split_once(' ')?;
            Some((number.parse().ok()?, name))
        })
    }

    pub fn name(self, number: u32) -> Option<&'static str> {
        self.calls().find(|call| call.0 == number).map(|call| call.1)
    }

    pub fn number(self, name: &str) -> Option<u32> {
        self.calls().find(|call| call.1 == name).map(|call| call.0)
    }
}

/// Whether some machine has such a call.
pub fn is_call(name: &str) -> bool {
    [Machine::X86_64, Machine::I386, Machine::Aarch64].into_iter().any(|machine| machine.number(name).is_some())
}
