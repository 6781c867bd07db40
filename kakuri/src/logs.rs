//! What the commands of a named container wrote and what became of them: `NAME/log/`.
//!
//! ```text
//! log.N      N counts up; 16 MiB each, the newest ten are kept
//! ```
//! A segment is a sequence of frames, byte-exact for any bytes and still readable with less(1):
//!
//! ```text
//! UNIX_NANOSECONDS SESSION KIND LENGTH\n BYTES \n
//! ```
//! KIND is `o` (standard output), `e` (standard error), `t` (a terminal) or `v` (an [`Event`] as JSON). A frame that
//! was being written when its writer died is no frame: readers pass it over, the next [`Writer`] cuts it off.

mod folder;
mod frame;
mod reader;
mod show;
mod tail;
mod watch;
mod writer;

use kakuri_init::Status;
use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

pub use frame::{Frame, Kind};
pub use reader::{Item, Reader};
pub use show::Show;
pub use tail::{Lines, tail};
pub use watch::Watch;
pub use writer::Writer;

/// Bytes of a segment before the next one begins.
pub const SEGMENT: u64 = 16 * 1024 * 1024;
/// Segments that are kept.
pub const KEPT: usize = 10;

/// Where a command wrote something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    Out,
    Err,
    /// A terminal: both in one.
    Terminal,
}

/// What became of a command or of the container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The container began to run.
    Begun,
    /// It ended; everything in it with it.
    Ended,
    Started {
        session: u32,
        /// Inside.
        pid: i32,
        command: Vec<Bytes>,
        /// Its output is in the log; else it went to the caller's own terminal or pipes.
        logged: bool,
        terminal: bool,
    },
    Exited {
        session: u32,
        status: Status,
    },
    /// It never ran.
    Failed {
        session: u32,
        why: String,
    },
    /// Something was wrong with the network, and all went on.
    Trouble {
        why: String,
    },
    /// There was no room for what came before this.
    Lost {
        /// Of output.
        bytes: u64,
        events: u64,
    },
    /// The first frame of each segment: how many bytes of output all segments before it hold or held.
    Segment {
        before: u64,
    },
}

impl Event {
    /// 0 where it is about the whole container.
    pub fn session(&self) -> u32 {
        match self {
            Event::Started { session, .. } | Event::Exited { session, .. } | Event::Failed { session, .. } => *session,
            Event::Begun | Event::Ended | Event::Trouble { .. } | Event::Lost { .. } | Event::Segment { .. } => 0,
        }
    }
}
