//! kakuri-init's vocabulary: what PID 1 is told and what it reports.
//!
//! [`Setup`] is small and comes inline, because it is read while PID 1 still holds every capability over the
//! container. What the user can make large or odd ([`Process`]) is a document that is parsed after the last
//! capability is gone.

pub mod byhand;
pub mod launch;
pub mod network;
pub mod nsfs;
pub mod payload;
pub mod reap;
pub mod session;
pub mod terminal;

use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Fail, Kernelfs, Message};
use serde::{Deserialize, Serialize};

/// The front speaks. Hello, Start and Go come once each and in this order; Signal any time after Go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToInit {
    /// Carries the front's pidfd.
    Hello(Version, Setup),
    /// Carries the [`Process`] as a document, then those of descriptors 0-2 that are not replaced by the
    /// container's terminal, then the passed ones.
    Start { inherited: u8, passed: u8 },
    /// Root and network stand: run it.
    Go,
    /// Send this signal to the command; to its whole process group where the caller's terminal raised it,
    /// because a terminal would have reached all of it.
    Signal { signal: i32, group: bool },
}

impl Message for ToInit {
    fn descriptors(&self) -> usize {
        match self {
            ToInit::Hello(..) => 1,
            ToInit::Start { inherited, passed } => 1 + usize::from(*inherited) + usize::from(*passed),
            ToInit::Go | ToInit::Signal { .. } => 0,
        }
    }
}

/// PID 1 reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromInit {
    /// Carries one detached mount for each named file system.
    Ready(Vec<Kernelfs>),
    /// The command's image is loaded. Carries the master of its terminal where it has one.
    Started {
        pid: i32,
        terminal: bool,
    },
    Exited(Status),
    Failed(Fail),
}

impl Message for FromInit {
    fn descriptors(&self) -> usize {
        match self {
            FromInit::Ready(made) => made.len(),
            FromInit::Started { terminal, .. } => usize::from(*terminal),
            FromInit::Exited(_) | FromInit::Failed(_) => 0,
        }
    }
}

/// How a command ended, as wait(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Code(u8),
    Signal { signal: i32, core: bool },
}

/// What PID 1 makes before anything of the payload is parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// None: the uts namespace is shared.
    pub hostname: Option<String>,
    /// A network namespace of its own, with lo up.
    pub network: bool,
    /// File systems to make. Sysfs wants a network namespace of our own, mqueue an ipc one, proc a pid one.
    pub filesystems: Vec<Kernelfs>,
    /// The payload's ids in P; each is S's 0, the caller, outside.
    pub uid: u32,
    pub gid: u32,
    /// The payload may make user namespaces of its own.
    pub nest: bool,
}

/// The command and everything it starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub argv: Vec<Bytes>,
    /// `KEY=value`, complete.
    pub env: Vec<Bytes>,
    /// Where a name without a slash is looked for: the PATH of `env`.
    pub path: Bytes,
    pub cwd: Bytes,
    /// Capabilities root may hold over P, a bit each; the bounding set.
    pub bounding: u64,
    pub limits: Vec<Limit>,
    /// Which of 0-2 are the container's terminal.
    pub terminal: [bool; 3],
    /// The terminal's size and modes at the start; None: the kernel's defaults.
    #[serde(default)]
    pub window: Option<Window>,
    /// Numbers at which the passed descriptors appear, ascending, all above 2.
    #[serde(default)]
    pub pass: Vec<i32>,
}

/// A resource limit, by setrlimit(2)'s number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub resource: u32,
    /// None is no limit.
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// A terminal as termios(3) and TIOCSWINSZ describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub rows: u16,
    pub columns: u16,
    #[serde(default)]
    pub modes: Option<Modes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modes {
    pub input: u32,
    pub output: u32,
    pub control: u32,
    pub local: u32,
    /// Special characters in the order of `terminal::SPECIAL`.
    pub special: Vec<u8>,
}
