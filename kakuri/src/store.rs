//! Named containers on disk: `containers_dir/NAME/`.
//!
//! ```text
//! NAME/config.json   the record: every option it was created with
//! NAME/lock          held by the living supervisor; that, and nothing else, is the meaning of running
//! NAME/last.json     how the last run began and ended
//! NAME/run           link to the live folder: control.sock, state.json
//! NAME/root/         what is kept of the file system: home, root, var, srv
//! NAME/log/          output and events
//! ```
//! No stored pid is believed. A folder of another name than a container's (it begins with a dot) is one being made or
//! removed; if nobody holds its lock it is swept.

mod record;

use std::path::PathBuf;
use std::time::Duration;

use kakuri_wire::fail::{Fail, Result, Stage};

use crate::config::Config;
use crate::host::Host;
pub use record::{Ended, Kind, Last, Record};

/// All containers of one containers_dir.
#[derive(Clone, Debug)]
pub struct Store {
    pub dir: PathBuf,
}

/// One container, its record read and believed.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub folder: PathBuf,
    pub record: Record,
}

/// The lock of a container, held. Whoever holds it may run, change or remove the container. An open file
/// description lock (fcntl(2)): forked, it is shared, and it ends with its last holder.
#[derive(Debug)]
pub struct Lock {
    pub file: std::fs::File,
}

/// What can be told of a container without its supervisor.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Running,
    /// Never started, or its end was recorded; [`Last`] tells.
    Stopped,
    /// The last run has no recorded end: its supervisor was killed, or the machine went down.
    Died,
}

fn unbuilt<T>() -> Result<T> {
    Err(Fail::new(Stage::Front, "not built"))
}

impl Store {
    pub fn of(_config: &Config, _host: &Host) -> Store {
        Store { dir: PathBuf::new() }
    }

    /// Every container there is, by name: readable or not. A folder that is missing holds none.
    pub fn all(&self) -> Result<Vec<(String, Result<Entry>)>> {
        unbuilt()
    }

    /// The container of this name, else the only one whose name begins so. The error offers the nearest name.
    pub fn find(&self, _typed: &str) -> Result<Entry> {
        unbuilt()
    }

    /// A name that is not taken, for `run -d` and `create` without one.
    pub fn fresh_name(&self) -> Result<String> {
        unbuilt()
    }

    /// Makes it whole or not at all; durable once this returns.
    pub fn create(&self, _name: &str, _record: &Record, _replace: bool, _host: &Host) -> Result<Entry> {
        unbuilt()
    }

    pub fn rename(&self, _entry: &Entry, _to: &str) -> Result<()> {
        unbuilt()
    }

    /// Removes what lies in the folder; needs the lock, which proves that nothing runs in it.
    pub fn remove(&self, _entry: &Entry, _lock: Lock) -> Result<()> {
        unbuilt()
    }

    /// Clears what a crash has left: folders half made or half removed, live folders of the dead.
    pub fn sweep(&self) {}
}

impl Entry {
    /// Takes the lock, or says that the container runs. Waits for a holder that is ending no longer than `patience`.
    pub fn lock(&self, _patience: Duration) -> Result<Lock> {
        unbuilt()
    }

    pub fn state(&self) -> State {
        State::Stopped
    }

    pub fn last(&self) -> Option<Last> {
        None
    }

    /// Best effort and atomic: a full disk must not keep a container from running.
    pub fn record_last(&self, _last: &Last) -> Result<()> {
        unbuilt()
    }
}
