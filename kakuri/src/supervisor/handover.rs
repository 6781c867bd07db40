//! Sessions that change hands: left by who held them, taken over by who attaches.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{Fail, Result, Stage};

use super::requests::Waits;
use super::sessions::{Holder, Session};
use super::watch::Supervisor;
use crate::control::FromSupervisor;

impl Supervisor {
    /// A session comes back: it goes on with its output in the log, or with who waits for it.
    pub fn keep(&mut self, id: u32, session: u32, mut fds: Vec<OwnedFd>) -> Result<()> {
        let (Some(master), Some(link)) = (fds.pop(), fds.pop()) else { return Ok(()) };
        // Ended meanwhile: both ends go.
        let Some(kept) = self.session(session).filter(|kept| matches!(kept.holder, Holder::Asker(a) if a == id)) else {
            return Ok(());
        };
        kept.holder = Holder::Own { link: link.into(), master: master.try_clone().ok() };
        self.drain_terminal(session, master);
        // The first who is still there.
        for next in self.waiting_for(session) {
            self.hand_over(next, session)?;
            if self.session(session).is_some_and(|kept| matches!(kept.holder, Holder::Asker(_))) {
                break;
            }
        }
        Ok(())
    }

    /// The terminal of the first process, else of the session that was left last.
    pub fn attach(&mut self, id: u32) -> Result<()> {
        let none = || {
            Fail::new(Stage::Front, format!("the container '{}' has no process to attach to", self.name()))
                .hint(format!("kakuri shell {} opens a shell in it", self.name()))
        };
        let cannot = |why: &str| {
            Fail::new(Stage::Front, format!("cannot attach to the first process of '{}'", self.name()))
                .why(why)
                .hint(format!("kakuri shell {} opens a shell beside it", self.name()))
        };
        let ours = |s: &&Session| matches!(s.holder, Holder::Own { .. });
        let first = self.sessions.iter().find(|s| s.first);
        let session = first.or_else(|| self.sessions.iter().rev().find(ours)).ok_or_else(none)?;
        let (number, pid) = (session.id, session.pid);
        match (&session.holder, session.terminal) {
            (Holder::Own { .. }, true) if pid.is_some() => self.hand_over(id, number),
            (&Holder::Asker(holder), true) if self.askers.iter().any(|asker| asker.id == holder) => {
                self.wait_for(id, Waits::Terminal(number));
                self.answer(holder, &FromSupervisor::Yield, &[]);
                Ok(())
            }
            (Holder::Asker(_), true) => Err(cannot("whoever held its terminal has gone, and the terminal with him")),
            (Holder::Own { .. }, _) => {
                let input = session.input.as_ref().and_then(|input| input.try_clone().ok());
                let fds: Vec<BorrowedFd> = input.iter().map(AsFd::as_fd).collect();
                self.answer(id, &FromSupervisor::Output { session: number, input: input.is_some() }, &fds);
                Ok(())
            }
            (Holder::Asker(_), false) => Err(cannot("its input and output are pipes or files of who started it")),
        }
    }

    /// Gives a session this process holds to an asker.
    fn hand_over(&mut self, id: u32, number: u32) -> Result<()> {
        self.wait_for(id, Waits::End);
        let Some(asker) = self.askers.iter().find(|asker| asker.id == id) else { return Ok(()) };
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == number) else { return Ok(()) };
        let (pid, first) = (session.pid.unwrap_or(0), session.first);
        let Holder::Own { link, master: Some(master) } = &session.holder else {
            return Err(Fail::new(Stage::Front, "its terminal cannot be handed over"));
        };
        let answer = FromSupervisor::Terminal { session: number, pid, first };
        // Kept until it has gone out: with its last holder the command would be hung up.
        if asker.channel.send_now(&answer, &[link.as_fd(), master.as_fd()]).is_err() {
            return Ok(());
        }
        session.holder = Holder::Asker(id);
        self.drains.retain(|drain| drain.session != number);
        // There may be more who want it.
        if self.askers.iter().any(|asker| asker.waits == Waits::Terminal(number)) {
            self.answer(id, &FromSupervisor::Yield, &[]);
        }
        Ok(())
    }

    fn waiting_for(&self, session: u32) -> Vec<u32> {
        let waiting = self.askers.iter().filter(|asker| asker.waits == Waits::Terminal(session));
        waiting.map(|asker| asker.id).collect()
    }

    /// Tells those who wait for the terminal of a session that there is none any more.
    pub fn disappoint(&mut self, number: u32) {
        for id in self.waiting_for(number) {
            self.wait_for(id, Waits::Nothing);
            let fail = Fail::new(Stage::Front, format!("the terminal in '{}' has gone", self.name()))
                .why("its command has ended, or whoever held it has");
            self.answer(id, &FromSupervisor::Failed(fail), &[]);
        }
    }
}
