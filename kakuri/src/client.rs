//! A second kakuri beside a running container: it finds the supervisor, asks it something, and holds a session.

pub mod ask;
pub mod join;
pub mod session;
pub mod starter;

use std::time::{Duration, Instant};

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, stat, statat};
use rustix::process::geteuid;

use crate::control::{self, Refused};
use crate::host::Host;
use crate::store::{self, Entry, State, Store};

/// How long a container that is just starting or ending is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(4);

/// The supervisor of a running container, by its name as typed; None where none of that very name runs. Only this
/// much is looked at, because entering a container should cost no more than that.
pub fn running(store: &Store, typed: &str) -> Option<Channel> {
    if !store::name::is_valid(typed) {
        return None;
    }
    let container = store.dir.join(typed);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let live = openat(CWD, container.join("run"), flags, Mode::empty()).ok()?;
    let folder = fstat(&live).ok()?;
    let private = folder.st_uid == geteuid().as_raw() && folder.st_mode & 0o077 == 0;
    // What a killed one has left may by now be the live folder of another store's container of that name.
    let (home, own) = (statat(&live, "home", AtFlags::empty()).ok()?, stat(&container).ok()?);
    let ours = (home.st_dev, home.st_ino) == (own.st_dev, own.st_ino);
    if private && ours { control::connect(&live).ok() } else { None }
}

/// The supervisor of a container; None where it does not run. One that is starting or ending is waited for.
pub fn connect(entry: &Entry) -> Result<Option<Channel>> {
    connect_within(entry, PATIENCE)
}

fn connect_within(entry: &Entry, patience: Duration) -> Result<Option<Channel>> {
    let end = Instant::now() + patience;
    loop {
        if entry.state() != State::Running {
            return Ok(None);
        }
        match entry.live().map(|live| control::connect(&live.fd)) {
            Some(Ok(channel)) => return Ok(Some(channel)),
            Some(Err(Refused::Failed(fail))) => return Err(fail),
            Some(Err(Refused::Nobody)) | None => {}
        }
        if Instant::now() > end {
            return Err(Fail::new(Stage::Front, format!("the supervisor of '{}' does not answer", entry.name))
                .why("it holds the container's lock and listens to nobody")
                .hint(format!("kakuri remove -f {} ends it, or wait", entry.name)));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The same for who has no use for one that does not run.
pub fn connect_running(entry: &Entry) -> Result<Channel> {
    connect(entry)?.ok_or_else(|| not_running(&entry.name))
}

pub fn not_running(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the container '{name}' is not running"))
        .hint(format!("kakuri start {name}"))
        .code(crate::verb::FAILED)
}

/// What of the caller's environment a command in a running container gets, and what was asked for.
pub fn environment(wanted: &crate::spec::Environment, host: &Host) -> Result<Vec<kakuri_wire::Bytes>> {
    crate::environment::settings(wanted, host)
}
