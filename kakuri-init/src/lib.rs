//! kakuri-init's vocabulary: what PID 1 is told and what it reports.
//!
//! [`Setup`] is small and comes inline, because it is read while PID 1 still holds every capability over the
//! container. What the user can make large or odd ([`Process`]) is a document, enclosed in the message or a descriptor,
//! that is parsed after the last capability is gone.

pub mod byhand;
pub mod command;
pub mod container;
pub mod filter;
pub mod front;
pub mod landlock;
pub mod launch;
pub mod network;
pub mod nsfs;
pub mod payload;
mod ranged;
pub mod reap;
pub mod session;
pub mod terminal;

use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Fail, Kernelfs, Message};
use serde::{Deserialize, Serialize};

/// The front speaks. Hello, then Start or Hold, then Go, once each and in this order; Signal any time after Go, and
/// Session where the container holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToInit {
    /// Carries the front's pidfd.
    Hello(Version, Setup),
    /// Carries the [`Process`] as a document, then those of descriptors 0-2 that are not replaced by the
    /// container's terminal, then the passed ones.
    Start { inherited: u8, passed: u8 },
    /// In the place of Start: a container without a command of its own, which stays until the front ends it. Its
    /// commands come as sessions.
    Hold,
    /// Root and network stand: run it.
    Go,
    /// A command in a container that holds; `session` is a number of the front's choice, above 0 and above every one
    /// before it. Carries the far end of the session's link ([`ToSession`], [`FromSession`]), then what Start carries.
    /// PID 1 waits for the front to read what became of the sessions before, so a front that sends reads as well.
    Session { session: u32, inherited: u8, passed: u8 },
    /// Send this signal to the command of a session, 0 for the one of Start; to its whole process group where a
    /// terminal raised it, because a terminal would have reached all of it. A session that has ended is passed over.
    Signal { session: u32, signal: i32, group: bool },
}

impl Message for ToInit {
    fn descriptors(&self) -> usize {
        match self {
            ToInit::Hello(..) => 1,
            ToInit::Start { inherited, passed } => 1 + usize::from(*inherited) + usize::from(*passed),
            ToInit::Session { inherited, passed, .. } => 2 + usize::from(*inherited) + usize::from(*passed),
            ToInit::Hold | ToInit::Go | ToInit::Signal { .. } => 0,
        }
    }

    fn has_document(&self) -> bool {
        matches!(self, ToInit::Start { .. } | ToInit::Session { .. })
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
    /// Before the Started of a command whose refused calls are answered for. Carries who they wait for, a descriptor of
    /// seccomp_unotify(2); 0 is the command of Start.
    Watched {
        session: u32,
    },
    /// Answers Go after Hold: sessions may come.
    Holding,
    Exited {
        status: Status,
        usage: Usage,
    },
    Failed(Fail),
    /// What became of a session's command, told beside the session's own link for who keeps the record.
    Session {
        session: u32,
        event: Event,
    },
}

/// What becomes of the command of a session: Started and later Exited, or Failed alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The pid inside.
    Started {
        pid: i32,
    },
    Exited(Status),
    Failed(Fail),
}

/// On a session's link, to PID 1. Its end of file hangs the command up: SIGHUP and SIGCONT to its process group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSession {
    /// As [`ToInit::Signal`].
    Signal { signal: i32, group: bool },
}

impl Message for ToSession {
    fn descriptors(&self) -> usize {
        0
    }
}

/// On a session's link, from PID 1. Nobody is waited for: a holder that does not read loses the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSession {
    /// As [`FromInit::Started`].
    Started {
        pid: i32,
        terminal: bool,
    },
    /// As [`FromInit::Exited`].
    Exited {
        status: Status,
        usage: Usage,
    },
    Failed(Fail),
}

impl Message for FromSession {
    fn descriptors(&self) -> usize {
        match self {
            FromSession::Started { terminal, .. } => usize::from(*terminal),
            FromSession::Exited { .. } | FromSession::Failed(_) => 0,
        }
    }
}

impl Message for FromInit {
    fn descriptors(&self) -> usize {
        match self {
            FromInit::Ready(made) => made.len(),
            FromInit::Started { terminal, .. } => usize::from(*terminal),
            FromInit::Watched { .. } => 1,
            FromInit::Holding | FromInit::Exited { .. } | FromInit::Failed(_) | FromInit::Session { .. } => 0,
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

impl Status {
    /// By SIGKILL, as all are when PID 1 ends.
    pub const KILLED: Status = Status::Signal { signal: libc::SIGKILL, core: false };
}

/// What a command and those it has waited for used, as getrusage(2) tells it; with the container's first command also
/// what its orphans did that ended before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Processor time in microseconds.
    pub user_us: u64,
    pub system_us: u64,
    /// The most memory one process had at a time, in KiB.
    pub peak_kib: u64,
}

impl Usage {
    /// With what others used.
    pub fn with(self, other: Usage) -> Usage {
        Usage {
            user_us: self.user_us.saturating_add(other.user_us),
            system_us: self.system_us.saturating_add(other.system_us),
            peak_kib: self.peak_kib.max(other.peak_kib),
        }
    }
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
    /// None: every system call is allowed, or each command brings a filter of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// The kernel's settings are taken away from the payload by mounts upon them (a container started by root): they are
    /// written before there is anything to mount.
    #[serde(default)]
    pub guarded: bool,
    /// P has more ids than one: all it has, in S's ids. `uid` and `gid` are then those of the first command alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maps: Option<Maps>,
    /// The inode of the caller's network namespace, where PID 1 may have left it already: while others wrote the maps of S.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outer_network: Option<u64>,
}

/// Which system calls there are inside, beside what `nest` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Files may be made to run as their owner or group.
    pub set_id: bool,
}

/// The ids of a user namespace, uids and gids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maps {
    pub uids: Vec<Extent>,
    pub gids: Vec<Extent>,
}

/// One line of a map, as user_namespaces(7) has it: `count` ids from `inside` on are those from `outside` on, one
/// namespace further out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
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
    /// Struct sock_filter of linux/filter.h, one after the other: the system calls of this command, where PID 1 has no filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Bytes>,
    /// The filter has calls wait for an answer: who gives it is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
    /// What every command of the container is denied by Landlock. Those of the first command hold for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landlock: Option<Landlock>,
    /// Which of 0-2 are the container's terminal.
    pub terminal: [bool; 3],
    /// The terminal's size and modes at the start; None: the kernel's defaults.
    #[serde(default)]
    pub window: Option<Window>,
    /// Numbers at which the passed descriptors appear, ascending, all above 2.
    #[serde(default)]
    pub pass: Vec<i32>,
    /// Who it is, where P has more ids than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
}

/// What is denied unless a rule allows it. Bits as linux/landlock.h has them; one that this kernel does not know is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landlock {
    /// LANDLOCK_ACCESS_FS_*
    pub files: u64,
    /// LANDLOCK_ACCESS_NET_*
    #[serde(default)]
    pub network: u64,
    /// LANDLOCK_SCOPE_*
    #[serde(default)]
    pub scoped: u64,
    #[serde(default)]
    pub beneath: Vec<Beneath>,
    #[serde(default)]
    pub ports: Vec<Ports>,
}

/// A file, or a folder with all that is below it, and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beneath {
    /// Absolute, in the container; links lead where they would inside.
    pub at: Bytes,
    pub allowed: u64,
}

/// TCP ports, both ends included, and what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    pub first: u16,
    pub last: u16,
    pub allowed: u64,
}

/// Who a command is, in P's ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ids {
    pub uid: u32,
    pub gid: u32,
    /// The supplementary groups, which are then all it has.
    pub groups: Vec<u32>,
    /// Those of 0-2 that are pipes are kakuri's own, and become his: so that he may open them by name, /dev/stdout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pipes: bool,
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
