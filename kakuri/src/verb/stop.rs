//! `kakuri stop` and `restart`, and docker's kill and wait.

use std::os::fd::OwnedFd;
use std::time::Duration;

use kakuri_wire::Channel;
use kakuri_wire::channel::{Broken, wait as wait_for};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::event::PollFlags;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Surroundings, each, start};
use crate::cli::{General, Halt};
use crate::client::{self, ask};
use crate::control::{FromSupervisor, ToSupervisor};
use crate::exit;
use crate::store::{Ended, Entry, State};

/// Beyond the time given a supervisor needs no more than this to clear up.
const MARGIN: Duration = Duration::from_secs(5);

pub fn run(wanted: &Halt) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let names = names(&surroundings, wanted)?;
    each(&names, |name| end(&surroundings.store.find(name)?, wanted.signal, wanted.time))
}

pub fn restart(wanted: &Halt, login: bool) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let names = names(&surroundings, wanted)?;
    each(&names, |name| {
        let entry = surroundings.store.find(name)?;
        end(&entry, wanted.signal, wanted.time)?;
        // It may have been changed while it was ending.
        start::again(&surroundings, &entry.reread()?, login)
    })
}

/// Those named, or with `--all` those that run.
fn names(surroundings: &Surroundings, wanted: &Halt) -> Result<Vec<String>> {
    if !wanted.all {
        return Ok(wanted.names.clone());
    }
    let running = |(name, entry): (String, Result<Entry>)| {
        entry.is_ok_and(|entry| entry.state() == State::Running).then_some(name)
    };
    Ok(surroundings.store.all()?.into_iter().filter_map(running).collect())
}

/// Ends a container, and returns when nothing of it is left. One that does not run is ended already.
pub fn end(entry: &Entry, signal: Option<i32>, time: Duration) -> Result<()> {
    let Some(control) = client::connect(entry)? else { return Ok(()) };
    let supervisor = socket_peercred(&control).and_then(|peer| pidfd_open(peer.pid, PidfdFlags::empty())).ok();
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let asked = ask::say(&control, &ToSupervisor::Stop { signal, time: millis });
    let limit = time.saturating_add(MARGIN);
    let answer = match asked {
        Ok(()) if time == Duration::MAX => control.recv::<FromSupervisor>(),
        Ok(()) => control.recv_within(limit),
        Err(_) => Err(Broken::Closed),
    };
    match answer {
        Ok((FromSupervisor::Done, _)) => Ok(()),
        Ok((other, _)) => Err(ask::unexpected(other)),
        // It was ending just then.
        Err(Broken::Closed) => ended(supervisor.as_ref(), entry),
        // It hangs, or was stopped itself; its end ends all of the container.
        Err(Broken::Late) => {
            kill_supervisor(&control, supervisor.as_ref(), entry)?;
            eprintln!("kakuri: the supervisor of '{}' did not answer, and was killed", entry.name);
            ended(supervisor.as_ref(), entry)?;
            entry.settle();
            Ok(())
        }
        Err(e) => Err(ask::lost(&e)),
    }
}

/// Waits until a supervisor has ended, and so holds the container no longer; that another one may hold it by then is
/// the wish of who started it. None: it had ended before it could be looked at.
fn ended(supervisor: Option<&OwnedFd>, entry: &Entry) -> Result<()> {
    let Some(supervisor) = supervisor else { return Ok(()) };
    if matches!(wait_for(supervisor, PollFlags::IN, MARGIN), Ok(true)) {
        return Ok(());
    }
    Err(Fail::new(Stage::Front, format!("the container '{}' does not end", entry.name))
        .why("its supervisor is there still")
        .hint("wait, or look for it with ps: what it clears away may be large")
        .code(super::FAILED))
}

/// Only the process on the other side of a connection that stands: else the number may be another's.
fn kill_supervisor(control: &Channel, supervisor: Option<&OwnedFd>, entry: &Entry) -> Result<()> {
    let Some(supervisor) = supervisor.filter(|_| !control.hung_up()) else { return Ok(()) };
    pidfd_send_signal(supervisor, Signal::KILL).map_err(|e| {
        Fail::new(Stage::Front, format!("cannot end the supervisor of '{}'", entry.name)).errno(e).code(super::FAILED)
    })
}

pub fn kill(names: &[String], signal: i32, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let surroundings = Surroundings::look(general)?;
    each(names, |name| {
        let entry = surroundings.store.find(name)?;
        let control = client::connect_running(&entry)?;
        // SIGKILL to a first process is the end of all; told so, the supervisor need not find it out.
        if signal == libc::SIGKILL {
            return end(&entry, None, Duration::ZERO);
        }
        ask::say(&control, &ToSupervisor::Signal { signal })?;
        match ask::hear(&control, MARGIN)? {
            (FromSupervisor::Done, _) => Ok(()),
            (other, _) => Err(ask::unexpected(other)),
        }
    })
}

/// Prints the exit code of each, once it has ended.
pub fn wait(names: &[String], general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let surroundings = Surroundings::look(general)?;
    each(names, |name| {
        let entry = surroundings.store.find(name)?;
        let heard = match client::connect(&entry)? {
            Some(control) => {
                ask::say(&control, &ToSupervisor::Wait)?;
                match control.recv() {
                    Ok((FromSupervisor::Ended(ended), _)) => Some(*ended),
                    _ => None,
                }
            }
            None => None,
        };
        let how = heard.or_else(|| entry.last().and_then(|last| last.ended));
        super::print(format!("{}\n", how.map_or(exit::KILLED, |ended| code(&ended))).as_bytes()).map(drop)
    })
}

/// As a run of it would have exited.
pub fn code(ended: &Ended) -> u8 {
    match (&ended.failure, ended.status) {
        (Some(fail), _) => fail.code,
        (None, Some(status)) => exit::code(status, ended.timed_out),
        (None, None) => 0,
    }
}
