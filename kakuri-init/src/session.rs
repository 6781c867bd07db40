//! A running command and who holds it: the words on its link, signals, hang-up. No capability.

use std::os::fd::{AsFd, BorrowedFd};

use kakuri_wire::Channel;
use kakuri_wire::channel::Broken;
use rustix::process::{Pid, Signal, kill_process_group, pidfd_send_signal};

use crate::command::Started;
use crate::front::shorten;
use crate::reap::Child;
use crate::{Fail, FromSession, Status, ToSession, Usage};

/// A command that runs, or that nobody has collected yet: neither its pid nor its group can be another's.
pub struct Session {
    /// 0 is the command of Start, which has no link of its own.
    pub number: u32,
    child: Child,
    /// None once it has hung up.
    link: Option<Channel>,
}

impl Session {
    /// The command of Start: told of on the front's own link.
    pub fn first(child: Child) -> Session {
        Session { number: 0, child, link: None }
    }

    /// Tells the holder, and keeps its link for as long as it listens.
    pub fn open(number: u32, started: Started, link: Channel) -> Session {
        let Started { child, master } = started;
        let word = FromSession::Started { pid: child.pid, terminal: master.is_some() };
        let mut session = Session { number, child, link: Some(link) };
        session.say(&word, &master.iter().map(AsFd::as_fd).collect::<Vec<_>>());
        session
    }

    /// Tells the holder why there is no session.
    pub fn refuse(link: &Channel, fail: Fail) {
        let _ = link.send_now(&FromSession::Failed(shorten(fail)), &[]);
    }

    pub fn pid(&self) -> i32 {
        self.child.pid
    }

    pub fn link(&self) -> Option<&Channel> {
        self.link.as_ref()
    }

    /// The command has been collected: its last word, and the end of its link.
    pub fn end(mut self, status: Status, usage: Usage) {
        if let Some(link) = self.link.take() {
            let _ = link.send_now(&FromSession::Exited { status, usage }, &[]);
        }
    }

    /// One word of the holder, or its hang-up.
    pub fn obey(&mut self) {
        let Some(link) = &self.link else { return };
        match link.recv_now() {
            Ok((ToSession::Signal { signal, group }, _)) => match Signal::from_named_raw(signal) {
                Some(named) => self.signal(named, group),
                None => self.hang_up(),
            },
            Err(Broken::Late) => {}
            // Its end, or what is no message: either way nobody is there who could be understood.
            Err(_) => self.hang_up(),
        }
    }

    /// To the command, or to its whole process group.
    pub fn signal(&self, signal: Signal, group: bool) {
        let group = group.then(|| Pid::from_raw(self.child.pid)).flatten();
        let _ = match group {
            Some(pid) => kill_process_group(pid, signal),
            None => pidfd_send_signal(&self.child.pidfd, signal),
        };
    }

    fn say(&mut self, word: &FromSession, fds: &[BorrowedFd]) {
        if self.link.as_ref().is_some_and(|link| link.send_now(word, fds).is_err()) {
            self.hang_up();
        }
    }

    /// What a terminal that goes away does to its session; continued, so that what is stopped hears it. What ignores it
    /// lives on and is collected like any other.
    fn hang_up(&mut self) {
        if self.link.take().is_some() {
            self.signal(Signal::HUP, true);
            self.signal(Signal::CONT, true);
        }
    }
}
