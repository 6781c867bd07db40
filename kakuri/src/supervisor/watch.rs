//! The loop of a running container.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::{Event as News, FromInit, Status, ToInit};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Life;
use super::presence::Presence;
use super::requests::{Asker, Waits};
use super::sessions::{Drain, Holder, Session};
use crate::cell::{Cell, Uplink};
use crate::control::{self, FromSupervisor};
use crate::logs::{Event, Writer};
use crate::phase::{Asked, Phase};
use crate::plan::Plan;
use crate::process::lost;
use crate::refusals::{Tally, Watch};
use crate::signals::Signals;
use crate::store::{Entry, Lock};

/// Those who ask beside those who hold a session; more of them wait to be heard.
const MOST_ASKERS: usize = 64;
/// When the host asks this process to end, its container is given so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a terminal that nobody has open.
const LOOK: Duration = Duration::from_secs(1);
/// After the time limit the first process is asked to end, and this long after it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// A container with a name that stands.
pub struct Supervisor {
    pub entry: Entry,
    pub lock: Lock,
    /// Where it can be found.
    pub presence: Presence,
    pub cell: Cell,
    pub signals: Signals,
    pub plan: Plan,
    pub log: Option<Writer>,
    /// Milliseconds since 1970.
    pub started: u64,
    pub life: Life,
    pub askers: Vec<Asker>,
    pub next_asker: u32,
    pub sessions: Vec<Session>,
    pub next_session: u32,
    /// The most sessions at a time.
    pub most: usize,
    /// Words of PID 1 that were read while it was spoken to.
    pub heard: VecDeque<(FromInit, Vec<OwnedFd>)>,
    pub had_first: bool,
    pub had_session: bool,
    /// A command has run.
    pub ran: bool,
    pub drains: Vec<Drain>,
    /// Sessions of ours whose link has had its last word.
    pub deaf: Vec<u32>,
    /// Being stopped, and when patience ends.
    pub stopping: Option<Option<Instant>>,
    pub stopped: bool,
    /// When the time limit passes.
    pub due: Option<Instant>,
    pub timed_out: bool,
    /// When terminals that nobody has open are looked at again: they may have been opened anew, and poll tells nothing
    /// of that.
    pub look_again: Instant,
    /// Until when the kernel may count each of those that shared the network and have gone.
    pub departed: Vec<Instant>,
    /// The refused calls of commands that run, and of what they have left running.
    pub watches: Vec<(u32, Watch)>,
    /// The refused calls of all before those.
    pub unwatched: Tally,
    /// What was wrong with the network, for who asks.
    pub troubles: Vec<Fail>,
    pub over: Option<Over>,
}

/// How it ended.
#[derive(Clone, Debug, Default)]
pub struct Over {
    /// Of the first process.
    pub status: Option<Status>,
    pub failure: Option<Fail>,
}

/// Where something came.
#[derive(Clone, Copy)]
enum Source {
    Init,
    Signals,
    Mount,
    Uplink,
    Bus,
    Listener,
    Presence,
    Asker(u32),
    Own(u32),
    Drain(usize),
    Calls,
}

impl Supervisor {
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Ends the loop; the first reason counts.
    pub fn over(&mut self, over: Over) {
        self.over.get_or_insert(over);
    }

    /// Until the container has to end.
    pub fn watch(&mut self) -> Over {
        loop {
            if let Some(over) = self.over.take() {
                return over;
            }
            match self.wait() {
                Ok(ready) => ready.into_iter().for_each(|source| self.attend(source)),
                Err(fail) => self.over(Over { failure: Some(fail), ..Over::default() }),
            }
            while let Some((message, fds)) = self.heard.pop_front() {
                self.heed_init(message, fds);
            }
            self.strike();
        }
    }

    fn wait(&self) -> Result<Vec<Source>> {
        let watched = self.watched();
        let mut fds: Vec<PollFd> = watched.iter().map(|(_, fd)| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let rests = self.drains.iter().any(|drain| drain.rests).then_some(self.look_again);
        let lingers = self.departed.iter().min().copied();
        let next = [self.stopping.flatten(), self.due, rests, lingers].into_iter().flatten().min();
        let left = next.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.map(|l| Timespec { tv_sec: l.as_secs() as i64, tv_nsec: i64::from(l.subsec_nanos()) });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the container").errno(e)),
        }
        let mut ready: Vec<Source> = fds
            .iter()
            .zip(&watched)
            .filter(|(fd, _)| !fd.revents().is_empty())
            .map(|(_, (source, _))| *source)
            .collect();
        // What is taken out of the list of drains must not move one that is still to be attended to.
        ready.reverse();
        Ok(ready)
    }

    /// In the reverse of the order they are attended to in: output first, so that it is in the log before the end it
    /// was written before.
    fn watched(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let mut watched = Vec::with_capacity(8 + self.askers.len() + self.sessions.len() + self.drains.len());
        if self.askers.len() < self.most + MOST_ASKERS {
            watched.push((Source::Listener, self.presence.listener.as_fd()));
        }
        watched.extend(self.presence.changes().map(|changes| (Source::Presence, changes)));
        watched.extend([(Source::Signals, self.signals.as_fd()), (Source::Init, self.cell.link.as_fd())]);
        watched.extend(self.cell.mount.as_ref().map(|mount| (Source::Mount, mount.as_fd())));
        watched.extend(self.cell.uplink.iter().flat_map(Uplink::watched).map(|fd| (Source::Uplink, fd)));
        watched.extend(self.watches.iter().filter_map(|(_, watch)| Some((Source::Calls, watch.fd()?))));
        watched.extend(self.cell.bus.as_ref().map(|bus| (Source::Bus, bus.as_fd())));
        watched.extend(self.askers.iter().map(|asker| (Source::Asker(asker.id), asker.channel.as_fd())));
        for session in &self.sessions {
            if let Holder::Own { link, .. } = &session.holder
                && !self.deaf.contains(&session.id)
            {
                watched.push((Source::Own(session.id), link.as_fd()));
            }
        }
        let drains = self.drains.iter().enumerate().filter(|(_, drain)| !drain.rests);
        watched.extend(drains.map(|(index, drain)| (Source::Drain(index), drain.fd.as_fd())));
        watched
    }

    fn attend(&mut self, source: Source) {
        match source {
            Source::Init => self.hear_init(),
            Source::Signals => {
                while let Some(came) = self.signals.take() {
                    if matches!(came.signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGPWR) {
                        let _ = self.begin_stop(None, PATIENCE);
                    }
                }
            }
            Source::Mount => self.cell.mount = None,
            Source::Uplink => self.hear_uplink(),
            Source::Bus => self.hear_bus(),
            Source::Listener => self.accept(),
            Source::Presence => self.presence.look(&self.entry, &self.lock, self.cell.init_pid),
            Source::Asker(id) => self.hear_asker(id),
            Source::Own(id) => self.hear_own(id),
            Source::Drain(index) => self.drain(index),
            Source::Calls => self.answer_refused(),
        }
    }

    /// The next asker, and what he wants, which has mostly come by now; more of them are shown by the next poll.
    fn accept(&mut self) {
        // Who comes when it is over finds nobody, and looks again when the lock is free.
        if self.over.is_none()
            && let Some(channel) = control::accept(&self.presence.listener)
        {
            let id = self.next_asker;
            self.next_asker = self.next_asker.wrapping_add(1).max(1);
            self.askers.push(Asker { id, channel, waits: Waits::Nothing });
            self.hear_asker(id);
        }
    }

    pub fn tell_init(&mut self, message: &ToInit, fds: &[BorrowedFd]) -> Result<()> {
        self.hand_init(message, None, fds)
    }

    /// The same with a document.
    pub fn hand_init(&mut self, message: &ToInit, enclosed: Option<&[u8]>, fds: &[BorrowedFd]) -> Result<()> {
        log::trace!("to kakuri-init: {message:?}");
        loop {
            match self.cell.link.send_enclosing_now(message, enclosed, fds) {
                // It is ending; its last word is being read.
                Ok(()) | Err(Broken::Closed) => return Ok(()),
                Err(Broken::Late) => self.wait_for_init()?,
                Err(e) => return Err(Fail::new(Stage::Init, "cannot speak to kakuri-init").why(e.to_string())),
            }
        }
    }

    /// PID 1 goes on when its own words are read, so they are while it is waited for: else both would wait for ever.
    fn wait_for_init(&mut self) -> Result<()> {
        let mut fds = [PollFd::new(&self.cell.link, PollFlags::IN | PollFlags::OUT)];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the container").errno(e)),
        }
        if let Ok(heard) = self.cell.link.recv_now() {
            self.heard.push_back(heard);
        }
        Ok(())
    }

    fn hear_init(&mut self) {
        // What was read before comes first.
        while let Some((message, fds)) = self.heard.pop_front() {
            self.heed_init(message, fds);
        }
        match self.cell.link.recv_now() {
            Ok((message, fds)) => self.heed_init(message, fds),
            Err(Broken::Late) => {}
            Err(e) => {
                let failure = Some(lost(&mut self.cell.init, &e));
                self.over(Over { failure, ..Over::default() });
            }
        }
    }

    fn heed_init(&mut self, message: FromInit, fds: Vec<OwnedFd>) {
        log::trace!("from kakuri-init: {message:?}");
        let asked = Asked { hold: true, watched: self.plan.judge.is_some(), ..Asked::default() };
        match (Phase::Running.after_init(&message, asked), message) {
            (_, FromInit::Failed(fail)) | (Err(fail), _) => self.over(Over { failure: Some(fail), ..Over::default() }),
            (Ok(_), FromInit::Session { session, event }) => self.news(session, event),
            (Ok(_), FromInit::Watched { session }) => self.listen(session, fds),
            (Ok(_), _) => {}
        }
    }

    /// What became of a session's command.
    fn news(&mut self, id: u32, news: News) {
        // The terminal of one that has just started comes on its own link, and is wanted before its end.
        let own = self.session(id).is_some_and(|s| s.terminal && matches!(s.holder, Holder::Own { master: None, .. }));
        if own && !self.deaf.contains(&id) && matches!(news, News::Started { .. }) {
            self.hear_own(id);
        }
        let Some(session) = self.session(id) else { return };
        let asker = session.asker.take();
        match news {
            News::Started { pid } => {
                session.pid = Some(pid);
                let event = Event::Started {
                    session: id,
                    pid,
                    command: session.command.clone(),
                    logged: matches!(session.holder, Holder::Own { .. }),
                    terminal: session.terminal,
                };
                if session.first && self.due.is_none() {
                    self.due = self.plan.timeout.and_then(|limit| Instant::now().checked_add(limit));
                }
                self.ran = true;
                self.log_event(&event);
                if let Some(asker) = asker {
                    self.wait_for(asker, Waits::Nothing);
                    self.answer(asker, &FromSupervisor::Started { session: id, pid }, &[]);
                }
            }
            News::Exited(status) => {
                self.drain_session(id);
                self.log_event(&Event::Exited { session: id, status });
                self.gone(id, Over { status: Some(status), failure: None });
            }
            News::Failed(fail) => {
                let command = session.command.first().cloned();
                let fail = self.plan.explain_refused_command(command.as_ref(), fail);
                self.log_event(&Event::Failed { session: id, why: fail.to_string() });
                // Who holds it hears from PID 1 that it failed; only here is known what would have helped.
                let told = self.session(id).and_then(|session| match session.holder {
                    Holder::Asker(holder) => Some(holder),
                    // When nothing is left of the container that ends with it.
                    Holder::Own { .. } if session.first => None,
                    Holder::Own { .. } => asker,
                });
                if let Some(told) = told {
                    self.answer(told, &FromSupervisor::Failed(fail.clone()), &[]);
                }
                self.gone(id, Over { status: None, failure: Some(fail) });
            }
        }
    }

    /// A session less; the container ends with its first, with its last where it is held by nothing else, and when it
    /// is being stopped and nobody is left.
    fn gone(&mut self, id: u32, over: Over) {
        self.deaf.retain(|deaf| *deaf != id);
        self.drains.retain(|drain| drain.session != id || drain.stream != crate::logs::Stream::Terminal);
        let Some(place) = self.sessions.iter().position(|session| session.id == id) else { return };
        let Session { first, holder, .. } = self.sessions.remove(place);
        self.disappoint(id);
        self.tell_refused(id, first, &holder);
        if first {
            self.over(over);
        } else if self.sessions.is_empty()
            && (self.stopping.is_some() || (self.life == Life::WhileUsed && !self.is_used()))
        {
            self.over(Over::default());
        } else if let Holder::Asker(holder) = holder
            && self.askers.iter().any(|asker| asker.id == holder && asker.waits == Waits::Stand)
        {
            self.wait_for(holder, Waits::Nothing);
            self.answer(holder, &FromSupervisor::Done, &[]);
        }
    }

    /// Time limits: of the first process, and of who is being stopped.
    fn strike(&mut self) {
        // PID 1 may be collected by now, and its number another's.
        if self.over.is_some() {
            return;
        }
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            if self.timed_out {
                // From outside: a command can keep PID 1 waiting, which passes signals on.
                self.kill();
            } else {
                self.due = now.checked_add(GRACE);
                self.timed_out = true;
                let _ = self.signal(libc::SIGTERM);
            }
        }
        if self.stopping.flatten().is_some_and(|due| due <= now) {
            self.kill();
        }
        self.forget_departed();
        if self.look_again <= now {
            self.drains.iter_mut().for_each(|drain| drain.rests = false);
            self.look_again = now + LOOK;
        }
    }

    /// Ends the container with all in it. Its first process is told apart from one that ended by itself.
    fn kill(&mut self) {
        let first = self.sessions.iter().any(|session| session.first && session.pid.is_some());
        let status = first.then_some(Status::Signal { signal: libc::SIGKILL, core: false });
        self.over(Over { status, failure: None });
    }
}
