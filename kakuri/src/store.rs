//! Named containers on disk: `containers_dir/NAME/`.
//!
//! ```text
//! NAME/config.json   the record: every option it was created with
//! NAME/lock          held by the living supervisor; that, and nothing else, is the meaning of running
//! NAME/vpn.conf      its copy of the VPN configuration, where it has one
//! NAME/last.json     how the last run began and ended
//! NAME/run           link to the live folder: control.sock, state.json
//! NAME/root/         what is kept of the file system: home, root, var, srv
//! NAME/log/          output and events
//! ```
//! No stored pid is believed. A folder of another name than a container's (it begins with a dot) is one being made or
//! removed; if nobody holds its lock it is swept.

mod amend;
mod create;
mod entry;
pub mod erase;
pub mod folder;
mod form;
pub mod live;
pub mod lock;
pub mod name;
mod record;
mod remove;
pub mod scratch;
mod sweep;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::Dir;
use rustix::io::Errno;

use crate::config::Config;
use crate::host::{Host, as_path};
pub use amend::Beside;
pub use live::{Live, LiveFolder};
pub use lock::Lock;
pub use record::{Ended, Kind, Last, Record, VERSION};

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
    /// Device and inode of the folder: a container that was replaced meanwhile has another.
    id: (u64, u64),
    /// The folder, open: a file system gives the number of a removed folder to the next one as soon as nobody has the
    /// removed one open.
    _pin: Option<Arc<OwnedFd>>,
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

impl Store {
    pub fn of(config: &Config, host: &Host) -> Store {
        Store { dir: as_path(&config.containers_dir(host)).to_path_buf() }
    }

    /// Every container there is, by name: readable or not. A folder that is missing holds none.
    pub fn all(&self) -> Result<Vec<(String, Result<Entry>)>> {
        let Some(dir) = self.open()? else { return Ok(Vec::new()) };
        let mut names = self.names(&dir, name::is_valid)?;
        names.sort_unstable();
        let read = |name: String| {
            // There may be more of them than one may have open.
            let entry = self.read(&dir, &name).map(|entry| entry.unpinned());
            // Removed since its name was read: there is no such container.
            (entry.is_ok() || folder::exists(&dir, &name)).then_some((name, entry))
        };
        Ok(names.into_iter().filter_map(read).collect())
    }

    /// The container of this name, else the only one whose name begins so. The error offers the nearest name.
    pub fn find(&self, typed: &str) -> Result<Entry> {
        let Some(dir) = self.open()? else { return Err(name::unknown(typed, &[])) };
        // A name that could lead out of the folder is never looked up.
        if name::is_valid(typed) && folder::exists(&dir, typed) {
            return self.read(&dir, typed);
        }
        let names = self.names(&dir, name::is_valid)?;
        let name = name::only_one(typed, &names)?;
        self.read(&dir, name)
    }

    /// Whether there is one of exactly this name, readable or not.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.open()?.is_some_and(|dir| name::is_valid(name) && folder::exists(dir, name)))
    }

    /// A name that is not taken, for `run -d` and `create` without one.
    pub fn fresh_name(&self) -> Result<String> {
        let dir = self.open()?;
        loop {
            let name = format!("run-{}", name::random(3)?);
            if !dir.as_ref().is_some_and(|dir| folder::exists(dir, &name)) {
                return Ok(name);
            }
        }
    }

    /// The folder of all containers; None where there is none yet.
    fn open(&self) -> Result<Option<OwnedFd>> {
        match folder::open_own(&self.dir) {
            Ok(dir) => Ok(Some(dir)),
            Err(folder::Unfit::Errno(Errno::NOENT)) => Ok(None),
            Err(unfit) => {
                Err(unfit.fail(self.what("use"), "another one is named in the configuration: kakuri config path"))
            }
        }
    }

    /// `cannot DO the folder of containers '...'`.
    fn what(&self, verb: &str) -> String {
        format!("cannot {verb} the folder of containers '{}'", Bytes::from(&self.dir))
    }

    /// The names in the folder of all containers that `wanted` says yes to.
    fn names(&self, dir: &OwnedFd, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let cannot = |e: Errno| {
            Fail::new(Stage::Front, self.what("read"))
                .errno(e)
                .hint(format!("chmod u+rwx '{}'", Bytes::from(&self.dir)))
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(dir).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            match entry.file_name().to_str() {
                Ok(name) if wanted(name) => names.push(name.to_string()),
                _ => {}
            }
        }
        Ok(names)
    }

    fn read(&self, dir: &OwnedFd, name: &str) -> Result<Entry> {
        let what = || format!("cannot read the container '{name}'");
        loop {
            let folder = folder::open_own_at(dir, name)
                .map_err(|unfit| unfit.fail(what(), format!("ls -ld {}", Bytes::from(&self.dir.join(name)))))?;
            let id = folder::id(&folder).map_err(|e| Fail::new(Stage::Front, what()).errno(e))?;
            match form::read(&folder, name, &self.dir.join(name)) {
                Ok(record) => {
                    let _pin = Some(Arc::new(folder));
                    return Ok(Entry { name: name.into(), folder: self.dir.join(name), record, id, _pin });
                }
                // Replaced or removed in that moment, and emptied: what is at the name now counts.
                Err(_) if folder::id_at(dir, name).ok() != Some(id) => {}
                Err(fail) => return Err(fail),
            }
        }
    }
}
