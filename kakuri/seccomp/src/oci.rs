//! Profiles as docker and podman have them in files, and the OCI runtime specification in `linux.seccomp`.
//!
//! The condition of an entry on the machine, on capabilities and on the kernel is settled here: what is left is a profile for
//! one machine. A list of machines is not heeded: the program is for this one, and any other's calls fail.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Machine;
use crate::machine::is_call;
use crate::profile::{Action, Case, Is, Profile, Test, Verdict};

/// Where a container would run, as far as profiles ask for it.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// `CAP_CHOWN`, ... that root inside may have.
    pub capabilities: &'a [String],
    /// Major and minor number.
    pub kernel: (u32, u32),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default, rename = "defaultErrno")]
    _default_errno: Option<serde::de::IgnoredAny>,
    #[serde(default, rename = "archMap")]
    _arch_map: Option<serde::de::IgnoredAny>,
    #[serde(default, rename = "architectures")]
    _architectures: Option<serde::de::IgnoredAny>,
    #[serde(default, rename = "flags")]
    _flags: Option<serde::de::IgnoredAny>,
    listener_path: Option<String>,
    #[serde(default, rename = "listenerMetadata")]
    _listener_metadata: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    /// The old form.
    name: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    action: String,
    errno_ret: Option<u16>,
    #[serde(default, rename = "errno")]
    _errno: Option<serde::de::IgnoredAny>,
    args: Option<Vec<Argument>>,
    #[serde(default, rename = "comment")]
    _comment: Option<serde::de::IgnoredAny>,
    includes: Option<Conditions>,
    excludes: Option<Conditions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Conditions {
    arches: Option<Vec<String>>,
    caps: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a file; the error says what is wrong with it, and where.
pub fn parse(text: &[u8]) -> Result<File, String> {
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

impl File {
    /// What it means for the calls of one machine.
    pub fn profile(&self, machine: Machine, around: &Surroundings) -> Result<Profile, String> {
        if self.listener_path.is_some() {
            return Err("it hands calls to a program that listens, which kakuri does not do".into());
        }
        let otherwise = action(&self.default_action, self.default_errno_ret)?;
        let mut cases: BTreeMap<u32, (Vec<Case>, Option<Action>)> = BTreeMap::new();
        for entry in &self.syscalls {
            let action = action(&entry.action, entry.errno_ret)?;
            let tests = entry.args.iter().flatten().map(test).collect::<Result<Vec<Test>, String>>()?;
            let names = entry.names.iter().chain(&entry.name);
            if !entry.applies(machine, around)? {
                continue;
            }
            for name in names {
                let Some(number) = machine.number(name) else {
                    // Another machine's, or one so old that it has gone, which files list for all of them.
                    check_name(name)?;
                    continue;
                };
                let known = cases.entry(number).or_default();
                if tests.is_empty() {
                    known.1.get_or_insert(action);
                    continue;
                }
                // Two conditions on one argument are two cases, as libseccomp's users know it.
                let twice = tests.iter().any(|t| tests.iter().filter(|o| o.argument == t.argument).count() > 1);
                let split = if twice { tests.iter().map(|test| vec![*test]).collect() } else { vec![tests.clone()] };
                known.0.extend(split.into_iter().map(|tests| Case { tests, action }));
            }
        }
        let verdicts = cases.into_iter().map(|(number, (cases, rest))| {
            // Whatever its arguments are outweighs any case of it.
            let verdict = match rest {
                Some(action) => action.into(),
                None => Verdict { cases, otherwise },
            };
            (number, verdict)
        });
        // Newer calls are none for a program that was not written for them, where others are not allowed either.
        let unknown = if otherwise == Action::Allow { otherwise } else { Action::Errno(38) };
        Ok(Profile { verdicts: verdicts.collect(), otherwise, unknown })
    }
}

impl Entry {
    fn applies(&self, machine: Machine, around: &Surroundings) -> Result<bool, String> {
        let wanted = match &self.includes {
            Some(conditions) => conditions.hold(machine, around)?.into_iter().all(|holds| holds),
            None => true,
        };
        let refused = match &self.excludes {
            Some(conditions) => conditions.hold(machine, around)?.into_iter().any(|holds| holds),
            None => false,
        };
        Ok(wanted && !refused)
    }
}

impl Conditions {
    /// Each condition that is there. A list that is empty is none.
    fn hold(&self, machine: Machine, around: &Surroundings) -> Result<Vec<bool>, String> {
        let names: &[&str] = match machine {
            Machine::X86_64 => &["amd64", "x86_64"],
            Machine::I386 => &["x86", "386"],
            Machine::Aarch64 => &["arm64", "aarch64"],
        };
        let mut all = Vec::new();
        if let Some(arches) = self.arches.as_ref().filter(|list| !list.is_empty()) {
            all.push(arches.iter().any(|arch| names.contains(&arch.as_str())));
        }
        if let Some(caps) = self.caps.as_ref().filter(|list| !list.is_empty()) {
            all.push(caps.iter().all(|cap| around.capabilities.contains(cap)));
        }
        if let Some(version) = &self.min_kernel {
            let mut numbers = version.split('.').map(str::parse);
            let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
                return Err(format!("minKernel '{version}' is no version"));
            };
            all.push(around.kernel >= (major, minor));
        }
        Ok(all)
    }
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, String> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(1)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_NOTIFY" | "SCMP_ACT_TRACE" => {
            return Err(format!("it asks for {name}, for which somebody would have to listen"));
        }
        _ => return Err(format!("'{name}' is no action: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, ...")),
    })
}

fn test(argument: &Argument) -> Result<Test, String> {
    if argument.index > 5 {
        return Err(format!("argument {} is none: there are six, from 0", argument.index));
    }
    let is = match argument.op.as_str() {
        "SCMP_CMP_EQ" => Is::Masked { mask: u64::MAX, value: argument.value },
        "SCMP_CMP_NE" => Is::Not(argument.value),
        "SCMP_CMP_LT" => Is::Below(argument.value),
        "SCMP_CMP_LE" => Is::AtMost(argument.value),
        "SCMP_CMP_GE" => Is::AtLeast(argument.value),
        "SCMP_CMP_GT" => Is::Above(argument.value),
        "SCMP_CMP_MASKED_EQ" => Is::Masked { mask: argument.value, value: argument.value_two & argument.value },
        other => return Err(format!("'{other}' is no comparison: SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, ...")),
    };
    Ok(Test { argument: argument.index, is })
}

/// Calls of machines we do not know are listed beside ours, so only what could be no call's name at all is refused.
fn check_name(name: &str) -> Result<(), String> {
    let sane = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if is_call(name) || OTHERS.contains(&name) || (name.contains("arm_") || name.contains("s390_")) {
        return Ok(());
    }
    if name.is_empty() || !name.bytes().all(sane) {
        return Err(format!("'{name}' is no system call"));
    }
    Err(format!("there is no system call '{name}'"))
}

/// Of machines beside ours, or newer than our tables, as the usual files have them.
const OTHERS: &[&str] = &[
    "bdflush",
    "breakpoint",
    "cacheflush",
    "idle",
    "multiplexer",
    "nice",
    "oldfstat",
    "oldlstat",
    "oldolduname",
    "oldstat",
    "olduname",
    "pciconfig_iobase",
    "pciconfig_read",
    "pciconfig_write",
    "pciconfig_iobase",
    "riscv_flush_icache",
    "riscv_hwprobe",
    "rtas",
    "set_tls",
    "spu_create",
    "spu_run",
    "subpage_prot",
    "swapcontext",
    "switch_endian",
    "sync_file_range2",
    "sys_debug_setcontext",
    "timerfd",
    "usr26",
    "usr32",
    "get_tls",
    "atomic_barrier",
    "atomic_cmpxchg_32",
    "osf_syscall",
    "sysmips",
    "shmctl",
    "fstatat64",
    "listns",
];
