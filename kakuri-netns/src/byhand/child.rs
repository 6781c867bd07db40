//! A part of this program in a process of its own, forked: it has a link to this one, ends with it, and keeps nothing else.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage, lifeline, sys};
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

const STAGE: Stage = Stage::Netns;

pub struct Child {
    pub link: Channel,
    pub pidfd: OwnedFd,
}

impl Child {
    /// `work` gives its exit code; what fails is told on the link.
    pub fn start(work: impl FnOnce(&Channel) -> Result<u8>) -> Result<Child> {
        let what = || "cannot start a process".to_string();
        let (ours, theirs) = Channel::pair().fail(STAGE, what)?;
        match sys::fork().fail(STAGE, what)? {
            Some((_, pidfd)) => Ok(Child { link: ours, pidfd }),
            None => {
                let code =
                    begin(&theirs).and_then(|link| work(&link).inspect_err(|fail| super::vpn::tell(&link, fail)));
                std::process::exit(i32::from(code.unwrap_or_else(|fail| fail.code)))
            }
        }
    }

    /// Waits for its end: its exit code, or 128 and the signal.
    pub fn wait(&self) -> Result<u8> {
        loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Ok(Some(status)) => return Ok(code(&status)),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Fail::new(STAGE, "cannot wait for a process").errno(errno)),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = self.wait();
    }
}

/// How a process ended, as a shell says it.
pub fn code(status: &WaitIdStatus) -> u8 {
    let ended = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    ended.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// In the child: its link alone is kept, at the number at which a front would have put it.
fn begin(theirs: &Channel) -> Result<Channel> {
    let what = || "cannot start a process".to_string();
    sys::dup_onto(theirs.as_fd(), lifeline::LINK).fail(STAGE, what)?;
    // Copies of the parent's other links among them, whose other ends would otherwise never see its end.
    sys::close_range(lifeline::LINK as u32 + 1, u32::MAX, false).fail(STAGE, what)?;
    lifeline::attach(STAGE)
}
