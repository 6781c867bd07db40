//! Minding a running container: its end, the caller's signals, the terminal, the time limit.
//! Host namespaces, no capability, one thread, one poll.

use std::time::{Duration, Instant};

use kakuri_init::{FromInit, Status, ToInit};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cell::Cell;
use crate::phase::{Asked, Phase};
use crate::process::lost;
use crate::signals::Came;
use crate::terminal::Relay;

/// After the time limit the command is asked to end (SIGTERM), and this long after it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// `fg` tells a job that is running nothing, so one in the background looks this often whether it still is.
const LOOK: Duration = Duration::from_millis(200);

/// How a container ended.
pub struct Outcome {
    pub status: Status,
    pub timed_out: bool,
}

/// Runs until the command ends; the container is then ending by itself.
pub fn supervise(mut cell: Cell, mut relay: Option<Relay>, timeout: Option<Duration>) -> Result<Outcome> {
    let mut clock = Clock { due: timeout.map(|t| Instant::now() + t), passed: false };
    let result = mind(&mut cell, &mut relay, &mut clock);
    if let Some(relay) = &mut relay {
        relay.drain();
    }
    // The terminal is the caller's again before anything is said.
    drop(relay);
    let status = result?;
    // PID 1 ends and the kernel clears up; waiting for that would cost the caller a fifth of the start.
    cell.init.release();
    if let Some(mount) = cell.mount {
        mount.release();
    }
    Ok(Outcome { status, timed_out: clock.passed })
}

fn mind(cell: &mut Cell, relay: &mut Option<Relay>, clock: &mut Clock) -> Result<Status> {
    loop {
        let behind = relay.as_ref().is_some_and(Relay::in_background);
        let left = clock.left();
        let seen = wait(cell, relay.as_ref(), if behind { Some(left.map_or(LOOK, |l| l.min(LOOK))) } else { left })?;
        clock.strike(cell)?;
        if let Some(active) = relay.as_mut().filter(|active| behind && !active.in_background()) {
            active.come_forward();
        }
        if seen.mount {
            cell.mount = None;
        }
        if seen.signal {
            while let Some(came) = cell.signals.take() {
                pass_on(cell, relay, came)?;
            }
        }
        if let Some(active) = relay {
            if seen.input {
                active.take_input();
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
                    tell(cell, libc::SIGHUP, true)?;
                }
            }
        }
        if seen.link {
            match cell.link.recv() {
                Ok((message, _)) => {
                    log::trace!("from kakuri-init: {message:?}");
                    match message {
                        FromInit::Exited(status) => return Ok(status),
                        FromInit::Failed(fail) => return Err(fail),
                        other => {
                            Phase::Running.after_init(&other, Asked::default())?;
                        }
                    }
                }
                Err(e) => return Err(lost(&mut cell.init, &e)),
            }
        }
    }
}

/// What poll has shown.
#[derive(Default)]
struct Seen {
    link: bool,
    signal: bool,
    mount: bool,
    input: bool,
    output: bool,
    caller: bool,
}

fn wait(cell: &Cell, relay: Option<&Relay>, left: Option<Duration>) -> Result<Seen> {
    let mut fds = Vec::with_capacity(6);
    fds.push(PollFd::new(&cell.link, PollFlags::IN));
    fds.push(PollFd::new(&cell.signals, PollFlags::IN));
    if let Some(mount) = &cell.mount {
        fds.push(PollFd::new(mount, PollFlags::IN));
    }
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
    Ok(Seen {
        link: next(true),
        signal: next(true),
        mount: next(cell.mount.is_some()),
        output: next(relay.is_some_and(|relay| !relay.rests())) && relay.is_some_and(Relay::wants_output),
        input: next(asked[0]),
        caller: next(asked[1]),
    })
}

/// A signal for the command, or about the terminal.
fn pass_on(cell: &Cell, relay: &mut Option<Relay>, came: Came) -> Result<()> {
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
        // The terminal raised it for our foreground group; inside, the foreground is another.
        (signal, relay) => {
            let pressed = came.by_terminal && relay.as_mut().is_some_and(|relay| relay.press(signal));
            if pressed { Ok(()) } else { tell(cell, signal, came.by_terminal) }
        }
    }
}

fn tell(cell: &Cell, signal: i32, group: bool) -> Result<()> {
    let message = ToInit::Signal { session: 0, signal, group };
    log::trace!("to kakuri-init: {message:?}");
    match cell.link.send(&message, &[]) {
        // It is ending; its last word is being read.
        Ok(()) | Err(kakuri_wire::channel::Broken::Closed) => Ok(()),
        Err(e) => Err(Fail::new(Stage::Init, "cannot speak to kakuri-init").why(e.to_string())),
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
    fn strike(&mut self, cell: &Cell) -> Result<()> {
        if self.left() != Some(Duration::ZERO) {
            return Ok(());
        }
        let signal = if self.passed { libc::SIGKILL } else { libc::SIGTERM };
        self.due = if self.passed { None } else { Some(Instant::now() + GRACE) };
        self.passed = true;
        tell(cell, signal, false)
    }
}
