//! The commands that run in the container, who holds each, and what of their output goes to the log.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kakuri_init::{FromSession, ToInit};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, Channel, document};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, openat};
use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, pipe_with};

use super::watch::Supervisor;
use super::{life, order};
use crate::control::{Order, Session as Shown};
use crate::logs::{Event, Stream, Writer};
use crate::rights;

/// A command that runs, or is about to.
pub struct Session {
    pub id: u32,
    pub command: Vec<Bytes>,
    /// Inside; none until it has started.
    pub pid: Option<i32>,
    pub first: bool,
    pub terminal: bool,
    pub holder: Holder,
    /// Milliseconds since 1970.
    pub started: u64,
    /// Who is to be told that it has started.
    pub asker: Option<u32>,
    /// The writing end of a detached command's standard input.
    pub input: Option<OwnedFd>,
}

/// Who has the session's link and terminal.
pub enum Holder {
    /// The asker of this number.
    Asker(u32),
    Own {
        link: Channel,
        /// Kept beside what drains it, because closing the last one hangs the command up.
        master: Option<OwnedFd>,
    },
}

/// Something a detached command writes to.
pub struct Drain {
    pub session: u32,
    pub stream: Stream,
    pub fd: OwnedFd,
    /// Nobody has it open any more, but a terminal may be opened again.
    pub rests: bool,
}

/// Read at once; a pipe holds this much.
const CHUNK: usize = 64 * 1024;
/// The most a pipe of a command's can be made to hold (pipe-max-size): what was written before an end is no more.
const MOST_HELD: usize = 1024 * 1024;

impl Supervisor {
    /// Starts a command for an asker who will hold it. `fds` are those the request brought, after its document.
    pub fn run(&mut self, asker: u32, order: &Order, inherited: u8, passed: u8, fds: Vec<OwnedFd>) -> Result<u32> {
        let fds: Vec<BorrowedFd> = fds.iter().map(AsFd::as_fd).collect();
        let link = fds.first().copied().ok_or_else(unfit)?;
        self.start(order, link, &fds[1..], (inherited, passed), Holder::Asker(asker), None)
    }

    /// Starts a command whose output goes to the log.
    pub fn run_detached(&mut self, asker: u32, order: &Order) -> Result<u32> {
        let what = || "cannot make the pipes of the command".to_string();
        let (link, far) = Channel::pair().fail(Stage::Front, what)?;
        let holder = Holder::Own { link, master: None };
        if order.terminal.contains(&true) {
            return self.start(order, far.as_fd(), &[], (0, 0), holder, Some(asker));
        }
        let pipe = || pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, what);
        let (stdin, input) = if order.interactive {
            let (reader, writer) = pipe()?;
            (reader, Some(writer))
        } else {
            let null = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            (null.fail(Stage::Front, what)?, None)
        };
        let ((out, out_end), (err, err_end)) = (pipe()?, pipe()?);
        // The command can open a reading end of its own by /proc and take away what poll has just shown.
        for end in [&out, &err] {
            fcntl_setfl(end, OFlags::NONBLOCK).fail(Stage::Front, what)?;
        }
        let fds = [stdin.as_fd(), out_end.as_fd(), err_end.as_fd()];
        if self.plan.mount.is_mapped() {
            rights::lend_pipes(&fds);
        }
        let id = self.start(order, far.as_fd(), &fds, (3, 0), holder, Some(asker))?;
        for (stream, fd) in [(Stream::Out, out), (Stream::Err, err)] {
            self.drains.push(Drain { session: id, stream, fd, rests: false });
        }
        if let Some(session) = self.session(id) {
            session.input = input;
        }
        Ok(id)
    }

    fn start(
        &mut self,
        order: &Order,
        link: BorrowedFd,
        fds: &[BorrowedFd],
        (inherited, passed): (u8, u8),
        holder: Holder,
        asker: Option<u32>,
    ) -> Result<u32> {
        let own = order.terminal.iter().filter(|&&own| own).count();
        if usize::from(inherited) + own != 3 || usize::from(passed) != order.pass.len() {
            return Err(unfit());
        }
        // A session that is listened to has a descriptor more, for as long as what it has left running lives.
        let most = if self.plan.judge.is_some() { self.most * 6 / 7 } else { self.most };
        if self.sessions.len().max(self.watches.len()) >= most {
            let name = self.name();
            return Err(Fail::new(Stage::Front, format!("{most} commands run in '{name}' already"))
                .why("as many as the limit of open files allows")
                .hint(format!("raise it (ulimit -n), and start the container anew: kakuri restart {name}")));
        }
        if order.first && self.had_first {
            return Err(Fail::new(
                Stage::Front,
                format!("the container '{}' has a first process already", self.name()),
            )
            .hint(format!("kakuri exec {} CMD runs another beside it", self.name())));
        }
        let mut process = order::process(&self.plan, order, self.cell.init_pid)?;
        if let (Some(ids), Holder::Own { .. }) = (&mut process.ids, &holder) {
            ids.pipes = true;
        }
        let document = document::pack(Stage::Front, &process)?;
        let id = self.next_session;
        self.next_session += 1;
        let mut all = vec![link];
        all.extend(document.descriptor());
        all.extend(fds);
        self.hand_init(&ToInit::Session { session: id, inherited, passed }, document.enclosed(), &all)?;
        self.had_first |= order.first;
        self.had_session = true;
        self.sessions.push(Session {
            id,
            command: process.argv,
            pid: None,
            first: order.first,
            terminal: own > 0,
            holder,
            started: life::now(),
            asker,
            input: None,
        });
        Ok(id)
    }

    pub fn session(&mut self, id: u32) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    /// Word for a session this process holds itself.
    pub fn hear_own(&mut self, id: u32) {
        let Some(session) = self.session(id) else { return };
        let Holder::Own { link, master } = &mut session.holder else { return };
        match link.recv_within::<FromSession>(Duration::ZERO) {
            Ok((FromSession::Started { terminal: true, .. }, mut fds)) => {
                let Some(fd) = fds.pop() else { return };
                *master = fd.try_clone().ok();
                self.drain_terminal(id, fd);
            }
            Ok((FromSession::Started { .. }, _)) | Err(Broken::Late) => {}
            // It is told on PID 1's link too, which ends the session; this link has had its last word.
            Ok((FromSession::Exited { .. } | FromSession::Failed(_), _)) | Err(_) => self.deaf.push(id),
        }
    }

    /// From now on what is written to this terminal goes to the log.
    pub fn drain_terminal(&mut self, session: u32, fd: OwnedFd) {
        if let Ok(flags) = fcntl_getfl(&fd) {
            let _ = fcntl_setfl(&fd, flags | OFlags::NONBLOCK);
        }
        self.drains.push(Drain { session, stream: Stream::Terminal, fd, rests: false });
    }

    /// A command wrote.
    pub fn drain(&mut self, index: usize) {
        let Some(drain) = self.drains.get_mut(index) else { return };
        let mut buffer = [0; CHUNK];
        match read(&drain.fd, &mut buffer) {
            Ok(n) if n > 0 => {
                if let Some(log) = &mut self.log {
                    log.output(drain.session, drain.stream, &buffer[..n]);
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            _ if drain.stream == Stream::Terminal => drain.rests = true,
            _ => drop(self.drains.remove(index)),
        }
    }

    /// What a command wrote before its end belongs before it in the log. Others may go on to write to the same pipe:
    /// they are not waited for.
    pub fn drain_session(&mut self, id: u32) {
        for drain in self.drains.iter().filter(|drain| drain.session == id) {
            empty(drain, self.log.as_mut());
        }
    }

    /// What was written before the end of the container is still in the pipes.
    pub fn drain_all(&mut self) {
        for drain in std::mem::take(&mut self.drains) {
            empty(&drain, self.log.as_mut());
        }
    }

    pub fn log_event(&mut self, event: &Event) {
        if let Some(log) = &mut self.log {
            log.event(event);
        }
    }

    /// As told to who looks.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |session: &Session| Shown {
            session: session.id,
            command: session.command.clone(),
            pid: session.pid,
            first: session.first,
            terminal: session.terminal,
            logged: matches!(session.holder, Holder::Own { .. }),
            started: session.started,
        };
        self.sessions.iter().map(shown).collect()
    }
}

/// What is there to be read now, and no more.
fn empty(drain: &Drain, mut log: Option<&mut Writer>) {
    let mut buffer = [0; CHUNK];
    let mut left = MOST_HELD;
    while left > 0 && is_ready(&drain.fd) {
        match read(&drain.fd, &mut buffer) {
            Ok(n) if n > 0 => {
                if let Some(log) = &mut log {
                    log.output(drain.session, drain.stream, &buffer[..n]);
                }
                left = left.saturating_sub(n);
            }
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

fn is_ready(fd: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::IN)
}

fn unfit() -> Fail {
    Fail::new(Stage::Front, "received a command that does not fit its descriptors")
}
