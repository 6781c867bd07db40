//! The plan: everything decided, as plain data, before anything is made.

use std::time::Duration;

use kakuri_init::{Process, Setup};

/// One start of one container, decided. Making it makes no further decision.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For `ps` and messages: the container's name, or the command of a temporary one.
    pub label: String,
    /// kakuri-mount's part.
    pub mount: kakuri_mount::Plan,
    /// kakuri-init's part before the payload.
    pub setup: Setup,
    /// kakuri-init's document. `terminal` and `window` are filled in at the start, from what 0-2 then are.
    pub process: Process,
    /// Namespaces beside user, mount and pid, which are always new.
    pub namespaces: Namespaces,
    pub terminal: Terminal,
    /// Wall-clock limit of the command.
    pub timeout: Option<Duration>,
    /// What is weaker than the user may expect on this host, for --explain and --verbose: one sentence each.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    pub ipc: bool,
    pub uts: bool,
    pub cgroup: bool,
    /// Made by PID 1; false is the host's network.
    pub network: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Whatever terminals are among 0-2 are replaced.
    Auto,
    /// 0-2 are all the container's terminal.
    Always,
    Never,
}
