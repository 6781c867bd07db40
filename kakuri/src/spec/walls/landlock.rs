//! `--landlock-...`: what the command is denied by Landlock beside all else.

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Landlock {
    /// Denied whatever rules there are; a rule denies the rest of its kind by itself.
    pub restrict: Vec<Restricted>,
    pub paths: Vec<PathRule>,
    /// Ports it may listen on.
    pub bind: Vec<Ports>,
    /// Ports it may connect to.
    pub connect: Vec<Ports>,
}

/// What can be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Restricted {
    #[serde(rename = "fs")]
    Files,
    #[serde(rename = "tcp.bind")]
    Bind,
    #[serde(rename = "tcp.connect")]
    Connect,
    /// Abstract unix sockets of others.
    #[serde(rename = "abstract")]
    Abstract,
    /// Signals to others.
    #[serde(rename = "signals")]
    Signals,
}

impl Restricted {
    pub const ALL: [Restricted; 5] =
        [Restricted::Files, Restricted::Bind, Restricted::Connect, Restricted::Abstract, Restricted::Signals];

    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Restricted::Files => "fs",
            Restricted::Bind => "tcp.bind",
            Restricted::Connect => "tcp.connect",
            Restricted::Abstract => "abstract",
            Restricted::Signals => "signals",
        }
    }
}

/// `--landlock-ro` and its like. The path is one of the container's, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    pub path: Bytes,
    pub access: Allowed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allowed {
    /// Read.
    Ro,
    /// Read, write, make and remove.
    Rw,
    /// Read and execute.
    Rx,
}

/// Both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    pub first: u16,
    pub last: u16,
}

impl Landlock {
    pub fn is_empty(&self) -> bool {
        self.restricted().next().is_none()
    }

    /// All that is denied but for the rules, each once.
    pub fn restricted(&self) -> impl Iterator<Item = Restricted> {
        let ruled = |kind| match kind {
            Restricted::Files => !self.paths.is_empty(),
            Restricted::Bind => !self.bind.is_empty(),
            Restricted::Connect => !self.connect.is_empty(),
            Restricted::Abstract | Restricted::Signals => false,
        };
        Restricted::ALL.into_iter().filter(move |kind| self.restrict.contains(kind) || ruled(*kind))
    }
}
