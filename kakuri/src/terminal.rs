//! The caller's terminal and the container's: which of 0-2 are replaced, and the relay between the two.
//!
//! The relay parses nothing. The caller's modes are restored wherever it ends.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, openat};
use rustix::io::{Errno, fcntl_dupfd_cloexec, read, write};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

pub mod ask;
mod caller;
mod keys;
pub use caller::{Caller, stdio};
use caller::{behind, keep};
use keys::Keys;

/// How input is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// Every key, the caller's terminal raw: the command has the screen to itself.
    Keys,
    /// Whole lines, the caller's terminal as it is, as long as it is in line mode: a pager later in the
    /// pipeline, which sets it otherwise, keeps its keys. Turns to Keys while the command itself asks for keys.
    Lines,
    /// No terminal: `-t` with a pipe or file as standard input.
    Stream,
}

const CHUNK: usize = 16 * 1024;
/// Ends input on a terminal in line mode (VEOF), once a stream has ended.
const END_OF_FILE: u8 = 4;

/// Bytes between the caller and the container's terminal.
pub struct Relay {
    pub master: OwnedFd,
    input: OwnedFd,
    output: OwnedFd,
    kind: Input,
    saved: Option<Termios>,
    raw: bool,
    reading: bool,
    rests: bool,
    /// Nobody reads what we write: the pipe at `-t`'s standard output has been closed.
    unread: bool,
    to_command: Vec<u8>,
    to_caller: Vec<u8>,
    keys: Option<Keys>,
}

impl Relay {
    /// `all` says that 0-2 are replaced whatever they are (`-t`): then a pipe among them is what is typed, or where
    /// it is shown.
    pub fn new(caller: &Caller, master: OwnedFd, all: bool) -> Result<Relay> {
        let what = || "cannot use the container's terminal".to_string();
        let flags = fcntl_getfl(&master).fail(Stage::Front, what)?;
        // Ours alone: PID 1 has closed its copy. The caller's terminal is shared and never set so.
        fcntl_setfl(&master, flags | OFlags::NONBLOCK).fail(Stage::Front, what)?;
        let stdio = stdio();
        let tty = |fd: BorrowedFd| keep(caller.tty.as_ref().map_or(fd, AsFd::as_fd));
        let output = match caller.terminal[1] {
            false if all || caller.tty.is_none() => keep(stdio[1])?,
            _ => writable(tty(stdio[1])?)?,
        };
        let (kind, input) = match caller.terminal[0] {
            true if caller.piped => (Input::Lines, readable(keep(stdio[0])?)?),
            true => (Input::Keys, readable(keep(stdio[0])?)?),
            false if all || caller.tty.is_none() => (Input::Stream, keep(stdio[0])?),
            false => (Input::Lines, readable(tty(stdio[0])?)?),
        };
        let saved = tcgetattr(&input).ok();
        let mut relay = Relay {
            master,
            input,
            output,
            kind,
            saved,
            raw: false,
            reading: true,
            rests: false,
            unread: false,
            to_command: Vec::new(),
            to_caller: Vec::new(),
            keys: None,
        };
        relay.resume();
        Ok(relay)
    }

    /// Heeds these keys, typed one after the other on a raw terminal: the command is left to itself then. None of them
    /// reaches it.
    pub fn heed_keys(&mut self, keys: Vec<u8>) {
        self.keys = Some(Keys::new(keys)).filter(|_| self.kind != Input::Stream);
    }

    /// Has the command draw its screen anew: it is told of a size it does not have, then of the right one.
    pub fn redraw(&self) {
        if let Ok(size) = tcgetwinsize(&self.output) {
            let other = rustix::termios::Winsize { ws_row: size.ws_row.saturating_add(1), ..size };
            let _ = tcsetwinsize(&self.master, other);
            let _ = tcsetwinsize(&self.master, size);
        }
    }

    /// Gives the caller's terminal back, and the container's to who minds it now.
    pub fn leave(mut self) -> Option<OwnedFd> {
        self.drain_now();
        // Typed before the keys, and read with them.
        if self.has_for_command() {
            self.pass_input();
        }
        self.set_raw(false);
        self.raw = false;
        fcntl_dupfd_cloexec(&self.master, 3).ok()
    }

    /// What has been read of the command's output is shown, and no more of it read.
    fn drain_now(&mut self) {
        while self.has_for_caller() {
            self.pass_output();
        }
    }

    /// Takes the terminal if we are in its foreground; in the background it stays as it is.
    pub fn resume(&mut self) {
        match self.kind {
            Input::Keys => self.set_raw(true),
            Input::Lines => {
                // The caller's terminal echoes what is typed; once is enough.
                if let Ok(mut modes) = tcgetattr(&self.master) {
                    modes.local_modes.remove(LocalModes::ECHO);
                    let _ = tcsetattr(&self.master, OptionalActions::Now, &modes);
                }
            }
            Input::Stream => {}
        }
    }

    /// Every process has closed the container's terminal. The master stays open, because closing it would hang
    /// the command up, which may well go on without a terminal.
    pub fn rest(&mut self) {
        while self.has_for_caller() {
            self.pass_output();
        }
        self.set_raw(false);
        self.rests = true;
    }

    pub fn rests(&self) -> bool {
        self.rests
    }

    /// The caller's terminal has hung up.
    pub fn is_gone(&self) -> bool {
        self.saved.is_some() && tcgetattr(&self.input).is_err_and(|e| e == Errno::IO)
    }

    fn in_foreground(&self) -> bool {
        tcgetpgrp(&self.input).is_ok_and(|group| group == getpgrp())
    }

    /// A job in the background of the caller's shell, which would take what is typed once it is in the foreground.
    pub fn in_background(&self) -> bool {
        let idle = match self.kind {
            Input::Keys => !self.raw,
            Input::Lines => true,
            Input::Stream => false,
        };
        idle && self.reading && !self.rests && behind(&self.input)
    }

    /// From the background to the foreground: the modes to restore are the ones of now.
    pub fn come_forward(&mut self) {
        self.saved = tcgetattr(&self.input).ok();
        self.resume();
        self.resize();
    }

    fn set_raw(&mut self, raw: bool) {
        let Some(saved) = self.saved.as_ref().filter(|_| self.in_foreground()) else { return };
        let mut modes = saved.clone();
        if raw {
            modes.make_raw();
        }
        if tcsetattr(&self.input, OptionalActions::Now, &modes).is_ok() {
            self.raw = raw;
        }
    }

    /// The size changed: the container's terminal follows, which tells the command.
    pub fn resize(&self) {
        if let Ok(size) = tcgetwinsize(&self.output) {
            let _ = tcsetwinsize(&self.master, size);
        }
    }

    /// A signal of the terminal's, raised in line mode: the same key, for whatever is in the foreground inside.
    pub fn press(&mut self, signal: i32) -> bool {
        use rustix::termios::SpecialCodeIndex as Index;
        let index = match signal {
            libc::SIGINT => Index::VINTR,
            libc::SIGQUIT => Index::VQUIT,
            _ => return false,
        };
        let Ok(modes) = tcgetattr(&self.master) else { return false };
        self.to_command.push(modes.special_codes[index]);
        true
    }

    pub fn wants_input(&self) -> bool {
        let usable = match self.kind {
            Input::Stream => true,
            Input::Keys => self.raw,
            // Somebody else's modes: somebody else reads.
            Input::Lines => self.raw || (self.in_foreground() && self.in_line_mode()),
        };
        self.reading && usable && self.to_command.len() < CHUNK
    }

    fn in_line_mode(&self) -> bool {
        tcgetattr(&self.input).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ICANON))
    }

    pub fn wants_output(&self) -> bool {
        self.to_caller.is_empty()
    }

    pub fn has_for_caller(&self) -> bool {
        !self.to_caller.is_empty()
    }

    pub fn has_for_command(&self) -> bool {
        !self.to_command.is_empty()
    }

    pub fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// The caller typed; true once these were the keys to leave by.
    pub fn take_input(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match read(&self.input, &mut buffer) {
            Ok(0) if self.kind == Input::Stream => {
                self.reading = false;
                self.to_command.push(END_OF_FILE);
            }
            Ok(0) if self.kind == Input::Lines && !self.raw => self.to_command.push(END_OF_FILE),
            Ok(n) if n > 0 => match &mut self.keys {
                Some(keys) if self.raw => return keys.pass(&buffer[..n], &mut self.to_command),
                _ => self.to_command.extend_from_slice(&buffer[..n]),
            },
            Err(Errno::INTR | Errno::AGAIN) => {}
            // The terminal is gone; the hang-up comes as a signal.
            _ => self.reading = false,
        }
        false
    }

    pub fn pass_input(&mut self) {
        match write(&self.master, &self.to_command) {
            Ok(n) => drop(self.to_command.drain(..n)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.to_command.clear(),
        }
    }

    /// The command wrote; false once nobody holds its terminal any more.
    pub fn take_output(&mut self) -> bool {
        let mut buffer = [0; CHUNK];
        match read(&self.master, &mut buffer) {
            Ok(0) => return false,
            Ok(n) => self.to_caller.extend_from_slice(&buffer[..n]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
        if self.kind == Input::Lines {
            self.follow();
        }
        true
    }

    /// A command that turns its terminal to keys does so before it draws: so output is the moment to look.
    fn follow(&mut self) {
        let wants_keys = tcgetattr(&self.master).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ICANON));
        if wants_keys != self.raw {
            self.set_raw(wants_keys);
        }
    }

    pub fn pass_output(&mut self) {
        match write(&self.output, &self.to_caller) {
            Ok(n) => drop(self.to_caller.drain(..n)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(e) => {
                self.unread |= e == Errno::PIPE;
                self.to_caller.clear();
            }
        }
    }

    /// True once: the reader of the command's terminal has gone, as with a window that is closed.
    pub fn hung_up(&mut self) -> bool {
        std::mem::take(&mut self.unread)
    }

    /// What the command wrote before it ended is still in its terminal: all of it comes out.
    pub fn drain(&mut self) {
        loop {
            while self.has_for_caller() {
                self.pass_output();
            }
            if !self.take_output() || !self.has_for_caller() {
                return;
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.raw {
            self.set_raw(false);
        }
    }
}

fn access(fd: &OwnedFd) -> OFlags {
    fcntl_getfl(fd).unwrap_or(OFlags::RDWR) & OFlags::RWMODE
}

/// A terminal given write-only as standard output can still be read by its name.
fn readable(fd: OwnedFd) -> Result<OwnedFd> {
    if access(&fd) == OFlags::WRONLY { own_terminal() } else { Ok(fd) }
}

fn writable(fd: OwnedFd) -> Result<OwnedFd> {
    if access(&fd) == OFlags::RDONLY { own_terminal() } else { Ok(fd) }
}

fn own_terminal() -> Result<OwnedFd> {
    openat(CWD, "/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| {
        Fail::new(Stage::Front, "cannot open /dev/tty").errno(e).hint("-T runs the command without a terminal")
    })
}
