//! The library: containers for other programs. It starts the program `kakuri` and talks to it; nothing of a container is
//! made, and nothing forked, in the calling process.

mod changes;
mod child;
mod command;
mod container;
mod error;
mod exit_status;
mod launch;
mod persistent;
mod program;
mod stdio;
mod told;
mod verb;
mod wait;
mod words;

pub use changes::{Change, ChangeKind, Changes};
pub use child::Child;
pub use command::{Command, Terminal};
pub use container::{
    Bind, Container, Ids, Landlock, Namespace, Network, OnFailure, Port, Proc, Protocol, Pull, Resource, RootMode,
    Seccomp, Tmpfs, User,
};
pub use error::{Error, ErrorKind, Result};
pub use exit_status::{ExitStatus, Output, Reason, Usage};
pub use persistent::{Persistent, State};
pub use stdio::Stdio;
