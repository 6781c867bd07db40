//! Holding a session: a command in a container that has a supervisor of its own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::{FromSession, Status, ToSession, Usage};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::PROTOCOL;
use kakuri_wire::{Channel, document, sys};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::ask;
use crate::control::{FromSupervisor, Order, ToSupervisor};
use crate::exit;
use crate::helper::open_null;
use crate::plan::Terminal;
use crate::refusals::Tally;
use crate::rights;
use crate::signals::{Came, Signals};
use crate::store::Ended;
use crate::supervise::{Aside, Outcome, Peer, mind};
use crate::terminal::{Caller, Relay, stdio};

/// ctrl-] twice.
const DETACH_KEYS: [u8; 2] = [0x1d, 0x1d];

/// How long the supervisor is given to say what would help a command that cannot be run.
const ADVICE: Duration = Duration::from_secs(1);

/// How long a command that was ordered is waited for when a signal came for it: it may run already, and is to have it.
const STARTED: Duration = Duration::from_secs(1);

/// A command of ours in the container.
pub struct Session {
    /// The supervisor, to whom the session can be given back.
    /// None once it has hung up.
    control: Option<Channel>,
    link: Channel,
    number: u32,
    pub pid: i32,
    /// The container ends with it.
    first: bool,
    /// Somebody else wants it.
    yielded: bool,
    ended: Option<Ended>,
    /// What it was refused is told at its end.
    watched: bool,
    refused: Option<Tally>,
    /// Blocked since before the command could run.
    signals: Option<Signals>,
}

/// What is seen and typed while it is held.
pub struct Manner {
    pub terminal: Terminal,
    /// None: ctrl-] twice; empty: no keys.
    pub detach_keys: Option<Vec<u8>>,
    pub passed: Vec<OwnedFd>,
}

/// Begins a command: the order goes out with our descriptors, and is answered on the session's link.
///
/// None where the supervisor ended before it took the order: the container is then to be looked for again.
pub fn begin(
    control: Channel,
    mut order: Order,
    caller: &Caller,
    manner: &Manner,
) -> Result<Option<(Session, Option<OwnedFd>)>> {
    order.terminal = caller.replaced(manner.terminal);
    if order.terminal.contains(&true) {
        order.window = caller.window();
    }
    let inherited: Vec<BorrowedFd> =
        stdio().into_iter().zip(order.terminal).filter(|(_, own)| !own).map(|(fd, _)| fd).collect();
    if sys::was_born_root() {
        rights::lend_pipes(&inherited);
    }
    let (link, far) = Channel::pair().fail(Stage::Front, || "cannot make a link to the container".into())?;
    let document = document::pack(Stage::Front, &order)?;
    let mut fds: Vec<BorrowedFd> = document.descriptor().into_iter().chain([far.as_fd()]).collect();
    fds.extend(&inherited);
    fds.extend(manner.passed.iter().map(AsFd::as_fd));
    let (inherited, passed) = (inherited.len() as u8, manner.passed.len() as u8);
    log::trace!("to the supervisor: {order:?}");
    // From here on a signal is the command's, which may run before its start is heard of.
    let mut signals = Signals::block()?;
    let request = ToSupervisor::Run { protocol: PROTOCOL, inherited, passed };
    match control.send_enclosing(&request, document.enclosed(), &fds) {
        Ok(()) => {}
        Err(Broken::Closed) => return refused(&control),
        Err(e) => return Err(ask::lost(&e)),
    }
    // Else a supervisor that ends would not be seen on the link.
    drop(far);
    // PID 1's word first, or the link's end: the supervisor's is there by then, and each wake-up costs.
    let early = await_word(&link, &mut signals)?;
    let started = link.recv();
    let (number, watched) = match control.recv() {
        Ok((FromSupervisor::Accepted { session, watched }, _)) => (session, watched),
        Ok((other, _)) => return Err(ask::unexpected(other)),
        // Where it ran already it is not run again.
        Err(Broken::Closed) => match started {
            Ok((FromSession::Started { .. }, _)) => return Err(ask::lost(&Broken::Closed).code(exit::KILLED)),
            _ => return Ok(None),
        },
        Err(e) => return Err(ask::lost(&e)),
    };
    let mut session = Session {
        control: Some(control),
        link,
        number,
        pid: 0,
        first: order.first,
        yielded: false,
        ended: None,
        watched,
        refused: None,
        signals: Some(signals),
    };
    match session.started(started) {
        Ok((pid, terminal)) => {
            session.pid = pid;
            if let Some(came) = early {
                session.tell(came.signal, came.by_terminal)?;
            }
            let_go(order.terminal);
            Ok(Some((session, terminal)))
        }
        Err(fail) => {
            session.settle();
            Err(fail)
        }
    }
}

/// Until PID 1 says something. A signal before that is given back, for the command; a second one, or a command that does
/// not start, ends the wait, and with the link's end what was asked for.
fn await_word(link: &Channel, signals: &mut Signals) -> Result<Option<Came>> {
    let mut early: Option<(Came, Instant)> = None;
    loop {
        let mut fds = [PollFd::new(link, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
        let left = early.as_ref().map(|(_, end)| end.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the command").errno(e)),
        }
        let [word, came] = fds.map(|fd| !fd.revents().is_empty());
        if word {
            return Ok(early.map(|(came, _)| came));
        }
        let mut again = false;
        if came
            && let Some(came) = signals.take()
            && !matches!(came.signal, libc::SIGWINCH | libc::SIGCONT)
        {
            again = early.is_some();
            early.get_or_insert((came, Instant::now() + STARTED));
        }
        if let Some((came, end)) = &early
            && (again || Instant::now() >= *end)
        {
            let what = format!("stopped by SIG{} before the command had started", crate::signals::name(came.signal));
            return Err(Fail::new(Stage::Front, what).code(128 + came.signal as u8));
        }
    }
}

/// Standard input and output are the command's now: their other ends see it close them. What is a terminal is relayed,
/// and kakuri speaks on standard error.
fn let_go(own: [bool; 3]) {
    let Ok(null) = open_null() else { return };
    for (number, _) in (0..2).zip(own).filter(|(_, own)| !own) {
        let _ = sys::dup_onto(null.as_fd(), number);
    }
}

/// A supervisor that closed its end may have said why.
fn refused(control: &Channel) -> Result<Option<(Session, Option<OwnedFd>)>> {
    match control.recv_within(Duration::ZERO) {
        Ok((FromSupervisor::Failed(fail), _)) => Err(fail),
        _ => Ok(None),
    }
}

/// Takes over the terminal of a session somebody has left.
pub fn take_over(control: Channel, link: OwnedFd, (number, pid, first): (u32, i32, bool)) -> Session {
    let (control, link) = (Some(control), link.into());
    Session {
        control,
        link,
        number,
        pid,
        first,
        yielded: false,
        ended: None,
        watched: false,
        refused: None,
        signals: None,
    }
}

impl Session {
    fn started(&mut self, word: Result<(FromSession, Vec<OwnedFd>), Broken>) -> Result<(i32, Option<OwnedFd>)> {
        match word {
            Ok((FromSession::Started { pid, .. }, fds)) => Ok((pid, fds.into_iter().next())),
            Ok((FromSession::Failed(fail), _)) => {
                Err(match self.control.as_ref().map(|control| control.recv_within(ADVICE)) {
                    Some(Ok((FromSupervisor::Failed(advised), _))) => advised,
                    _ => fail,
                })
            }
            Ok(_) => Err(Fail::new(Stage::Init, "kakuri-init spoke out of turn")
                .why("what came is no answer to a start")
                .hint("are all five programs of one build? kakuri version tells")),
            Err(e) => Err(self.lost(&e)),
        }
    }

    /// The container has gone from under us: how it ended, if somebody can tell.
    fn lost(&mut self, broken: &Broken) -> Fail {
        let mut fail = Fail::new(Stage::Front, "the container ended, and the command with it");
        match self.end() {
            Some(Ended { stopped: true, .. }) => fail = fail.why("it was stopped"),
            Some(Ended { timed_out: true, .. }) => fail = fail.why("its time ran out"),
            Some(Ended { failure: Some(why), .. }) => fail = fail.why(why.to_string()),
            Some(_) => fail = fail.why("its first process ended"),
            None => fail = fail.why(format!("its supervisor: {broken}")),
        }
        // What ran was killed with it.
        if self.pid == 0 { fail } else { fail.code(exit::KILLED) }
    }

    /// How the container ended; waits until nothing is left of it.
    pub fn end(&mut self) -> Option<Ended> {
        while self.ended.is_none()
            && let Some(control) = &self.control
        {
            match control.recv() {
                Ok((FromSupervisor::Ended(ended), _)) => self.ended = Some(*ended),
                Ok(_) => {}
                Err(_) => self.control = None,
            }
        }
        self.ended.clone()
    }

    /// The system calls it was refused, where that is told; those of the whole container where that ended with it.
    pub fn refused(&mut self) -> Option<Tally> {
        if self.first {
            return self.end()?.refused;
        }
        while self.watched && self.refused.is_none() && self.ended.is_none() {
            // PID 1 tells us of the end first, and the supervisor right after.
            match self.control.as_ref()?.recv_within(ADVICE) {
                Ok((FromSupervisor::Refused(tally), _)) => self.refused = Some(*tally),
                Ok((FromSupervisor::Ended(ended), _)) => self.ended = Some(*ended),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
        self.refused.take()
    }

    /// Minds the command until it ends or is left. The terminal is the caller's again when this returns.
    pub fn mind(&mut self, caller: &Caller, terminal: Option<OwnedFd>, manner: &Manner, anew: bool) -> Result<Outcome> {
        let mut signals = match self.signals.take() {
            Some(signals) => signals,
            None => Signals::block()?,
        };
        let all = manner.terminal == Terminal::Always;
        let mut relay = terminal.map(|master| Relay::new(caller, master, all)).transpose()?;
        if let Some(relay) = &mut relay {
            relay.heed_keys(manner.detach_keys.clone().unwrap_or_else(|| DETACH_KEYS.to_vec()));
            if anew {
                relay.redraw();
            }
        }
        let outcome = mind(self, &mut signals, &mut relay, None);
        match (&outcome, relay) {
            (Ok(Outcome::Left), Some(relay)) => self.give_back(relay)?,
            (_, Some(mut relay)) => relay.drain(),
            (_, None) => {}
        }
        outcome
    }

    /// As [`ask::settle`].
    pub fn settle(&self) {
        if let Some(control) = self.control.as_ref().filter(|_| self.ended.is_none()) {
            ask::settle(control);
        }
    }

    fn give_back(&self, relay: Relay) -> Result<()> {
        let what = || "cannot leave the command to the container's supervisor".to_string();
        let master = relay.leave().ok_or_else(|| Fail::new(Stage::Front, what()))?;
        let fds = [self.link.as_fd(), master.as_fd()];
        let control = self.control.as_ref().ok_or_else(|| Fail::new(Stage::Front, what()))?;
        control
            .send(&ToSupervisor::Keep { session: self.number }, &fds)
            .map_err(|e| Fail::new(Stage::Front, what()).why(e.to_string()))
    }

    /// Whether it was left because somebody else attached.
    pub fn was_taken(&self) -> bool {
        self.yielded
    }
}

impl Peer for Session {
    fn link(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    fn hear(&mut self) -> Result<Option<(Status, Usage)>> {
        match self.link.recv() {
            Ok((FromSession::Exited { status, usage }, _)) => Ok(Some((status, usage))),
            Ok((FromSession::Failed(fail), _)) => Err(fail),
            Ok((FromSession::Started { .. }, _)) => Ok(None),
            Err(e) => match self.end() {
                // Killed with all the rest, it is not told by PID 1.
                Some(Ended { status: Some(status), failure: None, .. }) if self.first => {
                    Ok(Some((status, Usage::default())))
                }
                _ => Err(self.lost(&e)),
            },
        }
    }

    fn tell(&mut self, signal: i32, group: bool) -> Result<()> {
        match self.link.send(&ToSession::Signal { signal, group }, &[]) {
            // It is ending; its last word is being read.
            Ok(()) | Err(Broken::Closed) => Ok(()),
            Err(e) => Err(Fail::new(Stage::Init, "cannot speak to kakuri-init").why(e.to_string())),
        }
    }

    fn asides(&self) -> Vec<BorrowedFd<'_>> {
        self.control.iter().filter(|_| self.ended.is_none()).map(AsFd::as_fd).collect()
    }

    fn look_aside(&mut self) -> Result<Aside> {
        let mut seen = Aside::default();
        let Some(control) = &self.control else { return Ok(seen) };
        match control.recv() {
            Ok((FromSupervisor::Yield, _)) => {
                self.yielded = true;
                seen.leave = true;
            }
            Ok((FromSupervisor::Ended(ended), _)) => self.ended = Some(*ended),
            Ok((FromSupervisor::Refused(tally), _)) => self.refused = Some(*tally),
            Ok((FromSupervisor::Trouble(fail), _)) => seen.words.push(fail),
            Ok(_) => {}
            // PID 1 ends with its supervisor, and the link with it; but its last word may still lie there.
            Err(_) => self.control = None,
        }
        Ok(seen)
    }
}
