//! What the command may ask of the kernel.

mod landlock;

use kakuri_init::Limit;
use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

pub use landlock::{Allowed, Landlock, PathRule, Ports, Restricted};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Walls {
    pub seccomp: Seccomp,
    /// What it refuses is listed after the run.
    pub log: bool,
    /// Capabilities over its own namespace that root inside has beside the usual ones, a bit each.
    pub add: u64,
    /// Those it has not.
    pub drop: u64,
    /// Resource limits in the place of the usual ones.
    pub limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Landlock::is_empty")]
    pub landlock: Landlock,
    /// Guarantees without which it does not start, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<String>,
}

/// `--security-opt seccomp=...`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seccomp {
    #[default]
    Standard,
    Unconfined,
    /// A profile as docker and podman have them, as typed. It is read at every start.
    File(Bytes),
}

impl Walls {
    pub fn is_default(&self) -> bool {
        *self == Walls::default()
    }
}
