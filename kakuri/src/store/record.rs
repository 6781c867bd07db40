//! What is written about a container, and read back only where every byte of it makes sense.

use std::time::{SystemTime, UNIX_EPOCH};

use kakuri_init::Status;
use kakuri_wire::{Bytes, Fail, Result};
use serde::{Deserialize, Serialize};

use crate::cgroup::Usage;
use crate::host::Host;
use crate::refusals::Tally;
use crate::spec::Spec;

/// The form of config.json; raised when an older kakuri would misread it.
pub const VERSION: u32 = 1;

/// config.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub version: u32,
    /// Milliseconds since 1970.
    pub created: u64,
    pub kind: Kind,
    /// `--rm`: nothing stays once it ends.
    #[serde(default)]
    pub remove: bool,
    pub spec: Spec,
}

impl Record {
    /// Of a container made now; what it names relative to where the caller stands is meant from there.
    pub fn new(kind: Kind, remove: bool, spec: Spec, host: &Host) -> Result<Record> {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Ok(Record { version: VERSION, created, kind, remove, spec: spec.anchored(host)? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `kakuri create`: home, /root, /var and /srv stay.
    Persistent,
    /// `kakuri run -d` or `--name`: its files go at each end, its record and log stay until it is removed.
    Temporary,
}

/// last.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// Milliseconds since 1970.
    pub started: u64,
    /// The first process's words; empty where there was none.
    pub command: Vec<Bytes>,
    pub ended: Option<Ended>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Milliseconds since 1970.
    pub at: u64,
    /// How the first process ended; None where there was none.
    pub status: Option<Status>,
    /// It was asked to end: `stop`, `restart`, `remove -f`.
    pub stopped: bool,
    pub timed_out: bool,
    /// Why there was never a first process, or why the container was lost.
    pub failure: Option<Fail>,
    /// What system calls were refused, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Tally>,
    /// What it used, where it had a control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}
