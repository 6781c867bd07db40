//! The talk with the front: one phase after the other, then the loop of a running container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::{Channel, Kernelfs, document};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{DumpableBehavior, Pid, Signal, pidfd_send_signal, set_dumpable_behavior, setsid};

use crate::launch::{Launch, launch};
use crate::nsfs::Proc;
use crate::reap::{Child, Signals, collect};
use crate::terminal;
use crate::{FromInit, Process, Setup, Status, ToInit};

pub struct Session {
    link: Channel,
    /// The front's pidfd: a second sign of its end, which nothing can hold back.
    front: Option<OwnedFd>,
}

/// A start, parsed.
pub struct Start {
    process: Process,
    inherited: Vec<OwnedFd>,
    passed: Vec<OwnedFd>,
}

impl Session {
    pub fn new(link: Channel) -> Session {
        Session { link, front: None }
    }

    /// Reports the failure; the exit code of this process, which nobody reads.
    pub fn fail(&self, fail: Fail) -> u8 {
        let _ = self.link.send(&FromInit::Failed(fail), &[]);
        CODE_FAILED
    }

    fn recv(&self) -> Result<(ToInit, Vec<OwnedFd>)> {
        self.link.recv().map_err(|e| Fail::new(Stage::Init, "lost kakuri").why(e.to_string()))
    }

    fn unexpected<T>(message: &ToInit) -> Result<T> {
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
                self.front = fds.pop();
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

    fn send(&self, message: &FromInit, fds: &[BorrowedFd]) -> Result<()> {
        self.link.send(message, fds).map_err(|e| Fail::new(Stage::Init, "lost kakuri").why(e.to_string()))
    }

    /// Phase two: the user's words. Called without any capability.
    pub fn start(&self) -> Result<Start> {
        let (message, mut fds) = self.recv()?;
        let ToInit::Start { inherited, .. } = message else { return Self::unexpected(&message) };
        let broken = || Fail::new(Stage::Init, "received a start that does not fit its descriptors");
        let passed = fds.split_off(1 + usize::from(inherited));
        let inherited = fds.split_off(1);
        let process: Process = document::read(Stage::Init, fds.pop().ok_or_else(broken)?)?;
        let own = process.terminal.iter().filter(|&&t| t).count();
        let ascending = process.pass.windows(2).all(|w| w[0] < w[1]) && process.pass.iter().all(|&n| n > 2);
        if inherited.len() + own != 3 || passed.len() != process.pass.len() || !ascending {
            return Err(broken());
        }
        Ok(Start { process, inherited, passed })
    }

    /// Phase three: the root and the network stand.
    pub fn go(&self) -> Result<()> {
        match self.recv()? {
            (ToInit::Go, _) => Ok(()),
            (other, _) => Self::unexpected(&other),
        }
    }

    /// Runs the command and minds the container until it ends.
    ///
    /// Only now undumpable: before, kakuri-mount could not have joined by pidfd. From here on the payload can
    /// read nothing of us below /proc/1.
    pub fn run(&mut self, start: Start, user: OwnedFd) -> Result<u8> {
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .fail(Stage::Init, || "cannot hide from the payload".into())?;
        let mut signals = Signals::children_only()?;
        let child = self.launch(start, &user, &signals)?;
        let status = self.mind(&mut signals, &child)?;
        // The kernel kills whatever else is in the namespace once we end; the front need not wait for that.
        self.send(&FromInit::Exited(status), &[])?;
        Ok(0)
    }

    fn launch(&self, start: Start, user: &OwnedFd, signals: &Signals) -> Result<Child> {
        let process = &start.process;
        let wants = process.terminal.contains(&true);
        let terminal =
            if wants { Some(terminal::open(&terminal::open_devpts()?, process.window.as_ref())?) } else { None };
        let slave = terminal.as_ref().map(|t| t.slave.as_fd());
        let mut given = start.inherited.iter();
        let mut stdio = [user.as_fd(); 3];
        for (place, own) in stdio.iter_mut().zip(process.terminal) {
            let source = if own { slave } else { given.next().map(AsFd::as_fd) };
            *place = source.ok_or_else(|| Fail::new(Stage::Init, "received a start that lacks a descriptor"))?;
        }
        let child = launch(&Launch {
            process,
            user: user.as_fd(),
            stdio,
            terminal: slave,
            passed: &start.passed,
            mask: &signals.inherited,
        })?;
        let master: Vec<BorrowedFd> = terminal.iter().map(|t| t.master.as_fd()).collect();
        self.send(&FromInit::Started { pid: child.pid, terminal: wants }, &master)?;
        // Every copy of the payload's descriptors in this process ends with this function: a pipe's reader
        // must see its end when the payload closes it, not when the container ends.
        Ok(child)
    }

    /// Waits for the command, the front's words, and the front's end.
    fn mind(&mut self, signals: &mut Signals, child: &Child) -> Result<Status> {
        let gone = || Fail::new(Stage::Init, "lost kakuri");
        let front = self.front.as_ref().ok_or_else(gone)?;
        loop {
            let mut fds = [
                PollFd::new(&signals.fd, PollFlags::IN),
                PollFd::new(&self.link, PollFlags::IN),
                PollFd::new(front, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(Fail::new(Stage::Init, "cannot wait").errno(e)),
            }
            let [children, link, front] = fds.map(|fd| !fd.revents().is_empty());
            if children {
                while signals.take().is_some() {}
                if let Some(status) = collect(child.pid)? {
                    return Ok(status);
                }
            }
            if front {
                return Err(gone());
            }
            if link {
                self.obey(child)?;
            }
        }
    }

    fn obey(&self, child: &Child) -> Result<()> {
        match self.recv()? {
            (ToInit::Signal { session: 0, signal, group }, _) => {
                // Not yet collected, so neither the pid nor its group can be another's.
                let Some(named) = Signal::from_named_raw(signal) else {
                    return Self::unexpected(&ToInit::Signal { session: 0, signal, group });
                };
                let group = group.then(|| Pid::from_raw(child.pid)).flatten();
                let _ = match group {
                    Some(pid) => rustix::process::kill_process_group(pid, named),
                    None => pidfd_send_signal(&child.pidfd, named),
                };
                Ok(())
            }
            (other, _) => Self::unexpected(&other),
        }
    }
}
