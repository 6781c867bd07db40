//! Tries: what `kakuri try` ran, and the layers it left. `~/.local/kakuri/tries/ID/`:
//!
//! ```text
//! ID/try.json    which folders, which command, how it ended
//! ID/lock        held while the command runs, and while something is done with what it left
//! ID/N, ID/undo  the layers, and the journals of what was committed
//! ```

use std::fs::DirBuilder;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Mode, mkdirat, renameat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Stamp;
use super::journal::look;
use crate::host::{Host, as_path};
use crate::pathname;
use crate::store::folder::{self, Unfit};
use crate::store::{Lock, erase, lock, name};

const FILE: &str = "try.json";
const VERSION: u32 = 1;
/// What is half made or half removed begins so.
const NEW: &str = ".new-";
const OLD: &str = ".old-";

/// All tries of this user.
pub struct Tries {
    pub dir: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Open,
    /// Nothing of it is left to commit.
    Committed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub version: u32,
    /// Resolved.
    pub folders: Vec<Bytes>,
    /// Where it was begun.
    pub cwd: Option<Bytes>,
    pub command: Vec<Bytes>,
    pub began: Stamp,
    pub ended: Option<Stamp>,
    /// None: it runs, or was killed with kakuri.
    pub code: Option<u8>,
    pub state: State,
}

pub struct Try {
    pub id: String,
    pub folder: PathBuf,
    pub record: Record,
}

impl Tries {
    pub fn of(host: &Host) -> Tries {
        Tries { dir: as_path(&pathname::join(&host.home, b".local/kakuri/tries")).to_path_buf() }
    }

    /// A name for one that is still to be made.
    pub fn fresh(&self) -> Result<(String, PathBuf)> {
        let id = name::random(4)?;
        let folder = self.dir.join(&id);
        Ok((id, folder))
    }

    /// Makes it, its lock held.
    pub fn make(&self, id: String, folders: Vec<Bytes>, host: &Host, command: Vec<Bytes>) -> Result<(Try, Lock)> {
        let cannot = |e: Errno| {
            let fail = Fail::new(Stage::Front, format!("cannot make '{}'", Bytes::from(&self.dir.join(&id)))).errno(e);
            match e {
                Errno::NOSPC | Errno::DQUOT => fail.hint("make room on its disk"),
                _ => fail.hint(look(&self.dir)),
            }
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|e| cannot(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
        let dir = self.open()?.ok_or_else(|| cannot(Errno::NOENT))?;
        self.sweep(&dir);
        let new = format!("{NEW}{id}");
        let (folder, lock) = loop {
            match mkdirat(&dir, &new, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(cannot(e)),
            }
            let taken = folder::open_own_at(&dir, &new).and_then(|fd| Ok((lock::try_take(fd.as_fd())?, fd)));
            match taken {
                Ok((Some(lock), folder)) => break (folder, lock),
                // Somebody swept it before it was locked.
                Ok((None, _)) | Err(Unfit::Errno(Errno::NOENT)) => {}
                Err(unfit) => {
                    return Err(unfit.fail(format!("cannot use '{}'", Bytes::from(&self.dir)), look(&self.dir)));
                }
            }
        };
        let cwd = host.cwd.clone().map(Bytes);
        let (began, state) = (Stamp::take(), State::Open);
        let record = Record { version: VERSION, folders, cwd, command, began, ended: None, code: None, state };
        write(&folder, &record).and_then(|()| renameat(&dir, &new, &dir, &id)).map_err(cannot)?;
        Ok((Try { folder: self.dir.join(&id), id, record }, lock))
    }

    /// Every one there is, the latest first. What cannot be read is passed over, and told of.
    pub fn all(&self) -> Result<Vec<Try>> {
        let Some(dir) = self.open()? else { return Ok(Vec::new()) };
        self.sweep(&dir);
        let mut all = Vec::new();
        for id in self.names() {
            if id.starts_with('.') {
                continue;
            }
            match self.read(&dir, &id) {
                Ok(Some(found)) => all.push(found),
                Ok(None) => {}
                Err(fail) => crate::output::warn(fail),
            }
        }
        all.sort_by_key(|found| std::cmp::Reverse(found.record.began));
        Ok(all)
    }

    fn read(&self, dir: &OwnedFd, id: &str) -> Result<Option<Try>> {
        let what = || format!("cannot read the try '{id}'");
        let hint = || format!("rm -r {} gives it up", Bytes::from(&self.dir.join(id)));
        let bytes = match folder::open_own_at(dir, id).and_then(|fd| folder::read(fd, FILE)) {
            Err(Unfit::Errno(Errno::NOENT)) => return Ok(None),
            read => read.map_err(|unfit| unfit.fail(what(), hint()))?,
        };
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|e| Fail::new(Stage::Front, what()).why(e.to_string()).hint(hint()))?;
        if record.version != VERSION {
            return Err(Fail::new(Stage::Front, what())
                .why(format!("it is of version {}, and this kakuri knows version {VERSION}", record.version))
                .hint(hint()));
        }
        Ok(Some(Try { folder: self.dir.join(id), id: id.into(), record }))
    }

    fn open(&self) -> Result<Option<OwnedFd>> {
        match folder::open_own(&self.dir) {
            Ok(dir) => Ok(Some(dir)),
            Err(Unfit::Errno(Errno::NOENT)) => Ok(None),
            Err(unfit) => Err(unfit.fail(format!("cannot use '{}'", Bytes::from(&self.dir)), look(&self.dir))),
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Clears what a crash has left half made or half removed.
    fn sweep(&self, dir: &OwnedFd) {
        for id in self.names().iter().filter(|id| id.starts_with(NEW) || id.starts_with(OLD)) {
            let Ok(folder) = folder::open_own_at(dir, id) else { continue };
            if let Ok(Some(_lock)) = lock::try_take(folder.as_fd())
                && let Err(fail) = erase::folder(dir, id, &self.dir)
            {
                log::info!("{fail}");
            }
        }
    }

    /// With all that is in it. Its lock is held.
    pub fn erase(&self, found: &Try) -> Result<()> {
        let Some(dir) = self.open()? else { return Ok(()) };
        let old = format!("{OLD}{}", found.id);
        match renameat(&dir, &found.id, &dir, &old) {
            Ok(()) => erase::folder(&dir, &old, &self.dir),
            Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Fail::new(Stage::Front, format!("cannot remove '{}'", Bytes::from(&found.folder))).errno(e)),
        }
    }
}

fn write(folder: &OwnedFd, record: &Record) -> Result<(), Errno> {
    folder::write(folder, FILE, &serde_json::to_vec(record).unwrap_or_default())
}

impl Try {
    /// None while somebody holds it.
    pub fn lock(&self) -> Result<Option<Lock>> {
        let what = || format!("cannot use the try of '{}'", self.shown());
        let folder = folder::open_own(&self.folder)
            .map_err(|unfit| unfit.fail(what(), "kakuri changes --list shows what else was tried"))?;
        lock::try_take(folder.as_fd())
            .map_err(|unfit| unfit.fail(what(), "kakuri changes --list shows what else was tried"))
    }

    pub fn is_held(&self) -> bool {
        folder::open_own(&self.folder).is_ok_and(|folder| lock::is_held(folder.as_fd()))
    }

    /// Its lock is held.
    pub fn write(&self) -> Result<()> {
        let what = || format!("cannot write to '{}'", Bytes::from(&self.folder));
        let folder = folder::open_own(&self.folder).map_err(|unfit| unfit.fail(what(), look(&self.folder)))?;
        write(&folder, &self.record).map_err(|e| Fail::new(Stage::Front, what()).errno(e))
    }

    /// Its folders, for people.
    pub fn shown(&self) -> String {
        self.record.folders.iter().map(|f| f.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is about this path, or was begun in this folder.
    pub fn is_about(&self, path: &[u8]) -> bool {
        self.record.folders.iter().any(|folder| pathname::below(path, folder.as_bytes()).is_some())
            || self.record.cwd.as_ref().is_some_and(|cwd| cwd.as_bytes() == path)
    }
}
