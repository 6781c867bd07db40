//! Resource limits of the command.

use kakuri_init::Limit;

use crate::host::Host;

// setrlimit(2)'s numbers, which musl declares as another integer type than glibc.
#[allow(clippy::unnecessary_cast)]
pub const CORE: u32 = libc::RLIMIT_CORE as u32;
#[allow(clippy::unnecessary_cast)]
pub const PROCESSES: u32 = libc::RLIMIT_NPROC as u32;

/// Processes of one container: the kernel counts them in its user namespace.
const MOST: u64 = 2048;

/// No core dumps, and a number of processes that a fork bomb stays under; never above what the caller himself may have.
pub fn defaults(host: &Host) -> Vec<Limit> {
    let processes = Some(host.processes.map_or(MOST, |own| own.min(MOST)));
    let limit = |resource, value| Limit { resource, soft: value, hard: value };
    vec![limit(CORE, Some(0)), limit(PROCESSES, processes)]
}
