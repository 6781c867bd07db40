//! What 0-2 of the caller are.

use std::os::fd::{BorrowedFd, OwnedFd};

use kakuri_init::terminal::SPECIAL;
use kakuri_init::{Modes, Window};
use kakuri_wire::fail::{OrFail, Result, Stage};
use rustix::fs::{FileType, fstat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::getpgrp;
use rustix::termios::{isatty, tcgetattr, tcgetpgrp, tcgetwinsize};

use crate::plan;

/// What 0-2 of the caller are, looked at once.
pub struct Caller {
    pub terminal: [bool; 3],
    /// A terminal among them: the one the user looks at.
    pub(super) tty: Option<OwnedFd>,
    /// Standard output is a pipe: another program of the pipeline may read the same terminal.
    pub(super) piped: bool,
}

impl Caller {
    pub fn look() -> Result<Caller> {
        let stdio = stdio();
        let terminal = stdio.map(isatty);
        // Output first: what is written must appear where the user expects it.
        let tty = [1, 2, 0].into_iter().find(|&n| terminal[n]).map(|n| keep(stdio[n])).transpose()?;
        let piped = fstat(stdio[1])
            .is_ok_and(|s| matches!(FileType::from_raw_mode(s.st_mode), FileType::Fifo | FileType::Socket));
        Ok(Caller { terminal, tty, piped })
    }

    /// Which of 0-2 become the container's own terminal.
    pub fn replaced(&self, wanted: plan::Terminal) -> [bool; 3] {
        match wanted {
            plan::Terminal::Auto => self.terminal,
            plan::Terminal::Always => [true; 3],
            plan::Terminal::Never => [false; 3],
        }
    }

    /// Size and modes for the container's terminal to start with.
    pub fn window(&self) -> Option<Window> {
        let tty = self.tty.as_ref()?;
        let size = tcgetwinsize(tty).ok()?;
        // In the background they are somebody else's: of the shell's prompt, most likely.
        let modes = tcgetattr(tty).ok().filter(|_| !behind(tty)).map(|t| Modes {
            input: t.input_modes.bits(),
            output: t.output_modes.bits(),
            control: t.control_modes.bits(),
            local: t.local_modes.bits(),
            special: SPECIAL.iter().map(|&index| t.special_codes[index]).collect(),
        });
        Some(Window { rows: size.ws_row, columns: size.ws_col, modes })
    }
}

/// The caller's 0-2, borrowed.
pub fn stdio() -> [BorrowedFd<'static>; 3] {
    [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()]
}

/// In the background of a terminal whose foreground is another job.
pub(super) fn behind(tty: &OwnedFd) -> bool {
    tcgetpgrp(tty).is_ok_and(|group| group != getpgrp())
}

pub(super) fn keep(fd: BorrowedFd) -> Result<OwnedFd> {
    fcntl_dupfd_cloexec(fd, 3).fail(Stage::Front, || "cannot keep the terminal open".into())
}
