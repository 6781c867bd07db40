//! What one container uses at one moment: by its control group, else by the sum of its processes.

use std::time::Instant;

use crate::cgroup::Usage;
use crate::control::Facts;
use crate::verb::top::processes;

#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    at: Instant,
    /// By a control group; else what the processes that are there use together: shared memory counts for each.
    pub grouped: bool,
    pub usage: Usage,
    /// Over its network, the loopback aside; None where that is the host's.
    pub received: Option<u64>,
    pub sent: Option<u64>,
    /// The machine's memory: the limit of who has none.
    pub machine: Option<u64>,
}

impl Default for Sample {
    fn default() -> Sample {
        Sample {
            name: String::new(),
            at: Instant::now(),
            grouped: false,
            usage: Usage::default(),
            received: None,
            sent: None,
            machine: None,
        }
    }
}

impl Sample {
    pub fn of(facts: &Facts) -> Sample {
        let own = std::fs::read_link("/proc/self/ns/net").ok().and_then(|link| link.to_str().map(str::to_string));
        let apart = facts.namespaces.get("net").is_some_and(|inode| own != Some(format!("net:[{inode}]")));
        let devices = std::fs::read_to_string(format!("/proc/{}/net/dev", facts.init)).ok().filter(|_| apart);
        let (received, sent) = devices.map(|text| moved(&text)).unzip();
        let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
        Sample {
            name: facts.name.clone(),
            at: Instant::now(),
            grouped: facts.usage.is_some(),
            usage: facts.usage.unwrap_or_else(|| of_processes(facts)),
            received,
            sent,
            machine,
        }
    }

    /// How many processors it used meanwhile; None where that is not counted.
    pub fn processors_since(&self, before: &Sample) -> Option<f64> {
        let past = self.at.duration_since(before.at).as_micros();
        // Processes that have ended take their time with them, where they are all that is counted.
        let used = self.usage.cpu_usec?.saturating_sub(before.usage.cpu_usec?);
        (past > 0).then(|| used as f64 / past as f64)
    }
}

fn of_processes(facts: &Facts) -> Usage {
    let all = processes(facts);
    if all.is_empty() {
        return Usage::default();
    }
    Usage {
        memory: Some(all.iter().map(|one| one.resident).sum()),
        cpu_usec: Some(all.iter().map(|one| one.cpu_usec).sum()),
        pids: Some(all.iter().map(|one| one.threads).sum()),
        ..Usage::default()
    }
}

/// Received and sent: the first and ninth number behind each device's colon (proc_pid_net(5)).
fn moved(text: &str) -> (u64, u64) {
    let devices = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    devices.fold((0, 0), |(received, sent), (_, numbers)| {
        let mut numbers = numbers.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
        (received + numbers.next().unwrap_or(0), sent + numbers.nth(7).unwrap_or(0))
    })
}

/// `MemTotal`, in bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_without_the_loopback() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n\
                    eth0: 100 2 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n  wg0:1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n";
        assert_eq!(moved(text), (101, 32));
        assert_eq!(total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
    }
}
