//! Signals and children of PID 1. No capability.

use std::os::fd::OwnedFd;

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::{Status, Usage};

/// The signals this process waits for, and the mask it was born with (the payload's).
pub struct Signals {
    pub fd: SignalFd,
    pub inherited: SigSet,
}

impl Signals {
    /// Blocks `wanted` and reads them from a descriptor instead; before the first child exists, so that no
    /// exit is missed.
    pub fn block(wanted: &SigSet) -> Result<Signals> {
        let what = || "cannot wait for signals".to_string();
        let mut inherited = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(wanted), Some(&mut inherited)).fail(Stage::Init, what)?;
        let fd =
            SignalFd::with_flags(wanted, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).fail(Stage::Init, what)?;
        Ok(Signals { fd, inherited })
    }

    /// PID 1 under a front wants to know of its children only: the kernel itself keeps every other signal
    /// from inside away from a PID 1 without handlers.
    pub fn children_only() -> Result<Signals> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGCHLD);
        Signals::block(&set)
    }

    /// The next pending signal's number.
    pub fn take(&mut self) -> Option<i32> {
        self.fd.read_signal().ok().flatten().map(|info| info.ssi_signo as i32)
    }
}

/// Collects one child that has ended, and says how, and what it used; None when none is left to collect. Orphans of the
/// container are ours, and one SIGCHLD may stand for many.
pub fn next_ended() -> Result<Option<(i32, Status, Usage)>> {
    loop {
        match sys::wait_any() {
            Ok(Some(ended)) => {
                let sys::Ended { pid, status, user_us, system_us, peak_kib } = ended;
                return Ok(Some((pid, translate(status), Usage { user_us, system_us, peak_kib })));
            }
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => {}
            Err(e) if e.raw_os_error() == Some(libc::ECHILD) => return Ok(None),
            Ok(None) => return Ok(None),
            Err(e) => return Err(Fail::new(Stage::Init, "cannot collect what has ended").errno(e)),
        }
    }
}

fn translate(status: i32) -> Status {
    if libc::WIFSIGNALED(status) {
        Status::Signal { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
    } else {
        Status::Code(libc::WEXITSTATUS(status) as u8)
    }
}

/// Takes the pidfd of the direct child, so that it is closed with this value.
pub struct Child {
    pub pid: i32,
    pub pidfd: OwnedFd,
}
