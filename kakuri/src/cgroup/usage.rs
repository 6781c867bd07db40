//! What a control group has used, as the kernel tells it.

use std::io::Read;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

/// None is what this kernel does not count, or what was not delegated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Bytes now, and the most there ever were (Linux 5.19).
    pub memory: Option<u64>,
    pub memory_peak: Option<u64>,
    pub memory_limit: Option<u64>,
    pub swap: Option<u64>,
    /// Microseconds of processors' time.
    pub cpu_usec: Option<u64>,
    /// And those in which it was held back.
    pub throttled_usec: Option<u64>,
    /// Processes and threads, PID 1 among them, now and at most (the latter since Linux 6.10).
    pub pids: Option<u64>,
    pub pids_peak: Option<u64>,
    /// Bytes from and to disks.
    pub read_bytes: Option<u64>,
    pub written_bytes: Option<u64>,
    /// Processes that the kernel has killed for want of memory.
    pub oom_kills: u64,
}

impl Usage {
    /// Of the group behind this folder.
    pub fn of(folder: BorrowedFd) -> Usage {
        let text = |name: &str| read(folder, name);
        let number = |name: &str| text(name)?.trim().parse().ok();
        let cpu = text("cpu.stat").unwrap_or_default();
        let (read_bytes, written_bytes) = text("io.stat").map(|text| moved(&text)).unzip();
        Usage {
            memory: number("memory.current"),
            memory_peak: number("memory.peak"),
            memory_limit: number("memory.max"),
            swap: number("memory.swap.current"),
            cpu_usec: field(&cpu, "usage_usec"),
            throttled_usec: field(&cpu, "throttled_usec"),
            pids: number("pids.current"),
            pids_peak: number("pids.peak"),
            read_bytes,
            written_bytes,
            oom_kills: text("memory.events").and_then(|text| field(&text, "oom_kill")).unwrap_or(0),
        }
    }

    /// What is said of a container that was short of memory.
    pub fn shortage(&self) -> Option<String> {
        let killed = match self.oom_kills {
            0 => return None,
            1 => "one of its processes".into(),
            n => format!("{n} of its processes"),
        };
        let limit = self.memory_limit.map(|limit| format!(" ({} are its limit)", crate::output::size(limit)));
        Some(format!("out of memory{}: the kernel killed {killed}", limit.unwrap_or_default()))
    }
}

pub(super) fn read(folder: BorrowedFd, name: &str) -> Option<String> {
    let file = openat(folder, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    std::fs::File::from(file).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A line `NAME NUMBER`.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Over all disks: lines of `MAJOR:MINOR rbytes=N wbytes=N ...`.
fn moved(text: &str) -> (u64, u64) {
    let sum = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
        values.fold(0_u64, u64::saturating_add)
    };
    (sum("rbytes="), sum("wbytes="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_forms() {
        let events = "low 0\nhigh 0\nmax 17\noom 2\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(field(events, "oom_kill"), Some(3));
        assert_eq!(field(events, "oom_killer"), None);
        assert_eq!(moved("8:0 rbytes=5 wbytes=6 rios=1\n254:0 rbytes=10 wbytes=0\n"), (15, 6));
        assert_eq!(moved(""), (0, 0));
    }

    #[test]
    fn a_shortage_is_told_apart() {
        assert_eq!(Usage::default().shortage(), None);
        let short = Usage { oom_kills: 1, memory_limit: Some(64_000_000), ..Usage::default() };
        let said = "out of memory (64MB are its limit): the kernel killed one of its processes";
        assert_eq!(short.shortage().as_deref(), Some(said));
    }
}
