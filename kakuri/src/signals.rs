//! The front's own signals, read from a descriptor.
//!
//! Blocked only after the helpers exist, so that they and the command keep the caller's mask; a signal the
//! caller ignores (nohup) stays ignored, because an ignored signal is never queued.

use std::os::fd::{AsFd, BorrowedFd};

use kakuri_wire::fail::{OrFail, Result, Stage};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Passed on to the command.
const FORWARDED: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGPWR,
];

pub struct Signals {
    fd: SignalFd,
    blocked: SigSet,
}

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    pub signal: i32,
    /// The terminal raised it (SI_KERNEL): every process of the foreground group was meant.
    pub by_terminal: bool,
}

impl Signals {
    pub fn block() -> Result<Signals> {
        let what = || "cannot wait for signals".to_string();
        let mut set = SigSet::empty();
        for signal in FORWARDED.into_iter().chain([Signal::SIGWINCH, Signal::SIGCONT]) {
            set.add(signal);
        }
        set.thread_block().fail(Stage::Front, what)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).fail(Stage::Front, what)?;
        Ok(Signals { fd, blocked: set })
    }

    /// The next one pending.
    pub fn take(&mut self) -> Option<Came> {
        const SI_KERNEL: i32 = 0x80;
        let info = self.fd.read_signal().ok().flatten()?;
        Some(Came { signal: info.ssi_signo as i32, by_terminal: info.ssi_code == SI_KERNEL })
    }
}

/// The mask is as it was, so that what is started next is not born with ours.
impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.blocked.thread_unblock();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A signal's name without SIG, for people.
pub fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| signal.to_string(), |s| s.as_str().trim_start_matches("SIG").to_string())
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+1`, `RTMAX-1`, in letters of any case.
pub fn parse(text: &str) -> Option<i32> {
    let text = text.to_ascii_uppercase();
    let word = text.strip_prefix("SIG").unwrap_or(&text);
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        rest => rest.strip_prefix(sign).and_then(|n| n.parse::<u8>().ok()).map(i32::from),
    };
    if let Some(rest) = word.strip_prefix("RTMIN") {
        offset(rest, '+').map(|n| first + n).filter(|n| *n <= last)
    } else if let Some(rest) = word.strip_prefix("RTMAX") {
        offset(rest, '-').map(|n| last - n).filter(|n| *n >= first)
    } else if word.bytes().all(|b| b.is_ascii_digit()) {
        text.parse::<i32>().ok().filter(|n| (1..=64).contains(n))
    } else {
        let named = match word {
            "IOT" => "ABRT",
            "CLD" => "CHLD",
            "POLL" => "IO",
            word => word,
        };
        format!("SIG{named}").parse::<Signal>().ok().map(|s| s as i32)
    }
}
