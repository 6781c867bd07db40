//! A command as it came over the link, and its start in this container: the one way in for the first command and for
//! those of sessions. No capability.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Channel, document};
use nix::sys::signal::SigSet;
use rustix::process::Rlimit;

use crate::landlock;
use crate::launch::{Launch, launch};
use crate::reap::Child;
use crate::terminal;
use crate::{Landlock, Process};

/// A command with its descriptors, parsed.
pub struct Command {
    process: Process,
    inherited: Vec<OwnedFd>,
    passed: Vec<OwnedFd>,
}

/// What every command of this container is started from.
pub struct Ground {
    /// P.
    pub user: OwnedFd,
    /// The mask this process was born with.
    pub mask: SigSet,
    /// The root of the container's devpts, opened before any command ran; None where it is known that no command wants
    /// a terminal.
    pub devpts: Option<OwnedFd>,
    /// The limit of open files to give back, where this process raised its own.
    pub files: Option<Rlimit>,
    /// The Landlock rules of every command, once the first one has brought them.
    pub ruleset: OnceCell<OwnedFd>,
}

impl Ground {
    /// Those that were made for the first command, before anything inside had run; what later ones bring is the same.
    fn rules(&self, landlock: &Landlock) -> Result<BorrowedFd<'_>> {
        if self.ruleset.get().is_none() {
            // Nobody else fills it: PID 1 has one thread.
            let _ = self.ruleset.set(landlock::make(landlock, self.user.as_fd())?);
        }
        let lost = || Fail::new(Stage::Init, "lost the Landlock rules");
        self.ruleset.get().map(AsFd::as_fd).ok_or_else(lost)
    }
}

/// A command whose image is loaded.
pub struct Started {
    pub child: Child,
    /// The master of its terminal.
    pub master: Option<OwnedFd>,
}

impl Command {
    /// `fds` are the document where it is not enclosed, `inherited` ones for 0-2, then the passed ones.
    pub fn read(inherited: u8, enclosed: Option<&[u8]>, mut fds: Vec<OwnedFd>) -> Result<Command> {
        let broken = || Fail::new(Stage::Init, "received a start that does not fit its descriptors");
        let process: Process = document::unpack(Stage::Init, enclosed, &mut fds, 0)?;
        if fds.len() < usize::from(inherited) {
            return Err(broken());
        }
        let passed = fds.split_off(usize::from(inherited));
        let inherited = fds;
        let own = process.terminal.iter().filter(|&&t| t).count();
        let ascending = process.pass.windows(2).all(|w| w[0] < w[1]);
        // The very last number is none that a descriptor can have, and the one above it is no number.
        let possible = process.pass.iter().all(|n| (3..i32::MAX).contains(n));
        if inherited.len() + own != 3 || passed.len() != process.pass.len() || !ascending || !possible {
            return Err(broken());
        }
        Ok(Command { process, inherited, passed })
    }

    pub fn wants_terminal(&self) -> bool {
        self.process.terminal.contains(&true)
    }

    /// Every copy of the command's descriptors in this process ends with this function: a pipe's reader must see its
    /// end when the command closes it, not when the container ends.
    /// `watch`: who is told of a filter that has calls wait, and under which number.
    pub fn start(self, ground: &Ground, watch: (&Channel, u32)) -> Result<Started> {
        let Command { process, inherited, passed } = self;
        let lacking = || Fail::new(Stage::Init, "received a start that lacks a descriptor");
        let terminal = if process.terminal.contains(&true) {
            let devpts = ground.devpts.as_ref().ok_or_else(lacking)?;
            Some(terminal::open(devpts, process.window.as_ref())?)
        } else {
            None
        };
        let slave = terminal.as_ref().map(|t| t.slave.as_fd());
        let mut given = inherited.iter();
        let mut stdio = [ground.user.as_fd(); 3];
        for (place, own) in stdio.iter_mut().zip(process.terminal) {
            let source = if own { slave } else { given.next().map(AsFd::as_fd) };
            *place = source.ok_or_else(lacking)?;
        }
        let ruleset = process.landlock.as_ref().map(|landlock| ground.rules(landlock)).transpose()?;
        let child = launch(&Launch {
            process: &process,
            user: ground.user.as_fd(),
            stdio,
            terminal: slave,
            passed: &passed,
            mask: &ground.mask,
            files: ground.files.as_ref(),
            watch: process.watched.then_some(watch),
            ruleset,
        })?;
        Ok(Started { child, master: terminal.map(|t| t.master) })
    }
}
