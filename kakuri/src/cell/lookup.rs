//! The look-up of a name by a process of its own, for those who cannot do it themselves: who minds a way out or fetches
//! an image can open nothing, and a look-up may take as long as it likes.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_netns::{FromNetns, ToNetns};
use kakuri_wire::Channel;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::sys;

use super::{link, send};
use crate::helper::{Birth, open_null, title};
use crate::process::Owned;

/// A name being looked up. Who drops it wants no answer any more.
pub struct Lookup {
    link: Channel,
    // Ended with this value.
    _process: Owned,
}

impl Lookup {
    /// `program`: kakuri-netns.
    pub fn begin(program: &OwnedFd, host: String, port: u16) -> Result<Lookup> {
        let (near, far) = link()?;
        let null = open_null()?;
        let birth = Birth::new(program, &far, &null, title("kakuri-netns", "resolve"));
        // Several may be begun at once, so each is waited for until it has left our memory.
        let spawned = sys::clone_vfork(0, &mut || {
            let _ = birth.become_helper();
            i32::from(CODE_FAILED)
        });
        let (_, pidfd) = spawned.fail(Stage::Front, || "cannot start kakuri-netns".into())?;
        let process = Owned::new(pidfd, Stage::Netns);
        send(Stage::Netns, &near, &ToNetns::Resolve { version: Version::ours(), host, port }, &[])?;
        Ok(Lookup { link: near, _process: process })
    }

    /// The answer, the best address first. None: there is none yet.
    pub fn hear(&self) -> Option<Result<Vec<SocketAddr>>> {
        let unclear = |why: String| Fail::new(Stage::Netns, "cannot look up a name").why(why);
        match self.link.recv_now::<FromNetns>() {
            Err(Broken::Late) => None,
            Ok((FromNetns::Resolved(addresses), _)) => Some(Ok(addresses)),
            Ok((FromNetns::Failed(fail), _)) => Some(Err(fail)),
            Ok(_) => Some(Err(unclear("it spoke out of turn".into()))),
            Err(broken) => Some(Err(unclear(broken.to_string()))),
        }
    }
}

impl AsFd for Lookup {
    /// Readable once there is an answer.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
