//! The control socket of a running container: how a second kakuri speaks with its supervisor.
//!
//! A SOCK_SEQPACKET socket in a folder of mode 0700; both sides ask the kernel who the other is (SO_PEERCRED). A
//! connection carries one request. A command is started as PID 1 starts every command: the request brings its words
//! as a document ([`Order`]), its descriptors 0-2 and the far end of a fresh session link; from then on the
//! asker speaks with PID 1 on that link alone, and the connection is only there to give the session back.

use std::net::IpAddr;

use kakuri_init::Window;
use kakuri_netns::nat::Forward;
use kakuri_wire::{Bytes, Fail, Message};
use serde::{Deserialize, Serialize};

use crate::cgroup::Usage;
use crate::guarantee::Verdict;
use crate::refusals::Tally;
use crate::spec::User;
use crate::store::Ended;

mod socket;
pub use socket::{Refused, accept, answers, connect, listen, may_lie};

/// The socket's name in the live folder.
pub const SOCKET: &str = "control.sock";

/// Said to the supervisor. The number of the protocol stands only where a word of another build could be misread:
/// a container can be stopped by whatever kakuri is installed now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToSupervisor {
    /// Start a command that is the asker's. Carries an [`Order`] as a document, the far end of a session link, those
    /// of 0-2 that are not the container's terminal, and the passed descriptors.
    Run { protocol: u32, inherited: u8, passed: u8 },
    /// Start a command in the background, whose output goes to the log. Carries an [`Order`] as a document.
    Detached { protocol: u32 },
    /// The asker leaves a session it holds to the supervisor (detach keys). Carries its end of the session link and
    /// the master of the terminal.
    Keep { session: u32 },
    /// Take over the session of the first process.
    Attach { protocol: u32 },
    /// End the container: the signal (None: SIGTERM) to the first process, or to every session's where there is
    /// none, and SIGKILL to all when the time, in milliseconds, has passed. Answered once nothing of it is left.
    Stop { signal: Option<i32>, time: u64 },
    /// A signal for the first process, or for every session's.
    Signal { signal: i32 },
    /// What can be told of it.
    Look { protocol: u32 },
    /// Answered when the container stands.
    Stand,
    /// The asker uses the container without a session in it, as long as the connection lasts: it does not end for want
    /// of one.
    Stay { protocol: u32 },
    /// Answered when the container has ended.
    Wait,
    /// How its VPN tunnel is.
    Tunnel { protocol: u32 },
    /// The asker makes a container in its network, as long as the connection lasts.
    Join { protocol: u32 },
}

impl Message for ToSupervisor {
    fn descriptors(&self) -> usize {
        match self {
            ToSupervisor::Run { inherited, passed, .. } => 2 + usize::from(*inherited) + usize::from(*passed),
            ToSupervisor::Detached { .. } => 1,
            ToSupervisor::Keep { .. } => 2,
            _ => 0,
        }
    }

    fn has_document(&self) -> bool {
        matches!(self, ToSupervisor::Run { .. } | ToSupervisor::Detached { .. })
    }
}

/// Said by the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromSupervisor {
    /// The command was handed to PID 1; what becomes of it is told on the session link.
    Accepted {
        session: u32,
        /// What it is refused is told when it ends: Refused, or Ended.
        #[serde(default)]
        watched: bool,
    },
    /// A session has ended that was not the first: what system calls it was refused.
    Refused(Box<Tally>),
    /// A detached command runs.
    Started {
        session: u32,
        pid: i32,
    },
    /// It could not be done; nothing of it is left.
    Failed(Fail),
    /// Something the user should know, to who minds the first process; it goes on.
    Trouble(Fail),
    /// Somebody else wants the session: Keep it.
    Yield,
    /// Carries the session link and the terminal's master.
    Terminal {
        session: u32,
        pid: i32,
        first: bool,
    },
    /// There is no terminal to attach to; the log is what can be followed. Carries the writing end of its standard
    /// input where there is one.
    Output {
        session: u32,
        input: bool,
    },
    /// Carries [`Facts`] as a document.
    Facts,
    Done,
    Ended(Box<Ended>),
    Tunnel(Box<kakuri_netns::Status>),
    /// Carries the user namespace that owns the network, and the network namespace.
    Namespaces(Box<Shared>),
}

impl Message for FromSupervisor {
    fn descriptors(&self) -> usize {
        match self {
            FromSupervisor::Terminal { .. } | FromSupervisor::Namespaces(_) => 2,
            FromSupervisor::Output { input, .. } => usize::from(*input),
            FromSupervisor::Facts => 1,
            _ => 0,
        }
    }
}

/// What goes with a network that is shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// As [`crate::network::Wiring`] has them.
    pub resolvers: Option<Vec<IpAddr>>,
    pub search: Vec<String>,
    pub hosts: Vec<(String, IpAddr)>,
    /// Containers may be made in the container.
    pub nest: bool,
}

/// A command to start in a running container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub words: Words,
    /// `KEY=VALUE` over the container's own environment; `KEY` alone takes a variable away.
    pub environment: Vec<Bytes>,
    /// None: where the container's first process stands, or would.
    pub workdir: Option<Bytes>,
    /// None: who the container's processes are.
    pub user: Option<User>,
    /// Which of 0-2 are the container's terminal.
    pub terminal: [bool; 3],
    pub window: Option<Window>,
    /// Numbers of the passed descriptors.
    pub pass: Vec<i32>,
    /// The container ends with it.
    pub first: bool,
    /// Detached: standard input stays open for who attaches.
    pub interactive: bool,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Words {
    /// What the container was started for.
    Planned,
    /// The container's shell: as a login shell, with the words of a `-c`.
    Shell {
        login: bool,
        script: Option<Bytes>,
    },
    Command(Vec<Bytes>),
}

/// What a supervisor tells of its container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub name: String,
    /// Milliseconds since 1970.
    pub started: u64,
    /// PID 1 and the supervisor, as the host numbers them.
    pub init: i32,
    pub supervisor: i32,
    /// Inode of each namespace, as /proc/PID/ns names it.
    pub namespaces: std::collections::BTreeMap<String, u64>,
    pub network: String,
    /// Of the host's, and where they lead.
    #[serde(default)]
    pub ports: Vec<Forward>,
    pub sessions: Vec<Session>,
    /// What system calls were refused so far, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Tally>,
    /// What holds, one sentence each, and what is weaker than it could be on this host.
    pub notes: Vec<String>,
    /// What it guarantees, as it was started. Empty: its kakuri is older, and does not tell.
    #[serde(default)]
    pub guarantees: Vec<Verdict>,
    /// What it uses, where it has a control group.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// That group on the host.
    #[serde(default)]
    pub group: Option<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub session: u32,
    pub command: Vec<Bytes>,
    /// Inside; None until it has started.
    pub pid: Option<i32>,
    pub first: bool,
    pub terminal: bool,
    /// Its output goes to the log.
    pub logged: bool,
    /// Milliseconds since 1970.
    pub started: u64,
}
