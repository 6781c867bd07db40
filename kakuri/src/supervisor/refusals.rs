//! The refused system calls of a container's commands: each has a listener of its own, which stays for what the command
//! has left running.

use std::os::fd::OwnedFd;

use super::sessions::Holder;
use super::watch::Supervisor;
use crate::control::FromSupervisor;
use crate::refusals::{Tally, Watch};

impl Supervisor {
    /// A command begins that is listened to. PID 1 says so of each once, before it has started.
    pub fn listen(&mut self, session: u32, fds: Vec<OwnedFd>) {
        let known = self.sessions.iter().any(|running| running.id == session && running.pid.is_none());
        let again = self.watches.iter().any(|(id, _)| *id == session);
        let listener = fds.into_iter().next().filter(|_| known && !again);
        let watch = self.plan.judge.as_ref().zip(listener).and_then(|(judge, fd)| Watch::new(judge, fd));
        self.watches.extend(watch.map(|watch| (session, watch)));
    }

    pub fn answer_refused(&mut self) {
        self.watches.iter_mut().for_each(|(_, watch)| watch.answer());
        self.forget_silent();
    }

    /// Those of whom nobody is left. What a session was refused is told at its end.
    fn forget_silent(&mut self) {
        let sessions = &self.sessions;
        let over =
            |(id, watch): &mut (u32, Watch)| watch.fd().is_none() && !sessions.iter().any(|session| session.id == *id);
        for (_, watch) in self.watches.extract_if(.., over) {
            self.unwatched.merge(watch.tally);
        }
    }

    /// A session has ended; who held it is told, but for the first: that is told with the container's end.
    pub fn tell_refused(&mut self, id: u32, first: bool, holder: &Holder) {
        if self.plan.judge.is_none() {
            return;
        }
        if let (Holder::Asker(asker), false) = (holder, first) {
            let tally = self.watches.iter().find(|watch| watch.0 == id).map(|watch| watch.1.tally.clone());
            self.answer(*asker, &FromSupervisor::Refused(Box::new(tally.unwrap_or_default())), &[]);
        }
        self.forget_silent();
    }

    /// Of all commands so far; None where that is not told.
    pub fn refused(&self) -> Option<Tally> {
        self.plan.judge.as_ref()?;
        let mut all = self.unwatched.clone();
        self.watches.iter().for_each(|(_, watch)| all.merge(watch.tally.clone()));
        Some(all)
    }
}
