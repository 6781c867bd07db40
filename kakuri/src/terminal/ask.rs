//! Asking a person: a line on the terminal, and one that is not shown.

use std::io::Write;
use std::os::fd::BorrowedFd;

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::signals::Signals;

/// Of an answer, in bytes.
pub const LONGEST: usize = 8192;
/// A control character of a terminal that is switched off (termios(3), _POSIX_VDISABLE).
const NONE: u8 = 0;

/// Whether there is somebody to ask.
pub fn possible() -> bool {
    isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stderr())
}

/// What is typed up to the end of the line.
pub fn line(prompt: &str) -> Result<String> {
    let typed = ask(prompt, false)?;
    Ok(typed.trim().to_string())
}

/// The same without showing it. The terminal is as it was before, whichever way this ends.
pub fn password(prompt: &str) -> Result<Zeroizing<String>> {
    ask(prompt, true)
}

fn ask(prompt: &str, hidden: bool) -> Result<Zeroizing<String>> {
    let nobody = || {
        Fail::new(Stage::Front, "nobody can be asked for the password")
            .why("standard input and error are no terminal")
            .hint("give it by --password-stdin: kakuri registry login -u USER --password-stdin REGISTRY <FILE")
    };
    if !possible() {
        return Err(nobody());
    }
    let input = rustix::stdio::stdin();
    // Blocked before the echo is off: a signal that came in between would end this process with it off.
    let mut signals = Signals::block()?;
    let quiet = hidden.then(|| Quiet::begin(input)).transpose()?;
    let _ = std::io::stderr().write_all(prompt.as_bytes());
    let typed = typed(input, &mut signals, quiet.as_ref());
    drop(quiet);
    match typed? {
        Heard::Line(line) => Ok(line),
        Heard::Signal(signal) => {
            drop(signals);
            // By its own doing, so that whoever waits for this process sees what ended it.
            let _ = nix::sys::signal::raise(signal);
            Err(Fail::new(Stage::Front, "nothing was typed"))
        }
    }
}

enum Heard {
    Line(Zeroizing<String>),
    Signal(nix::sys::signal::Signal),
}

fn typed(input: BorrowedFd, signals: &mut Signals, quiet: Option<&Quiet>) -> Result<Heard> {
    let what = || "cannot read from the terminal".to_string();
    let wrong = |why: &str| Err(Fail::new(Stage::Front, "nothing was typed that can be used").why(why));
    // One buffer that never grows: no copy of it stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        match poll(&mut [PollFd::new(&input, PollFlags::IN), PollFd::new(signals, PollFlags::IN)], None) {
            Err(Errno::INTR) => continue,
            other => other.fail(Stage::Front, what)?,
        };
        while let Some(came) = signals.take() {
            match nix::sys::signal::Signal::try_from(came.signal) {
                Ok(nix::sys::signal::Signal::SIGCONT) => quiet.map_or(Ok(()), Quiet::set)?,
                Ok(nix::sys::signal::Signal::SIGWINCH) | Err(_) => {}
                Ok(signal) => return Ok(Heard::Signal(signal)),
            }
        }
        let ready = poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&rustix::event::Timespec::default()));
        if !ready.is_ok_and(|n| n > 0) {
            continue;
        }
        let mut chunk = Zeroizing::new([0_u8; 1024]);
        let length = match read(input, &mut chunk[..]) {
            Err(Errno::INTR | Errno::AGAIN) => continue,
            other => other.fail(Stage::Front, what)?,
        };
        if length == 0 {
            return wrong("the input has ended");
        }
        if bytes.len() + length > LONGEST {
            return wrong("it is too long");
        }
        bytes.extend_from_slice(&chunk[..length]);
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            return match std::str::from_utf8(&bytes) {
                Ok(line) => Ok(Heard::Line(Zeroizing::new(line.trim_end_matches('\r').into()))),
                Err(_) => wrong("it is not text"),
            };
        }
    }
}

/// A terminal that shows nothing of what is typed but the end of the line. Stopping with ctrl-z would leave it so in
/// the hands of the shell: that key is off too.
struct Quiet<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl Quiet<'_> {
    fn begin(terminal: BorrowedFd<'_>) -> Result<Quiet<'_>> {
        let what = || "cannot switch the terminal's echo off".to_string();
        let before = tcgetattr(terminal).fail(Stage::Front, what)?;
        let quiet = Quiet { terminal, before };
        quiet.set()?;
        Ok(quiet)
    }

    fn set(&self) -> Result<()> {
        let mut modes = self.before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL);
        modes.special_codes[SpecialCodeIndex::VSUSP] = NONE;
        // Flush: what was typed ahead was shown, and was no answer.
        tcsetattr(self.terminal, OptionalActions::Flush, &modes)
            .fail(Stage::Front, || "cannot switch the terminal's echo off".into())
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Half a password that was typed when a signal came is nobody's command.
        let _ = tcflush(self.terminal, rustix::termios::QueueSelector::IFlush);
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
