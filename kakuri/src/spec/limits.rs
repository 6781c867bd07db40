//! How much of the machine all processes of a container may use together.

use serde::{Deserialize, Serialize};

/// None: nothing was said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes, with what is cached of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// None: no swap where memory is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Swap>,
    /// Thousandths of a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// Processes and threads beside PID 1; 0: as many as the caller may have himself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// Beside memory: `--swap`.
    Beside(u64),
    /// Memory and swap together: docker's `--memory-swap`.
    Total(u64),
    Unlimited,
}

impl Limits {
    pub fn is_unset(&self) -> bool {
        *self == Limits::default()
    }

    /// What may be swapped out; the outer None: nothing is said of it, the inner: all.
    pub fn swap_bytes(&self) -> Option<Option<u64>> {
        match (self.swap, self.memory) {
            (Some(Swap::Beside(bytes)), _) => Some(Some(bytes)),
            (Some(Swap::Total(bytes)), memory) => Some(Some(bytes.saturating_sub(memory.unwrap_or(0)))),
            (Some(Swap::Unlimited), _) => Some(None),
            (None, Some(_)) => Some(Some(0)),
            (None, None) => None,
        }
    }

    /// The most processes and threads, if they are limited.
    pub fn most_pids(&self) -> Option<u64> {
        self.pids.filter(|most| *most > 0)
    }
}
