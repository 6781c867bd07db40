//! What the command may ask of the kernel: system calls, capabilities over its own namespace, resources.

use std::io::Read;

use kakuri_init::{Filter, Limit};
use kakuri_seccomp::oci::{Surroundings, parse};
use kakuri_seccomp::{Machine, Profile, Standard, compile, standard, to_bytes};
use kakuri_wire::caps::{self, Set};
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::process::{Resource, getrlimit};

use crate::bind::exposed;
use crate::config::Config;
use crate::host::{Host, as_path, kernel_release, kernel_version};
use crate::plan::limit;
use crate::refusals::Judge;
use crate::spec::{Seccomp, Spec};

/// A profile of the user's own, in bytes.
const LARGEST: u64 = 4 << 20;

/// setrlimit(2)'s limits by the names docker and podman have for them.
#[rustfmt::skip]
#[allow(clippy::unnecessary_cast)]
pub const RESOURCES: [(&str, u32); 15] = [
    ("as", libc::RLIMIT_AS as u32), ("core", libc::RLIMIT_CORE as u32), ("cpu", libc::RLIMIT_CPU as u32),
    ("data", libc::RLIMIT_DATA as u32), ("fsize", libc::RLIMIT_FSIZE as u32), ("locks", libc::RLIMIT_LOCKS as u32),
    ("memlock", libc::RLIMIT_MEMLOCK as u32), ("msgqueue", libc::RLIMIT_MSGQUEUE as u32),
    ("nice", libc::RLIMIT_NICE as u32), ("nofile", libc::RLIMIT_NOFILE as u32), ("nproc", libc::RLIMIT_NPROC as u32),
    ("rtprio", libc::RLIMIT_RTPRIO as u32), ("rttime", libc::RLIMIT_RTTIME as u32),
    ("sigpending", libc::RLIMIT_SIGPENDING as u32), ("stack", libc::RLIMIT_STACK as u32),
];

/// PID 1's filter. None where there is none, and where each command brings its own: PID 1's would refuse a call before
/// anybody could be told of it.
pub fn filter(spec: &Spec, host: &Host, config: &Config) -> Option<Filter> {
    match spec.walls.seccomp {
        Seccomp::Standard if !spec.walls.log => Some(Filter { set_id: may_set_ids(spec, host, config) }),
        _ => None,
    }
}

/// Whether files may be made that run as their owner: where a package manager needs it, unless what it plants is the host's as
/// well, where others come to. What cannot be told is an error of the plan.
fn may_set_ids(spec: &Spec, host: &Host, config: &Config) -> bool {
    !spec.is_host_only() && exposed::find(spec, host, config).is_ok_and(|found| found.is_none())
}

/// A command's own filter.
pub struct Own {
    pub program: Bytes,
    /// What it would refuse waits, for whom this is: who listens.
    pub judge: Option<Judge>,
}

/// What is left alone of what is listened to: a command makes these before anybody listens.
const UNHEARD: [&str; 5] = ["execve", "execveat", "exit", "exit_group", "sendmsg"];

/// The filter each command brings: one of the user's own, or one that is listened to.
pub fn own_filter(spec: &Spec, host: &Host, config: &Config) -> Result<Option<Own>> {
    let (machines, profiles) = match &spec.walls.seccomp {
        Seccomp::Standard if spec.walls.log => {
            let machines =
                machines().ok_or_else(|| Fail::new(Stage::Front, NO_PROFILES).hint("leave --seccomp-log out"))?;
            let wanted = Standard { nest: spec.nest, set_id: may_set_ids(spec, host, config) };
            let profiles = machines.iter().map(|machine| standard(*machine, wanted)).collect();
            (machines, profiles)
        }
        Seccomp::File(typed) => read_profile(spec, host, typed)?,
        Seccomp::Standard | Seccomp::Unconfined => return Ok(None),
    };
    let profiles: Vec<(Machine, Profile)> = machines.into_iter().zip(profiles).collect();
    let program = |profiles: &[(Machine, Profile)]| {
        let all: Vec<(Machine, &Profile)> = profiles.iter().map(|(machine, profile)| (*machine, profile)).collect();
        compile(&all).map_err(|_| {
            Fail::new(Stage::Front, "cannot use this profile (--security-opt seccomp)")
                .why("it is too large for one program of the kernel's")
                .hint("name fewer arguments in it (args), or fewer architectures")
        })
    };
    let plain = program(&profiles)?;
    if !spec.walls.log {
        return Ok(Some(Own { program: Bytes(to_bytes(&plain)), judge: None }));
    }
    let watched: Vec<(Machine, Profile)> = profiles
        .iter()
        .map(|(machine, profile)| {
            let but: Vec<u32> = UNHEARD.iter().filter_map(|name| machine.number(name)).collect();
            (*machine, profile.watched(&but))
        })
        .collect();
    let program = Bytes(to_bytes(&program(&watched)?));
    Ok(Some(Own { program, judge: Some(Judge { program: plain, profiles }) }))
}

const NO_PROFILES: &str = "this machine has no profiles of system calls";

/// Whose calls the kernel takes.
fn machines() -> Option<Vec<Machine>> {
    let own = Machine::named(std::env::consts::ARCH)?;
    Some([Some(own), own.older()].into_iter().flatten().collect())
}

/// From the file the user named, for each machine.
fn read_profile(spec: &Spec, host: &Host, typed: &Bytes) -> Result<(Vec<Machine>, Vec<Profile>)> {
    let what = || format!("cannot use the profile '{typed}' (--security-opt seccomp)");
    let path = host.expand(typed.as_bytes())?;
    let mut text = Vec::new();
    let read = std::fs::File::open(as_path(&path)).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    read.map_err(|e| {
        Fail::new(Stage::Front, what())
            .errno(e)
            .hint("name a file in docker's and podman's form; seccomp=unconfined is none")
    })?;
    let wrong = |why: String| {
        Fail::new(Stage::Front, what())
            .why(why)
            .hint("it is JSON, as docker and podman have it: defaultAction, syscalls")
    };
    if text.len() as u64 > LARGEST {
        return Err(wrong(format!("more than {LARGEST} bytes")));
    }
    let machines = machines().ok_or_else(|| wrong(NO_PROFILES.into()))?;
    let names: Vec<String> =
        Set::from_bits_retain(bounding(spec)).iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    let around = Surroundings { capabilities: &names, kernel: kernel_version(&kernel_release()).unwrap_or_default() };
    let file = parse(&text).map_err(wrong)?;
    let profiles = machines.iter().map(|machine| file.profile(*machine, &around)).collect::<Result<_, String>>();
    Ok((machines, profiles.map_err(wrong)?))
}

/// Capabilities root inside may have, a bit each. What is asked for by name outweighs ALL.
pub fn bounding(spec: &Spec) -> u64 {
    let walls = &spec.walls;
    let all = Set::all().bits();
    let usual = caps::default_bounding().bits();
    match (walls.add == all, walls.drop == all) {
        (true, _) => all & !walls.drop,
        (_, true) => walls.add,
        _ => (usual | walls.add) & !walls.drop,
    }
}

/// The usual limits, with the user's own in their place; none is above what the caller has himself.
pub fn limits(spec: &Spec, host: &Host) -> Result<Vec<Limit>> {
    let mut limits = limit::defaults(host, spec.limits.pids);
    for wanted in &spec.walls.limits {
        let own = own_limit(wanted.resource);
        if let Some(most) = own.filter(|most| wanted.hard.is_none_or(|hard| hard > *most)) {
            let name = name(wanted.resource);
            return Err(Fail::new(Stage::Front, format!("cannot set the limit {name} (--ulimit)"))
                .why(format!("your own is {most}, and nobody may go beyond that"))
                .hint(format!("--ulimit {name}={most}, or raise your own: ulimit -H shows it")));
        }
        limits.retain(|limit| limit.resource != wanted.resource);
        limits.push(*wanted);
    }
    Ok(limits)
}

/// By the name it was typed.
pub fn name(resource: u32) -> &'static str {
    RESOURCES.iter().find(|known| known.1 == resource).map_or("?", |known| known.0)
}

/// The caller's hard limit; None: there is none.
fn own_limit(resource: u32) -> Option<u64> {
    let of = [
        Resource::As,
        Resource::Core,
        Resource::Cpu,
        Resource::Data,
        Resource::Fsize,
        Resource::Locks,
        Resource::Memlock,
        Resource::Msgqueue,
        Resource::Nice,
        Resource::Nofile,
        Resource::Nproc,
        Resource::Rtprio,
        Resource::Rttime,
        Resource::Sigpending,
        Resource::Stack,
    ];
    let place = RESOURCES.iter().position(|known| known.1 == resource)?;
    getrlimit(*of.get(place)?).maximum
}
