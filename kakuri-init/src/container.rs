//! The loop of a running container: its commands, the words of the front and of those who hold sessions. No capability.

use std::cell::OnceCell;
use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::channel::Received;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::{Channel, sys};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior, setrlimit};

use crate::command::{Command, Ground};
use crate::front::{Front, shorten};
use crate::reap::{Signals, next_ended};
use crate::session::Session;
use crate::terminal::open_devpts;
use crate::{Event, FromInit, Status, ToInit, Usage};

/// Descriptors kept free beside those of the sessions that run (two each): what one more message may carry, its
/// places in the child, and our own.
const RESERVE: u64 = 160;

pub struct Container<'a> {
    front: &'a Front,
    ground: Ground,
    signals: Signals,
    running: Vec<Session>,
    /// None where the container has a command of its own and takes no session.
    hold: Option<Hold>,
    /// What orphans used.
    orphans: Usage,
}

struct Hold {
    /// The number of the session asked for last.
    last: u32,
    /// The most sessions at a time.
    most: usize,
}

impl Container<'_> {
    /// Runs the one command and minds the container until it ends.
    pub fn run(front: &Front, command: Command, user: OwnedFd) -> Result<u8> {
        let signals = settle()?;
        let devpts = if command.wants_terminal() { Some(open_devpts()?) } else { None };
        let ground = Ground { user, mask: signals.inherited, devpts, files: None, ruleset: OnceCell::new() };
        let started = command.start(&ground, (&front.link, 0))?;
        let word = FromInit::Started { pid: started.child.pid, terminal: started.master.is_some() };
        match &started.master {
            Some(master) => front.send(&word, &[master.as_fd()])?,
            None => front.send(&word, &[])?,
        }
        drop(started.master);
        let running = vec![Session::first(started.child)];
        Container { front, ground, signals, running, hold: None, orphans: Usage::default() }.mind()
    }

    /// Holds the container for the commands of sessions, until the front ends.
    pub fn hold(front: &Front, user: OwnedFd) -> Result<u8> {
        let signals = settle()?;
        // Before any command: their root may put something else at /dev/pts.
        let devpts = Some(open_devpts()?);
        let (most, files) = raise_files();
        let ground = Ground { user, mask: signals.inherited, devpts, files, ruleset: OnceCell::new() };
        sys::leave_arena();
        front.send(&FromInit::Holding, &[])?;
        let hold = Some(Hold { last: 0, most });
        Container { front, ground, signals, running: Vec::new(), hold, orphans: Usage::default() }.mind()
    }

    fn mind(mut self) -> Result<u8> {
        let mut spoke = Vec::new();
        loop {
            let [children, link, front] = self.wait(&mut spoke)?;
            // Before any is collected: the places are those of the wait.
            let linked = self.running.iter_mut().filter(|session| session.link().is_some());
            linked.zip(&spoke).filter(|(_, spoke)| **spoke).for_each(|(session, _)| session.obey());
            if children {
                while self.signals.take().is_some() {}
                if let Some((status, usage)) = self.reap()? {
                    // The kernel kills whatever else is in the namespace once we end; the front need not wait for that.
                    self.front.send(&FromInit::Exited { status, usage }, &[])?;
                    return Ok(0);
                }
            }
            if front {
                return Err(Fail::new(Stage::Init, "lost kakuri"));
            }
            if link {
                self.obey()?;
            }
        }
    }

    /// Waits for children, the front's words, the front's end, and whoever holds a session; `spoke` has one place for
    /// each session with a link.
    fn wait(&self, spoke: &mut Vec<bool>) -> Result<[bool; 3]> {
        let mut fds = vec![
            PollFd::new(&self.signals.fd, PollFlags::IN),
            PollFd::new(&self.front.link, PollFlags::IN),
            PollFd::new(self.front.pidfd()?, PollFlags::IN),
        ];
        fds.extend(self.running.iter().filter_map(Session::link).map(|link| PollFd::new(link, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents),
            Err(e) => return Err(Fail::new(Stage::Init, "cannot wait").errno(e)),
        }
        let ready = |fd: &PollFd| !fd.revents().is_empty();
        spoke.clear();
        spoke.extend(fds[3..].iter().map(ready));
        Ok([ready(&fds[0]), ready(&fds[1]), ready(&fds[2])])
    }

    /// Collects every child that has ended: commands are told of, orphans of the container are not. How Start's command
    /// ended, if it is among them.
    fn reap(&mut self) -> Result<Option<(Status, Usage)>> {
        let mut first = None;
        while let Some((pid, status, usage)) = next_ended()? {
            let Some(place) = self.running.iter().position(|session| session.pid() == pid) else {
                self.orphans = self.orphans.with(usage);
                continue;
            };
            let session = self.running.swap_remove(place);
            let number = session.number;
            // The holder first: the front may end the container with it.
            session.end(status, usage);
            match number {
                0 => first = Some((status, usage)),
                _ => self.front.tell(number, Event::Exited(status))?,
            }
        }
        Ok(first.map(|(status, usage)| (status, usage.with(self.orphans))))
    }

    /// One word of the front.
    fn obey(&mut self) -> Result<()> {
        let Received { message, enclosed, fds } = self.front.recv_enclosing()?;
        match (&message, &mut self.hold) {
            (&ToInit::Signal { session, signal, group }, _) => {
                let Some(named) = Signal::from_named_raw(signal) else { return Front::unexpected(&message) };
                if let Some(session) = self.running.iter().find(|running| running.number == session) {
                    session.signal(named, group);
                }
                Ok(())
            }
            // Ascending, so that the last one stands for all there ever were.
            (&ToInit::Session { session, inherited, .. }, Some(hold)) if session > hold.last => {
                hold.last = session;
                self.open(session, inherited, enclosed, fds)
            }
            _ => Front::unexpected(&message),
        }
    }

    /// Starts the command of a session. What is wrong with it is told, and concerns nobody else.
    fn open(&mut self, number: u32, inherited: u8, enclosed: Option<Vec<u8>>, mut fds: Vec<OwnedFd>) -> Result<()> {
        let command = fds.split_off(1);
        let link = fds.pop().ok_or_else(|| Fail::new(Stage::Init, "received a session without a link"))?;
        let link = Channel::from(link);
        let begun = self
            .room()
            .and_then(|()| check_link(&link))
            .and_then(|()| Command::read(inherited, enclosed.as_deref(), command))
            .and_then(|command| command.start(&self.ground, (&self.front.link, number)));
        match begun {
            Ok(started) => {
                let event = Event::Started { pid: started.child.pid };
                self.running.push(Session::open(number, started, link));
                self.front.tell(number, event)
            }
            Err(fail) => {
                let fail = shorten(fail);
                Session::refuse(&link, fail.clone());
                self.front.tell(number, Event::Failed(fail))
            }
        }
    }

    fn room(&self) -> Result<()> {
        let most = self.hold.as_ref().map_or(0, |hold| hold.most);
        if self.running.len() < most {
            return Ok(());
        }
        Err(Fail::new(Stage::Init, format!("{most} commands run in this container already"))
            .why("as many as the limit of open files allows")
            .hint("raise it before the container is started: ulimit -n"))
    }
}

/// Undumpable only now: before, kakuri-mount could not have joined by pidfd. From here on the payload can read nothing
/// of us below /proc/1.
fn settle() -> Result<Signals> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).fail(Stage::Init, || "cannot hide from the payload".into())?;
    Signals::children_only()
}

/// As many open files as this process may have, because every session costs it two; how many sessions that allows, and
/// what to give back to the commands.
fn raise_files() -> (usize, Option<Rlimit>) {
    let born = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: born.maximum, maximum: born.maximum };
    let (limit, given_back) = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => (born.maximum, Some(born)),
        Err(_) => (born.current, None),
    };
    let most = limit.map_or(usize::MAX, |limit| (limit.saturating_sub(RESERVE) / 2).max(1) as usize);
    (most, given_back)
}

/// Whoever asks for a session may have given anything at all.
fn check_link(link: &Channel) -> Result<()> {
    match (socket_domain(link), socket_type(link)) {
        (Ok(AddressFamily::UNIX), Ok(SocketType::SEQPACKET)) => Ok(()),
        _ => Err(Fail::new(Stage::Init, "received a session whose link is none")),
    }
}
