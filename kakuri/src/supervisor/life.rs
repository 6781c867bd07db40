//! The life of a supervisor: from a plan to a container that stands, and from its end to nothing left but a record.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kakuri_init::Status;
use kakuri_mount::UnionKind;
use kakuri_wire::Channel;
use kakuri_wire::fail::{CODE_FAILED, Fail, Result};

use super::presence::Presence;
use super::requests::{Asker, STARTER, Waits};
use super::watch::{Over, Supervisor};
use super::{Commission, Life};
use crate::cell::{self, Cell, First, NotStarted};
use crate::cgroup::Group;
use crate::control::FromSupervisor;
use crate::door::proxy::Proxy;
use crate::image::ready::Ready;
use crate::logs::{Event, Writer};
use crate::rights;
use crate::signals::Signals;
use crate::store::{Ended, Entry, Kind, Last, Lock, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Makes the container, minds it, and clears up; the exit code, which nobody reads.
pub fn live(commission: Commission, starter: Channel) -> u8 {
    let started = now();
    let Commission { entry, lock, mut plan, outline, programs, life, mut image } = commission;
    if let Some(scratch) = image.as_mut().and_then(|image| image.scratch.as_mut()) {
        scratch.take_over();
    }
    let command = if life == Life::First { plan.process.argv.clone() } else { Vec::new() };
    let commission = Standing { entry: &entry, lock: &lock, plan: &plan, outline: &outline, programs: &programs };
    // A record made for this very run is of no use to anybody where there was none.
    let unborn = entry.record.kind == Kind::Temporary && entry.last().is_none();
    let (presence, cell, signals) = match commission.stand() {
        Ok(stood) => stood,
        Err(fail) => {
            let failure = Ended { at: now(), failure: Some(fail.clone()), ..Ended::default() };
            let _ = entry.record_last(&Last { started, command, ended: Some(failure) });
            // What comes next finds the container free.
            let removed = entry.record.remove || unborn;
            release(&entry, lock, removed);
            let _ = starter.send(&FromSupervisor::Failed(fail), &[]);
            return CODE_FAILED;
        }
    };
    plan.wiring.forget_secrets();
    presence.tell(cell.init_pid);
    // What is large has to be given back from here on, and not to the arena alone.
    kakuri_wire::sys::leave_arena();
    let last = Last { started, command, ended: None };
    let mut log = Writer::open(&entry.folder).ok();
    if entry.record_last(&last).is_err() {
        log::info!("the start of '{}' could not be recorded", entry.name);
    }
    if let Some(log) = &mut log {
        log.event(&Event::Begun);
    }
    let mut supervisor = Supervisor {
        lock,
        presence,
        cell,
        signals,
        plan,
        log,
        started,
        life,
        askers: vec![Asker { id: STARTER, channel: starter, waits: Waits::Nothing }],
        next_asker: STARTER + 1,
        sessions: Vec::new(),
        next_session: 1,
        most: room(),
        heard: Default::default(),
        had_first: false,
        had_session: false,
        ran: false,
        drains: Vec::new(),
        deaf: Vec::new(),
        stopping: None,
        stopped: false,
        due: None,
        timed_out: false,
        look_again: Instant::now(),
        departed: Vec::new(),
        watches: Vec::new(),
        unwatched: Default::default(),
        troubles: Vec::new(),
        over: None,
        entry,
    };
    // What was told before the container stood is waited for by nobody: its link may be silent from now on.
    supervisor.hear_uplink();
    let over = supervisor.watch();
    end(supervisor, image, last, over, unborn);
    0
}

/// As many open files as this process may have: what is born from it is born already. How many sessions that allows.
fn room() -> usize {
    /// A detached session at most: link, terminal twice or two pipes and an input, an asker.
    const EACH: u64 = 6;
    /// For all else, and for the descriptors of one message.
    const RESERVE: u64 = 192;
    let born = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: born.maximum, maximum: born.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { born.maximum } else { born.current };
    limit.map_or(usize::MAX / 2, |limit| (limit.saturating_sub(RESERVE) / EACH).max(8) as usize)
}

/// What is needed to make it.
struct Standing<'a> {
    entry: &'a Entry,
    lock: &'a Lock,
    plan: &'a crate::plan::Plan,
    outline: &'a crate::plan::Outline,
    programs: &'a crate::helper::Programs,
}

type Stood = (Presence, Cell, Signals);

impl Standing<'_> {
    fn stand(&self) -> Result<Stood> {
        // Of a supervisor that was killed PID 1 may still be ending, and all that writes to the same folders with it.
        self.entry.settle();
        let begun = self.begin()?;
        // The socket is there as long as the lock is held: who comes too early waits for his answer.
        let presence = Presence::open(self.entry, self.lock)?;
        let stands = self.carry_out(begun).and_then(|stands| rights::give_up(rights::SUPERVISOR).map(|()| stands));
        match stands {
            Ok((cell, signals)) => Ok((presence, cell, signals)),
            Err(fail) => {
                presence.end();
                Err(fail)
            }
        }
    }

    fn begin(&self) -> Result<cell::Begun> {
        cell::begin(self.outline, &self.plan.wiring, self.programs)
    }

    fn carry_out(&self, begun: cell::Begun) -> Result<(Cell, Signals)> {
        self.plan.prepare()?;
        let (plan, bus) = self.plan.with_bus()?;
        let made = match begun.carry_out(&plan, &First::Hold, &mut |_| {}) {
            // As for a temporary container: see `run`.
            Err(NotStarted::Refused(_)) => {
                let begun = self.begin()?;
                begun.carry_out(&plan.with_unions(UnionKind::Entries), &First::Hold, &mut |_| {})
            }
            other => other,
        };
        let (mut cell, signals) = made.map_err(|e| match e {
            NotStarted::Failed(fail) | NotStarted::Refused(fail) => fail,
        })?;
        cell.bus = bus.map(Proxy::settle);
        Ok((cell, signals))
    }
}

/// Ends what is left and tells who waits; in this order, so that who is told finds nothing left.
fn end(mut supervisor: Supervisor, image: Option<Ready>, last: Last, over: Over, unborn: bool) {
    // Whoever comes now finds nobody, and looks again when the lock is free.
    let waiting: Vec<Asker> =
        std::mem::take(&mut supervisor.askers).into_iter().filter(|asker| asker.waits != Waits::Nothing).collect();
    // Read first: the manager collects a group once it is empty.
    let usage = supervisor.cell.group.as_ref().map(Group::usage);
    let starved = supervisor.cell.group.as_ref().is_some_and(|group| group.starved(&supervisor.cell.init));
    if let Some(group) = &supervisor.cell.group {
        group.kill();
    }
    supervisor.cell.init.end();
    supervisor.cell.mount = None;
    supervisor.cell.uplink = None;
    supervisor.cell.bus = None;
    supervisor.drain_all();
    supervisor.log_event(&Event::Ended);
    // It never ran, and so it is not kept.
    let (status, failure) = match over.failure {
        Some(_) if starved => (Some(Status::KILLED), None),
        failure => (over.status, failure),
    };
    // Nothing of it is left when who waits is told, who may then remove the image it ran from.
    supervisor.cell.group = None;
    drop(image);
    let removed = supervisor.entry.record.remove || (unborn && !supervisor.ran && failure.is_some());
    let ended = Ended {
        at: now(),
        status,
        stopped: supervisor.stopped,
        timed_out: supervisor.timed_out,
        failure,
        refused: supervisor.refused(),
        usage,
    };
    let Supervisor { entry, lock, presence, log, .. } = supervisor;
    drop(log);
    let _ = entry.record_last(&Last { ended: Some(ended.clone()), ..last });
    presence.end();
    release(&entry, lock, removed);
    for asker in waiting {
        let answer = match asker.waits {
            Waits::Stop => FromSupervisor::Done,
            Waits::End | Waits::Stand => FromSupervisor::Ended(Box::new(ended.clone())),
            Waits::Start => FromSupervisor::Failed(ended.failure.clone().unwrap_or_else(|| gone(&entry))),
            Waits::Nothing | Waits::Use | Waits::Tunnel | Waits::Network | Waits::Terminal(_) => {
                FromSupervisor::Failed(gone(&entry))
            }
        };
        let _ = asker.channel.send_now(&answer, &[]);
    }
}

fn gone(entry: &Entry) -> Fail {
    Fail::new(kakuri_wire::Stage::Front, format!("the container '{}' has ended", entry.name))
}

/// Gives the lock back, or with `--rm` everything.
fn release(entry: &Entry, lock: Lock, remove: bool) {
    if remove && let Some(dir) = entry.folder.parent() {
        let _ = Store { dir: dir.to_path_buf() }.remove(entry, lock);
    }
}
