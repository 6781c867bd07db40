//! `kakuri stop` and `restart`, and docker's kill and wait.

use std::time::{Duration, Instant};

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, Result, Stage};
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
const PAUSE: Duration = Duration::from_millis(4);

pub fn run(wanted: &Halt) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general, false)?;
    let names = names(&surroundings, wanted)?;
    each(&names, |name| end(&surroundings.store.find(name)?, wanted.signal, wanted.time))
}

pub fn restart(wanted: &Halt, login: bool) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general, login)?;
    let names = names(&surroundings, wanted)?;
    each(&names, |name| {
        let entry = surroundings.store.find(name)?;
        end(&entry, wanted.signal, wanted.time)?;
        start::again(&surroundings, &entry, login)
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
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let asked = ask::say(&control, &ToSupervisor::Stop { signal, time: millis });
    let limit = time.saturating_add(MARGIN);
    let answer = match asked {
        Ok(()) if time == Duration::MAX => control.recv::<FromSupervisor>(),
        Ok(()) => control.recv_within(limit),
        Err(_) => Err(kakuri_wire::channel::Broken::Closed),
    };
    match answer {
        Ok((FromSupervisor::Done, _)) => Ok(()),
        Ok((other, _)) => Err(ask::unexpected(other)),
        // It was ending just then.
        Err(kakuri_wire::channel::Broken::Closed) => ended(entry),
        // It hangs, or was stopped itself; its end ends all of the container.
        Err(kakuri_wire::channel::Broken::Late) => {
            kill_supervisor(&control, entry)?;
            eprintln!("kakuri: the supervisor of '{}' did not answer, and was killed", entry.name);
            ended(entry)?;
            entry.settle();
            Ok(())
        }
        Err(e) => Err(ask::lost(&e)),
    }
}

/// Waits until nobody holds the container.
fn ended(entry: &Entry) -> Result<()> {
    let end = Instant::now() + MARGIN;
    while entry.state() == State::Running {
        if Instant::now() > end {
            return Err(Fail::new(Stage::Front, format!("the container '{}' does not end", entry.name))
                .why("somebody holds its lock still")
                .hint("wait, or look for its supervisor with ps: `kakuri [NAME]`")
                .code(super::FAILED));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// The process on the other side of the connection, and no other: the connection is looked at once more when its pidfd
/// is open.
fn kill_supervisor(control: &Channel, entry: &Entry) -> Result<()> {
    let cannot = |e: rustix::io::Errno| {
        Fail::new(Stage::Front, format!("cannot end the supervisor of '{}'", entry.name)).errno(e).code(super::FAILED)
    };
    let peer = socket_peercred(control).map_err(cannot)?;
    let pidfd = pidfd_open(peer.pid, PidfdFlags::empty()).map_err(cannot)?;
    if control.hung_up() {
        return Ok(());
    }
    pidfd_send_signal(&pidfd, Signal::KILL).map_err(cannot)
}

pub fn kill(names: &[String], signal: i32, general: &General) -> Result<u8> {
    super::start_log(general.verbose);
    let surroundings = Surroundings::look(general, false)?;
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
    let surroundings = Surroundings::look(general, false)?;
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
