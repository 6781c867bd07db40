//! The talk with the front: one phase after the other until Go.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::channel::Received;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::{Channel, Kernelfs};
use rustix::process::setsid;

use crate::command::Command;
use crate::nsfs::Proc;
use crate::{Event, FromInit, Setup, ToInit};

pub struct Front {
    pub link: Channel,
    /// The front's pidfd: a second sign of its end, which nothing can hold back.
    pidfd: Option<OwnedFd>,
}

impl Front {
    pub fn new(link: Channel) -> Front {
        Front { link, pidfd: None }
    }

    /// Reports the failure; the exit code of this process, which nobody reads.
    pub fn fail(&self, fail: Fail) -> u8 {
        let _ = self.link.send(&FromInit::Failed(shorten(fail)), &[]);
        CODE_FAILED
    }

    /// A word in its turn; what one out of turn encloses is not looked at.
    pub fn recv(&self) -> Result<(ToInit, Vec<OwnedFd>)> {
        self.recv_enclosing().map(|received| (received.message, received.fds))
    }

    /// One that may enclose a document.
    pub fn recv_enclosing(&self) -> Result<Received<ToInit>> {
        self.link.recv_enclosing().map_err(|e| Fail::new(Stage::Init, "lost kakuri").why(e.to_string()))
    }

    /// The front said what it may not say now, which ends the container.
    pub fn unexpected<T>(message: &ToInit) -> Result<T> {
        let word: String = format!("{message:?}").chars().take(40).collect();
        Err(Fail::new(Stage::Init, "kakuri spoke out of turn").why(word))
    }

    /// Phase one: who is there, and what to make. In a session of its own, so that the caller's terminal is not
    /// this process's, and no key pressed there concerns it.
    pub fn greet(&mut self) -> Result<Setup> {
        setsid().fail(Stage::Init, || "cannot start a session".into())?;
        match self.recv()? {
            (ToInit::Hello(version, setup), mut fds) => {
                version.check(Stage::Init)?;
                self.pidfd = fds.pop();
                Ok(setup)
            }
            (other, _) => Self::unexpected(&other),
        }
    }

    /// What PID 1 made, for kakuri-mount to attach.
    pub fn ready(&self, setup: &Setup, proc: &Proc, queue: Option<OwnedFd>, sys: Option<OwnedFd>) -> Result<()> {
        let mut made = Vec::new();
        let mut fds: Vec<BorrowedFd> = Vec::new();
        if let Proc::Own(fd) = proc
            && setup.filesystems.contains(&Kernelfs::Proc)
        {
            made.push(Kernelfs::Proc);
            fds.push(fd.as_fd());
        }
        for (kind, fd) in [(Kernelfs::Mqueue, &queue), (Kernelfs::Sysfs, &sys)] {
            if let Some(fd) = fd {
                made.push(kind);
                fds.push(fd.as_fd());
            }
        }
        self.send(&FromInit::Ready(made), &fds)
    }

    /// The front reads, or ends: it may be waited for.
    pub fn send(&self, message: &FromInit, fds: &[BorrowedFd]) -> Result<()> {
        self.link.send(message, fds).map_err(|e| Fail::new(Stage::Init, "lost kakuri").why(e.to_string()))
    }

    /// What became of a session, for the record.
    pub fn tell(&self, session: u32, event: Event) -> Result<()> {
        self.send(&FromInit::Session { session, event }, &[])
    }

    pub fn pidfd(&self) -> Result<&OwnedFd> {
        self.pidfd.as_ref().ok_or_else(|| Fail::new(Stage::Init, "lost kakuri"))
    }

    /// Phase two: the user's words, or none where the container holds. Called without any capability.
    pub fn command(&self) -> Result<Option<Command>> {
        let Received { message, enclosed, fds } = self.recv_enclosing()?;
        match message {
            ToInit::Start { inherited, .. } => Command::read(inherited, enclosed.as_deref(), fds).map(Some),
            ToInit::Hold => Ok(None),
            other => Self::unexpected(&other),
        }
    }

    /// Phase three: the root and the network stand.
    pub fn go(&self) -> Result<()> {
        match self.recv()? {
            (ToInit::Go, _) => Ok(()),
            (other, _) => Self::unexpected(&other),
        }
    }
}

/// A failure names what the user typed, which may be longer than any message; what is told of it is not.
pub fn shorten(mut fail: Fail) -> Fail {
    const MOST: usize = 2000;
    for text in [Some(&mut fail.what), fail.why.as_mut(), fail.hint.as_mut()].into_iter().flatten() {
        if let Some((end, _)) = text.char_indices().nth(MOST) {
            text.truncate(end);
            text.push_str("...");
        }
    }
    fail
}
