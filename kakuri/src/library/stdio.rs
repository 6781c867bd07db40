//! What a command reads from and writes to.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ChildStderr, ChildStdin, ChildStdout};

/// Where standard input, output or error of a command leads, as [`std::process::Stdio`].
#[derive(Debug)]
pub struct Stdio(pub(super) Way);

#[derive(Debug)]
pub(super) enum Way {
    Inherit,
    Null,
    Piped,
    Given(OwnedFd),
}

impl Stdio {
    /// This process's own. A terminal is replaced by one of the container's (see [`Command::terminal`]).
    ///
    /// [`Command::terminal`]: crate::Command::terminal
    pub fn inherit() -> Stdio {
        Stdio(Way::Inherit)
    }

    /// `/dev/null`.
    pub fn null() -> Stdio {
        Stdio(Way::Null)
    }

    /// A pipe to this process: [`Child::stdin`] and its like.
    ///
    /// [`Child::stdin`]: crate::Child::stdin
    pub fn piped() -> Stdio {
        Stdio(Way::Piped)
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio(Way::Given(fd))
    }
}

macro_rules! from_descriptor {
    ($($kind:ty),+) => {
        $(impl From<$kind> for Stdio {
            fn from(from: $kind) -> Stdio {
                OwnedFd::from(from).into()
            }
        })+
    };
}

from_descriptor!(File, ChildStdin, ChildStdout, ChildStderr, io::PipeReader, io::PipeWriter);
