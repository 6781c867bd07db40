//! Processes of ours: each known by its pidfd, killed with its owner, and waited for. No capability.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Stage};
use rustix::event::PollFlags;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

/// A process of ours: known by pidfd, killed and reaped when this value goes.
#[derive(Debug)]
pub struct Owned {
    pidfd: OwnedFd,
    stage: Stage,
    reaped: bool,
}

impl Owned {
    pub fn new(pidfd: OwnedFd, stage: Stage) -> Owned {
        Owned { pidfd, stage, reaped: false }
    }

    /// Leaves the process to the kernel: it has said its last word and ends by itself, or else by this signal.
    pub fn release(mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        self.reaped = true;
    }

    /// How it ended by itself, if it has.
    pub fn died(&mut self) -> Option<String> {
        self.collect().map(|status| describe(&status))
    }

    /// The same, where it may have ended well.
    pub fn outcome(&mut self) -> Option<Result<(), String>> {
        self.collect().map(|status| if status.exit_status() == Some(0) { Ok(()) } else { Err(describe(&status)) })
    }

    fn collect(&mut self) -> Option<WaitIdStatus> {
        let ended = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        let status = ended.ok().flatten()?;
        self.reaped = true;
        Some(status)
    }

    /// Whether it has ended and was waited for.
    pub fn is_collected(&self) -> bool {
        self.reaped
    }

    /// Waits for it to end by itself; where it has not by then, it goes on.
    pub fn await_end(&mut self, limit: Duration) {
        if !self.reaped {
            let _ = kakuri_wire::channel::wait(&self.pidfd, PollFlags::IN, limit);
        }
    }

    /// Kills and waits, so that nothing of it is left when this returns. For PID 1 that is the whole container.
    pub fn end(&mut self) -> Option<String> {
        if self.reaped {
            return None;
        }
        // What it died of by itself is worth telling; a kill by us is not.
        if let Some(how) = self.died() {
            return Some(how);
        }
        self.reaped = true;
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        None
    }
}

fn describe(status: &WaitIdStatus) -> String {
    match status.terminating_signal() {
        Some(signal) => format!("it was killed by signal {signal}"),
        None => format!("it exited with code {}", status.exit_status().unwrap_or_default()),
    }
}

impl AsFd for Owned {
    /// The pidfd: readable once the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.end();
    }
}

/// A helper that ended or talked nonsense: what can be said of it.
pub fn lost(helper: &mut Owned, broken: &Broken) -> Fail {
    let stage = helper.stage;
    let why = match broken {
        Broken::Closed => {
            // The link closes a moment before the process can be waited for.
            let _ = kakuri_wire::channel::wait(&helper.pidfd, PollFlags::IN, Duration::from_secs(1));
            helper.end().unwrap_or_else(|| broken.to_string())
        }
        _ => broken.to_string(),
    };
    Fail::new(stage, format!("lost {stage}")).why(why).hint(WHO_ENDED_IT)
}

/// None of ours ends before its time by itself.
pub const WHO_ENDED_IT: &str =
    "sudo dmesg | tail tells what the kernel has killed; KAKURI_LOG=trace shows every step before it";
