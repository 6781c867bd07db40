//! One question and its answer.

use std::os::fd::OwnedFd;
use std::time::Duration;

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::handshake::PROTOCOL;
use kakuri_wire::{Channel, document};

use crate::control::{Facts, FromSupervisor, ToSupervisor};
use crate::store::Entry;

/// A supervisor that is well answers at once.
const LIMIT: Duration = Duration::from_secs(1);

/// What the supervisor of a running container tells of it.
pub fn look(entry: &Entry) -> Result<Facts> {
    let channel = super::connect_within(entry, LIMIT)?.ok_or_else(|| super::not_running(&entry.name))?;
    say(&channel, &ToSupervisor::Look { protocol: PROTOCOL })?;
    match hear(&channel, LIMIT)? {
        (FromSupervisor::Facts, mut fds) => {
            document::read(Stage::Front, fds.pop().ok_or_else(|| lost(&Broken::Closed))?)
        }
        (other, _) => Err(unexpected(other)),
    }
}

/// Sends a request that carries nothing.
pub fn say(channel: &Channel, request: &ToSupervisor) -> Result<()> {
    match channel.send(request, &[]) {
        // Why it hung up is on the connection, if it said so.
        Ok(()) | Err(Broken::Closed) => Ok(()),
        Err(e) => Err(lost(&e)),
    }
}

/// The answer, which may take any time where `limit` is zero.
pub fn hear(channel: &Channel, limit: Duration) -> Result<(FromSupervisor, Vec<OwnedFd>)> {
    let heard = if limit.is_zero() { channel.recv() } else { channel.recv_within(limit) };
    heard.map_err(|e| lost(&e))
}

/// Waits until a container that ends with what has just ended in it is gone, so that what is typed next finds it
/// stopped. One that goes on is not waited for.
pub fn settle(control: &Channel) {
    if say(control, &ToSupervisor::Stand).is_err() {
        return;
    }
    while let Ok((answer, _)) = control.recv() {
        if matches!(answer, FromSupervisor::Done | FromSupervisor::Ended(_)) {
            return;
        }
    }
}

pub fn lost(broken: &Broken) -> Fail {
    Fail::new(Stage::Front, "lost the container's supervisor").why(broken.to_string())
}

/// An answer that is none to what was asked; a failure is passed on.
pub fn unexpected(answer: FromSupervisor) -> Fail {
    match answer {
        FromSupervisor::Failed(fail) => fail,
        other => {
            let word: String = format!("{other:?}").chars().take(40).collect();
            Fail::new(Stage::Front, "the container's supervisor spoke out of turn").why(word)
        }
    }
}
