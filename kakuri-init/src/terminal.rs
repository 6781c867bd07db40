//! The container's own terminal: a pty of its own devpts, whatever terminals the caller has. No capability.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Winsize, tcgetattr,
    tcsetattr, tcsetwinsize,
};

use crate::{Modes, Window};

/// Both ends of a new terminal.
pub struct Terminal {
    pub master: OwnedFd,
    pub slave: OwnedFd,
}

/// The root of the container's devpts, kept because the payload's root may put something else at /dev/pts
/// later; opened before the payload runs.
pub fn open_devpts() -> Result<OwnedFd> {
    openat(CWD, "/dev/pts", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
        .fail(Stage::Init, || "cannot open the container's /dev/pts".into())
}

/// A new terminal of that devpts, sized and set like the caller's.
pub fn open(devpts: &impl AsFd, window: Option<&Window>) -> Result<Terminal> {
    let what = || "cannot make a terminal".to_string();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let master = openat(devpts, "ptmx", flags, Mode::empty()).fail(Stage::Init, what)?;
    rustix::pty::unlockpt(&master).fail(Stage::Init, what)?;
    // By the master, not by a path the payload could have replaced.
    let slave = sys::pty_peer(master.as_fd()).fail(Stage::Init, what)?;
    if let Some(window) = window {
        let size = Winsize { ws_row: window.rows, ws_col: window.columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).fail(Stage::Init, what)?;
        if let Some(modes) = &window.modes {
            set_modes(&slave, modes)?;
        }
    }
    Ok(Terminal { master, slave })
}

fn set_modes(slave: &OwnedFd, modes: &Modes) -> Result<()> {
    let what = || "cannot set the terminal's modes".to_string();
    let mut termios = tcgetattr(slave).fail(Stage::Init, what)?;
    termios.input_modes = InputModes::from_bits_retain(modes.input);
    termios.output_modes = OutputModes::from_bits_retain(modes.output);
    termios.control_modes = ControlModes::from_bits_retain(modes.control);
    termios.local_modes = LocalModes::from_bits_retain(modes.local);
    if modes.special.len() > SPECIAL.len() {
        return Err(Fail::new(Stage::Init, what()).why("more special characters than termios has"));
    }
    for (&index, &value) in SPECIAL.iter().zip(&modes.special) {
        termios.special_codes[index] = value;
    }
    tcsetattr(slave, OptionalActions::Now, &termios).fail(Stage::Init, what)
}

/// The special characters a terminal hands on, in the order of [`Modes::special`].
pub const SPECIAL: [SpecialCodeIndex; 15] = [
    SpecialCodeIndex::VINTR,
    SpecialCodeIndex::VQUIT,
    SpecialCodeIndex::VERASE,
    SpecialCodeIndex::VKILL,
    SpecialCodeIndex::VEOF,
    SpecialCodeIndex::VTIME,
    SpecialCodeIndex::VMIN,
    SpecialCodeIndex::VSTART,
    SpecialCodeIndex::VSTOP,
    SpecialCodeIndex::VSUSP,
    SpecialCodeIndex::VEOL,
    SpecialCodeIndex::VREPRINT,
    SpecialCodeIndex::VDISCARD,
    SpecialCodeIndex::VWERASE,
    SpecialCodeIndex::VLNEXT,
];
