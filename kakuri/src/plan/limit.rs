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
/// `wanted` is `--pids-limit`, 0 being as many as the caller's own.
pub fn defaults(host: &Host, wanted: Option<u64>) -> Vec<Limit> {
    let most = match wanted {
        None => Some(MOST),
        Some(0) => None,
        wanted => wanted,
    };
    let processes = match (most, host.processes) {
        (Some(most), Some(own)) => Some(own.min(most)),
        (most, own) => most.or(own),
    };
    let limit = |resource, value| Limit { resource, soft: value, hard: value };
    vec![limit(CORE, Some(0)), limit(PROCESSES, processes)]
}
