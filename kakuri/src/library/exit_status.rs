//! How a command ended.

use std::fmt;
use std::time::Duration;

/// How a command ended, and what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    pub(super) reason: Reason,
    pub(super) usage: Option<Usage>,
}

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal (signal(7)).
    Signaled {
        /// The signal's number.
        signal: i32,
        /// It left a core dump.
        core: bool,
    },
    /// Its time was over ([`Command::timeout`]).
    ///
    /// [`Command::timeout`]: crate::Command::timeout
    TimedOut,
    /// Its container was ended from outside, by [`Child::kill`] for example.
    ///
    /// [`Child::kill`]: crate::Child::kill
    Killed,
}

/// What a command used: itself and the processes it waited for; of a temporary container also orphans that ended before
/// it. Processes that outlive it are not counted. As getrusage(2) tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// From when kakuri heard of its start to its end.
    pub wall: Duration,
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The most memory one of its processes had at a time, in bytes.
    pub peak_memory: u64,
}

impl ExitStatus {
    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.reason == Reason::Exited(0)
    }

    /// The exit code; None where it did not end by itself.
    pub fn code(&self) -> Option<i32> {
        match self.reason {
            Reason::Exited(code) => Some(code.into()),
            _ => None,
        }
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        match self.reason {
            Reason::Signaled { signal, .. } => Some(signal),
            _ => None,
        }
    }

    /// Whether its time was over.
    pub fn timed_out(&self) -> bool {
        self.reason == Reason::TimedOut
    }

    /// Why it ended.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What it used; None where its container was ended from outside.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.reason {
            Reason::Exited(code) => write!(f, "exit code {code}"),
            Reason::Signaled { signal, core: true } => write!(f, "signal {signal}, core dumped"),
            Reason::Signaled { signal, core: false } => write!(f, "signal {signal}"),
            Reason::TimedOut => f.write_str("its time was over"),
            Reason::Killed => f.write_str("its container was ended"),
        }
    }
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output, where that was a pipe.
    pub stdout: Vec<u8>,
    /// All of its standard error, where that was a pipe.
    pub stderr: Vec<u8>,
}
