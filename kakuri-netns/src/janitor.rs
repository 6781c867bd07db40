//! Who clears up. A process of its own, begun before there is anything to clear: it waits for the end of the one that it
//! comes from, whatever that ends by, and then removes what the kernel does not. CAP_NET_ADMIN, and nothing else; it
//! hears nobody.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Channel, Result, Stage, caps, channel, sys};
use rustix::event::PollFlags;
use rustix::process::{WaitId, WaitIdOptions, setsid, waitid};

use crate::{ToNetns, tunnel};

const STAGE: Stage = Stage::Netns;
/// It has milliseconds of work; beyond this somebody holds it up, and it is left to itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sets it to work when it is dropped, and waits until that is done.
pub struct Janitor {
    // Its end of file is the word.
    channel: Option<Channel>,
    pidfd: OwnedFd,
}

/// Which of the two processes this is.
pub enum Side {
    Minder(Janitor),
    Janitor(Duty),
}

/// The other's part: it never returns from it.
pub struct Duty {
    word: Channel,
}

impl Janitor {
    /// Must be called before there is a lock or a socket of rules, which it would hold open until it has let go of them.
    pub fn fork() -> Result<Side> {
        let cannot = || "cannot start what clears up after the network".to_string();
        let (ours, theirs) = Channel::pair().fail(STAGE, cannot)?;
        Ok(match sys::fork().fail(STAGE, cannot)? {
            Some((_, pidfd)) => Side::Minder(Janitor { channel: Some(ours), pidfd }),
            None => Side::Janitor(Duty { word: theirs }),
        })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.channel = None;
        if channel::wait(&self.pidfd, PollFlags::IN, PATIENCE).is_ok_and(|ended| ended) {
            let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        }
    }
}

impl Duty {
    /// Waits for the end of the other and does the work; of its descriptors it keeps the one the work needs.
    pub fn carry_out(self, kept: Option<BorrowedFd>, work: impl FnOnce() -> Result<()>) -> ! {
        let word = self.word.as_fd();
        // The front's link above all, whose end is the other's lifeline.
        let alone = crate::nat::keep_only([word, kept.unwrap_or(word)]).is_ok();
        let bounded = caps::keep(STAGE, caps::Set::NET_ADMIN).and_then(|()| tunnel::no_new_privileges());
        if !alone || bounded.is_err() {
            std::process::exit(1);
        }
        // What a terminal sends is not meant for it.
        let _ = setsid();
        let _ = self.word.recv::<ToNetns>();
        std::process::exit(i32::from(work().is_err()))
    }
}
