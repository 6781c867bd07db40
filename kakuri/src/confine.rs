//! What the command may ask of the kernel: system calls, capabilities over its own namespace, resources.

use std::io::Read;

use kakuri_init::{Filter, Limit};
use kakuri_seccomp::oci::{Surroundings, parse};
use kakuri_seccomp::{Machine, Profile, compile, to_bytes};
use kakuri_wire::caps::{self, Set};
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::process::{Resource, getrlimit};

use crate::host::{Host, as_path};
use crate::plan::limit;
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

/// PID 1's filter. None where there is none, and where each command brings its own.
pub fn filter(spec: &Spec) -> Option<Filter> {
    match spec.walls.seccomp {
        Seccomp::Standard => Some(Filter { set_id: !spec.is_host_only() }),
        Seccomp::Unconfined | Seccomp::File(_) => None,
    }
}

/// A command's own filter, read from the file the user named.
pub fn own_filter(spec: &Spec, host: &Host) -> Result<Option<Bytes>> {
    let Seccomp::File(typed) = &spec.walls.seccomp else { return Ok(None) };
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
    let machine = Machine::named(std::env::consts::ARCH).ok_or_else(|| wrong("this machine has no profiles".into()))?;
    let names: Vec<String> =
        Set::from_bits_retain(bounding(spec)).iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    let around = Surroundings { capabilities: &names, kernel: kernel() };
    let file = parse(&text).map_err(wrong)?;
    let machines: Vec<Machine> = [Some(machine), machine.older()].into_iter().flatten().collect();
    let profiles = machines
        .into_iter()
        .map(|machine| Ok((machine, file.profile(machine, &around)?)))
        .collect::<Result<Vec<(Machine, Profile)>, String>>()
        .map_err(wrong)?;
    let all: Vec<(Machine, &Profile)> = profiles.iter().map(|(machine, profile)| (*machine, profile)).collect();
    let program = compile(&all).map_err(|_| wrong("it is too large for one program of the kernel's".into()))?;
    Ok(Some(Bytes(to_bytes(&program))))
}

/// Of the kernel that runs.
fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
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
