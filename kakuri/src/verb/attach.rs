//! `kakuri attach NAME`: the terminal of a container's first process, or its output as it is written.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use kakuri_wire::Channel;
use kakuri_wire::fail::Result;
use kakuri_wire::handshake::PROTOCOL;
use nix::sys::signal::{SigSet, Signal};

use super::exec::left;
use super::{FAILED, Surroundings, logs};
use crate::cli::Attach;
use crate::client::session::{Manner, take_over};
use crate::client::{self, ask};
use crate::control::{FromSupervisor, ToSupervisor};
use crate::exit;
use crate::output;
use crate::plan::Terminal;
use crate::store::Entry;
use crate::supervise::Outcome;
use crate::terminal::Caller;

pub fn run(wanted: &Attach) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let (entry, control, answer) = ask_for_it(wanted).map_err(|fail| fail.code(FAILED))?;
    match answer {
        (FromSupervisor::Terminal { session, pid, first }, mut fds) => {
            let (Some(master), Some(link)) = (fds.pop(), fds.pop()) else {
                return Err(ask::lost(&kakuri_wire::channel::Broken::Closed));
            };
            let caller = Caller::look()?;
            let manner =
                Manner { terminal: Terminal::Auto, detach_keys: wanted.detach_keys.clone(), passed: Vec::new() };
            let mut held = take_over(control, link, (session, pid, first));
            match held.mind(&caller, Some(master), &manner, true)? {
                Outcome::Left => Ok(left(&entry.name, held.was_taken())),
                Outcome::Ended { status, .. } => {
                    if let Some(refused) = held.refused().filter(|_| first) {
                        refused.tell();
                    }
                    let ended = first.then(|| held.end()).flatten().unwrap_or_default();
                    if let Some(shortage) = ended.usage.and_then(|usage| usage.shortage()) {
                        output::warn(shortage);
                    }
                    Ok(exit::code(status, ended.timed_out))
                }
            }
        }
        (FromSupervisor::Output { .. }, fds) => {
            let input = fds.into_iter().next().filter(|_| !wanted.no_input);
            watch(&entry, &control, input)
        }
        (other, _) => Err(ask::unexpected(other).code(FAILED)),
    }
}

type Answer = (FromSupervisor, Vec<OwnedFd>);

fn ask_for_it(wanted: &Attach) -> Result<(Entry, Channel, Answer)> {
    let surroundings = Surroundings::look(&wanted.general)?;
    let entry = surroundings.store.find(&wanted.name)?;
    let control = client::connect_running(&entry)?;
    ask::say(&control, &ToSupervisor::Attach { protocol: PROTOCOL })?;
    let answer = ask::hear(&control, Duration::ZERO)?;
    Ok((entry, control, answer))
}

/// Its output from now on, its input where it takes one, until it ends.
fn watch(entry: &Entry, control: &Channel, input: Option<OwnedFd>) -> Result<u8> {
    ask::say(control, &ToSupervisor::Wait)?;
    // What is answered to our input is to be seen.
    logs::follow_from_now(entry, || drop(input.map(|to| std::thread::spawn(move || feed(&to)))))?;
    match ask::hear(control, Duration::ZERO)? {
        (FromSupervisor::Ended(ended), _) => Ok(super::stop::code(&ended)),
        (other, _) => Err(ask::unexpected(other)),
    }
}

/// Our standard input, until it ends or nobody reads it.
fn feed(to: &OwnedFd) {
    // A command that no longer reads is no end of ours.
    if SigSet::from(Signal::SIGPIPE).thread_block().is_err() {
        return;
    }
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
        let mut rest = &buffer[..n];
        while let Ok(done @ 1..) = rustix::io::write(to.as_fd(), rest) {
            rest = &rest[done..];
            if rest.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            return;
        }
    }
}
