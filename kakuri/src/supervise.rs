//! Minding a command from the caller's side: its end, the caller's signals, the terminal, the time limit.
//! Host namespaces, no capability, one thread, one poll.
//!
//! The same for the command of a temporary container, whose front is its supervisor, and for one that runs in a
//! container with a supervisor of its own: only who is spoken with differs ([`Peer`]).

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use kakuri_init::{FromInit, Status, ToInit, Usage};
use kakuri_wire::caps::Set;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cell::{Cell, Heard, Uplink};
use crate::cgroup;
use crate::door::proxy::Proxy;
use crate::phase::{Asked, Phase};
use crate::process::lost;
use crate::refusals::{Tally, Watch};
use crate::rights;
use crate::signals::{Came, Signals};
use crate::terminal::Relay;

/// After the time limit the command is asked to end (SIGTERM), and this long after it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// `fg` tells a job that is running nothing, so one in the background looks this often whether it still is.
const LOOK: Duration = Duration::from_millis(200);

/// Who runs the command.
pub trait Peer {
    /// Where word of the command comes.
    fn link(&self) -> BorrowedFd<'_>;
    /// Called when there is something on the link; how the command ended and what it used, once it has.
    fn hear(&mut self) -> Result<Option<(Status, Usage)>>;
    /// A signal for the command, or for its whole process group.
    fn tell(&mut self, signal: i32, group: bool) -> Result<()>;
    /// Descriptors to watch besides.
    fn asides(&self) -> Vec<BorrowedFd<'_>>;
    /// Called when one of them shows something.
    fn look_aside(&mut self) -> Result<Aside>;
}

/// What was seen beside the command's own link.
#[derive(Debug, Default)]
pub struct Aside {
    /// The command is to be left to itself.
    pub leave: bool,
    /// What the user should know; it goes on.
    pub words: Vec<Fail>,
}

/// How minding a command ended.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command has ended.
    Ended {
        status: Status,
        timed_out: bool,
        /// Of the command.
        usage: Usage,
        /// Of a temporary container that has a control group.
        group: Option<cgroup::Usage>,
    },
    /// It runs on: the detach keys were typed, or somebody else took its terminal.
    Left,
}

/// Runs until the command of a temporary container ends; the container is then ending by itself. `refused`: its calls that
/// were, where they are listed.
pub fn supervise(
    mut cell: Cell,
    mut signals: Signals,
    mut relay: Option<Relay>,
    timeout: Option<Duration>,
    refused: &mut Option<Tally>,
) -> Result<Outcome> {
    rights::give_up(Set::empty())?;
    // What was told before the container stood is waited for by nobody: its link may be silent from now on.
    let outcome = cell.look_aside().and_then(|aside| {
        aside.words.iter().for_each(|fail| say(fail, relay.is_some()));
        mind(&mut cell, &mut signals, &mut relay, timeout)
    });
    if let Some(relay) = &mut relay {
        relay.drain();
    }
    // The terminal is the caller's again before anything is said.
    drop(relay);
    *refused = cell.watch.take().map(|watch| watch.tally);
    let mut outcome = match (outcome, &cell.group) {
        // As where only its command was killed for that.
        (Err(_), Some(group)) if group.starved(&cell.init) => {
            Outcome::Ended { status: Status::KILLED, timed_out: false, usage: Usage::default(), group: None }
        }
        (outcome, _) => outcome?,
    };
    // Read before the group goes, and nothing of it may be left when the caller goes on.
    if let (Some(mut group), Outcome::Ended { group: used, .. }) = (cell.group.take(), &mut outcome) {
        *used = Some(group.usage());
        group.kill();
        cell.init.end();
        group.end();
    }
    // PID 1 ends and the kernel clears up; waiting for that would cost the caller a fifth of the start.
    cell.init.release();
    if let Some(mount) = cell.mount {
        mount.release();
    }
    // Its way out goes first and whole: nothing of it may be left when the caller goes on.
    drop(cell.uplink);
    Ok(outcome)
}

impl Peer for Cell {
    fn link(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.link)
    }

    fn hear(&mut self) -> Result<Option<(Status, Usage)>> {
        match self.link.recv() {
            Ok((message, _)) => {
                log::trace!("from kakuri-init: {message:?}");
                match message {
                    FromInit::Exited { status, usage } => Ok(Some((status, usage))),
                    FromInit::Failed(fail) => Err(fail),
                    other => Phase::Running.after_init(&other, Asked::default()).map(|_| None),
                }
            }
            Err(e) => Err(lost(&mut self.init, &e)),
        }
    }

    fn tell(&mut self, signal: i32, group: bool) -> Result<()> {
        let message = ToInit::Signal { session: 0, signal, group };
        log::trace!("to kakuri-init: {message:?}");
        match self.link.send(&message, &[]) {
            // It is ending; its last word is being read.
            Ok(()) | Err(kakuri_wire::channel::Broken::Closed) => Ok(()),
            Err(e) => Err(Fail::new(Stage::Init, "cannot speak to kakuri-init").why(e.to_string())),
        }
    }

    fn asides(&self) -> Vec<BorrowedFd<'_>> {
        let mount = self.mount.as_ref().map(std::os::fd::AsFd::as_fd);
        let calls = self.watch.as_ref().and_then(Watch::fd);
        let bus = self.bus.as_ref().map(std::os::fd::AsFd::as_fd);
        mount.into_iter().chain(bus).chain(self.uplink.iter().flat_map(Uplink::watched)).chain(calls).collect()
    }

    /// kakuri-mount has ended, as it should, and is collected; what minds the network has not, or ends the container.
    fn look_aside(&mut self) -> Result<Aside> {
        if let Some(watch) = &mut self.watch {
            watch.answer();
        }
        if self.mount.as_mut().is_some_and(|mount| mount.died().is_some()) {
            self.mount = None;
        }
        let mut words = Vec::new();
        if let Some(fail) = self.bus.as_mut().and_then(Proxy::ended) {
            words.push(fail);
            self.bus = None;
        }
        for heard in self.uplink.as_mut().map(Uplink::hear).unwrap_or_default() {
            match heard {
                Heard::Trouble(fail) => words.push(fail),
                Heard::Status(_) => {}
                Heard::Ended(fail) if self.uplink.as_ref().is_some_and(Uplink::may_end) => {
                    words.push(fail);
                    self.uplink = None;
                }
                Heard::Ended(fail) => return Err(fail),
            }
        }
        Ok(Aside { leave: false, words })
    }
}

/// Until the command ends or is left.
pub fn mind(
    peer: &mut impl Peer,
    signals: &mut Signals,
    relay: &mut Option<Relay>,
    timeout: Option<Duration>,
) -> Result<Outcome> {
    let mut clock = Clock { due: timeout.map(|t| Instant::now() + t), passed: false };
    loop {
        let behind = relay.as_ref().is_some_and(Relay::in_background);
        let left = clock.left();
        let limit = if behind { Some(left.map_or(LOOK, |l| l.min(LOOK))) } else { left };
        let seen = wait(peer, signals, relay.as_ref(), limit)?;
        clock.strike(peer)?;
        if let Some(active) = relay.as_mut().filter(|active| behind && !active.in_background()) {
            active.come_forward();
        }
        if seen.aside {
            let aside = peer.look_aside()?;
            for fail in &aside.words {
                say(fail, relay.is_some());
            }
            if aside.leave {
                return Ok(Outcome::Left);
            }
        }
        if seen.signal {
            while let Some(came) = signals.take() {
                pass_on(peer, relay, came)?;
            }
        }
        if let Some(active) = relay {
            if seen.input && active.take_input() {
                return Ok(Outcome::Left);
            }
            if active.has_for_command() {
                active.pass_input();
            }
            if seen.output && !active.take_output() {
                active.rest();
            }
            if active.has_for_caller() && seen.caller {
                active.pass_output();
                if active.hung_up() {
                    peer.tell(libc::SIGHUP, true)?;
                }
            }
        }
        if seen.link
            && let Some((status, usage)) = peer.hear()?
        {
            return Ok(Outcome::Ended { status, timed_out: clock.passed, usage, group: None });
        }
    }
}

/// Something the user should know while the command has the terminal, which then starts no line of its own.
fn say(fail: &Fail, raw: bool) {
    if crate::output::is_hushed() {
        return;
    }
    let mut text = format!("kakuri: {fail}\n");
    if raw {
        text = format!("\r{}", text.replace('\n', "\r\n"));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What poll has shown.
#[derive(Default)]
struct Seen {
    link: bool,
    signal: bool,
    aside: bool,
    input: bool,
    output: bool,
    caller: bool,
}

fn wait(peer: &impl Peer, signals: &Signals, relay: Option<&Relay>, left: Option<Duration>) -> Result<Seen> {
    let (link, asides) = (peer.link(), peer.asides());
    let mut fds = Vec::with_capacity(8);
    fds.push(PollFd::new(&link, PollFlags::IN));
    fds.push(PollFd::new(signals, PollFlags::IN));
    fds.extend(asides.iter().map(|aside| PollFd::from_borrowed_fd(*aside, PollFlags::IN)));
    let (input, output);
    let mut asked = [false; 2];
    if let Some(relay) = relay.filter(|relay| !relay.rests()) {
        let mut events = PollFlags::empty();
        if relay.wants_output() {
            events |= PollFlags::IN;
        }
        if relay.has_for_command() {
            events |= PollFlags::OUT;
        }
        fds.push(PollFd::new(&relay.master, events));
        (input, output) = (relay.input(), relay.output());
        asked = [relay.wants_input(), relay.has_for_caller()];
        if asked[0] {
            fds.push(PollFd::new(&input, PollFlags::IN));
        }
        if asked[1] {
            fds.push(PollFd::new(&output, PollFlags::OUT));
        }
    }
    let timeout = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Seen::default()),
        Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the container").errno(e)),
    }
    let mut shown = fds.iter().map(|fd| !fd.revents().is_empty());
    let mut next = |asked: bool| asked && shown.next().unwrap_or(false);
    let (link, signal) = (next(true), next(true));
    // All of them are asked for, whichever has shown something.
    let aside = asides.iter().fold(false, |any, _| next(true) || any);
    Ok(Seen {
        link,
        signal,
        aside,
        output: next(relay.is_some_and(|relay| !relay.rests())) && relay.is_some_and(Relay::wants_output),
        input: next(asked[0]),
        caller: next(asked[1]),
    })
}

/// A signal for the command, or about the terminal.
fn pass_on(peer: &mut impl Peer, relay: &mut Option<Relay>, came: Came) -> Result<()> {
    match (came.signal, relay) {
        (libc::SIGWINCH, relay) => {
            if let Some(relay) = relay {
                relay.resize();
            }
            Ok(())
        }
        (libc::SIGCONT, relay) => {
            if let Some(relay) = relay {
                relay.resume();
            }
            Ok(())
        }
        // Its window was closed: the command's terminal goes as well, because a shell that waits for a key may heed
        // nothing but that.
        (libc::SIGHUP, relay) if relay.as_ref().is_some_and(Relay::is_gone) => {
            *relay = None;
            peer.tell(libc::SIGHUP, true)
        }
        // The terminal raised it for our foreground group; inside, the foreground is another.
        (signal, relay) => {
            let pressed = came.by_terminal && relay.as_mut().is_some_and(|relay| relay.press(signal));
            if pressed { Ok(()) } else { peer.tell(signal, came.by_terminal) }
        }
    }
}

struct Clock {
    due: Option<Instant>,
    passed: bool,
}

impl Clock {
    fn left(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// First the polite word, then the last.
    fn strike(&mut self, peer: &mut impl Peer) -> Result<()> {
        if self.left() != Some(Duration::ZERO) {
            return Ok(());
        }
        let signal = if self.passed { libc::SIGKILL } else { libc::SIGTERM };
        self.due = if self.passed { None } else { Some(Instant::now() + GRACE) };
        self.passed = true;
        peer.tell(signal, false)
    }
}
