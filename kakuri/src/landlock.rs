//! Landlock's rules as this kernel takes them, and what of the user's it has not: each version of Landlock knows rights the
//! ones before it did not (landlock(7)). Pure but for [`version`].

use kakuri_init::{Beneath, Ports};
use kakuri_wire::Bytes;
use kakuri_wire::sys::confine;

use crate::spec::{Allowed, Landlock, Restricted};

/// The rights over files of the first version, LANDLOCK_ACCESS_FS_EXECUTE to MAKE_SYM.
const FIRST: u64 = (1 << 13) - 1;
/// Those that came later: the right, its version, the Linux that brought it, and what can be done for want of it. REFER
/// is denied by the versions that do not know it.
const LATER: [(u64, u32, &str, Option<&str>); 3] = [
    (1 << 13, 2, "5.19", None),
    (1 << 14, 3, "6.2", Some("cutting off files (truncate)")),
    (1 << 15, 5, "6.10", Some("commands to devices (ioctl)")),
];

/// The version that can deny all there is an option for.
pub const WHOLE: u32 = 6;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_FOLDER: u64 = 1 << 3;
/// Of TCP.
pub const BIND: u64 = 1;
pub const CONNECT: u64 = 1 << 1;
/// Scopes.
pub const ABSTRACT: u64 = 1;
pub const SIGNALS: u64 = 1 << 1;

/// What was asked for, as far as this kernel can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Of the kernel's Landlock; the errno where it has none.
    pub version: Result<u32, i32>,
    /// What holds.
    pub restricted: Vec<Restricted>,
    /// What does not, and what would be needed, as a part of a sentence each.
    pub lacking: Vec<String>,
}

/// Of the running kernel's Landlock; the errno where it has none, or where a sandbox hides it.
pub fn version() -> Result<u32, i32> {
    confine::landlock_version().map_err(|e| e.raw_os_error().unwrap_or(libc::ENOSYS))
}

/// The first version, and Linux, that can deny it.
fn since(kind: Restricted) -> (u32, &'static str) {
    match kind {
        Restricted::Files => (1, "5.13"),
        Restricted::Bind | Restricted::Connect => (4, "6.7"),
        Restricted::Abstract | Restricted::Signals => (6, "6.12"),
    }
}

/// The rules for PID 1, and what came of the wish. `place` gives a path of the container its absolute form.
pub fn decide<E>(
    wanted: &Landlock,
    version: Result<u32, i32>,
    mut place: impl FnMut(&Bytes) -> Result<Bytes, E>,
) -> Result<(Option<kakuri_init::Landlock>, Decided), E> {
    let known = version.unwrap_or(0);
    let (can, cannot): (Vec<_>, Vec<_>) = wanted.restricted().partition(|kind| known >= since(*kind).0);
    let mut lacking: Vec<String> = cannot.iter().map(|kind| lack(kind.word(), since(*kind))).collect();
    let has = |kind| can.contains(&kind);
    let mut rules = kakuri_init::Landlock::default();
    if has(Restricted::Files) {
        rules.files = FIRST;
        for (right, version, linux, without) in LATER {
            match without {
                _ if known >= version => rules.files |= right,
                Some(act) => lacking.push(lack(act, (version, linux))),
                None => {}
            }
        }
        for rule in &wanted.paths {
            rules.beneath.push(Beneath { at: place(&rule.path)?, allowed: rights(rule.access) & rules.files });
        }
    }
    for (kind, ports, right) in
        [(Restricted::Bind, &wanted.bind, BIND), (Restricted::Connect, &wanted.connect, CONNECT)]
    {
        if has(kind) {
            rules.network |= right;
            rules.ports.extend(ports.iter().map(|p| Ports { first: p.first, last: p.last, allowed: right }));
        }
    }
    for (kind, scope) in [(Restricted::Abstract, ABSTRACT), (Restricted::Signals, SIGNALS)] {
        rules.scoped |= if has(kind) { scope } else { 0 };
    }
    let rules = (!can.is_empty()).then_some(rules);
    Ok((rules, Decided { version, restricted: can, lacking }))
}

fn lack(what: &str, (version, linux): (u32, &str)) -> String {
    format!("{what}: takes version {version}, Linux {linux}")
}

fn rights(access: Allowed) -> u64 {
    match access {
        Allowed::Ro => READ_FILE | READ_FOLDER,
        Allowed::Rx => EXECUTE | READ_FILE | READ_FOLDER,
        Allowed::Rw => (FIRST | LATER.iter().fold(0, |all, later| all | later.0)) & !EXECUTE,
    }
}

impl Decided {
    /// Nothing was asked for.
    pub fn kernel_alone() -> Decided {
        Decided { version: version(), restricted: Vec::new(), lacking: Vec::new() }
    }

    /// What the kernel has of it, for people.
    pub fn kernel(&self) -> String {
        match self.version {
            Ok(version) => format!("this kernel's Landlock is version {version}"),
            Err(libc::EOPNOTSUPP) => "this kernel's Landlock was not switched on at its boot".into(),
            Err(_) => "this kernel has no Landlock, or a sandbox around kakuri hides it".into(),
        }
    }

    /// What helps where something is lacking.
    pub fn mend(&self) -> String {
        match self.version {
            Ok(_) => "boot a newer Linux, or leave out what it cannot deny".into(),
            Err(libc::EOPNOTSUPP) => {
                "boot with landlock first in the list lsm= (cat /sys/kernel/security/lsm shows the others)".into()
            }
            Err(_) => "boot a kernel with CONFIG_SECURITY_LANDLOCK=y, or start kakuri outside of the sandbox".into(),
        }
    }

    /// A line for standard error where something does not hold.
    pub fn warning(&self) -> Option<String> {
        let lacking = self.lacking.join("; ");
        (!lacking.is_empty())
            .then(|| format!("Landlock does not deny what was asked for: {lacking}; {}", self.kernel()))
    }
}

/// Whether the rules let a file be executed, by its path in the container.
pub fn may_execute(rules: &kakuri_init::Landlock, file: &[u8], mut place: impl FnMut(&[u8]) -> Vec<u8>) -> bool {
    let covers =
        |rule: &Beneath, at: Vec<u8>| rule.allowed & EXECUTE != 0 && crate::pathname::below(file, &at).is_some();
    rules.files & EXECUTE == 0 || rules.beneath.iter().any(|rule| covers(rule, place(rule.at.as_bytes())))
}

/// What a rule allows, for people.
pub fn shown(allowed: u64) -> &'static str {
    match (allowed & EXECUTE != 0, allowed & WRITE_FILE != 0) {
        (_, true) => "may be read and written",
        (true, false) => "may be read and executed",
        (false, false) => "may be read",
    }
}

#[cfg(test)]
mod tests;
