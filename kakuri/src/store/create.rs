//! Making a container: beside its place, under another name, and then by one rename.

use std::fs::DirBuilder;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Mode, OFlags, RenameFlags, fsync, mkdirat, openat, renameat, renameat_with};
use rustix::io::Errno;

use super::entry::full;
use super::folder::{self, Unfit};
use super::lock::{self, Lock};
use super::{Entry, Kind, Record, Store, erase, form, name};
use crate::base::kept::{Keep, Kept, ROOT};
use crate::host::Host;
use crate::identity::Identity;

/// How the folder of a container that is being made begins.
pub const NEW: &str = ".new-";
const PRIVATE: Mode = Mode::from_raw_mode(0o700);

/// A folder half made, its lock held.
pub(super) struct Begun {
    pub name: String,
    pub folder: OwnedFd,
    pub lock: Lock,
}

impl Store {
    /// Makes it whole or not at all, with files beside the record; durable once this returns. Nobody can start or
    /// remove it before the lock is let go.
    pub fn create(
        &self,
        name: &str,
        record: &Record,
        beside: &[(&str, &[u8])],
        replace: bool,
        host: &Host,
    ) -> Result<(Entry, Lock)> {
        name::check(name)?;
        let dir = self.open_or_make()?;
        if !replace && folder::exists(&dir, name) {
            return Err(taken(name));
        }
        let what = || format!("cannot create the container '{name}'");
        let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
        let begun = begin(&dir, name, &self.dir).map_err(|unfit| match unfit {
            Unfit::Errno(e) => cannot(e),
            unfit => unfit.fail(what(), "try again"),
        })?;
        let made = self.fill(&begun, name, record, beside, host).and_then(|id| {
            match replace {
                true => self.swap(&dir, &begun, name)?,
                false => put(&dir, &begun.name, name).map_err(|e| match e {
                    Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => taken(name),
                    e => cannot(e),
                })?,
            }
            Ok(id)
        });
        match made {
            Ok(id) => {
                // It is there; what a power cut could still take is its name.
                fsync(&dir).map_err(cannot)?;
                let folder = self.dir.join(name);
                let _pin = Some(Arc::new(begun.folder));
                Ok((Entry { name: name.into(), folder, record: record.clone(), id, _pin }, begun.lock))
            }
            Err(fail) => {
                let _ = erase::folder(&dir, &begun.name, &self.dir);
                Err(fail)
            }
        }
    }

    /// Everything in it. Gives the folder's device and inode.
    fn fill(
        &self,
        begun: &Begun,
        name: &str,
        record: &Record,
        beside: &[(&str, &[u8])],
        host: &Host,
    ) -> Result<(u64, u64)> {
        let what = || format!("cannot create the container '{name}'");
        let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
        if record.kind == Kind::Persistent {
            mkdirat(&begun.folder, ROOT, PRIVATE).map_err(cannot)?;
            let root = folder::open_own_at(&begun.folder, ROOT).map_err(|unfit| unfit.fail(what(), "try again"))?;
            let kept = Kept::of(&self.dir.join(&begun.name));
            let keep = Keep::of(&kept, &record.spec, &Identity::of(&record.spec.user, host));
            let mut made = Vec::new();
            keep.make_in(&root, &mut made).and_then(|()| keep.sync(&root, &made))?;
            fsync(&root).map_err(cannot)?;
        }
        for (file, content) in beside {
            folder::write(&begun.folder, file, content).map_err(cannot)?;
        }
        // Last, so that what has a record is whole; and durable with all that came before.
        folder::write(&begun.folder, form::FILE, &form::write(record)?).map_err(cannot)?;
        folder::id(&begun.folder).map_err(cannot)
    }

    /// Takes the place of what has the name now, if that can be stopped from running meanwhile.
    fn swap(&self, dir: &OwnedFd, begun: &Begun, name: &str) -> Result<()> {
        let what = || format!("cannot replace the container '{name}'");
        let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
        loop {
            let old = match folder::open_own_at(dir, name) {
                Ok(old) => old,
                Err(Unfit::Errno(Errno::NOENT)) => match put(dir, &begun.name, name) {
                    Ok(()) => return Ok(()),
                    Err(Errno::EXIST | Errno::NOTEMPTY) => continue,
                    Err(e) => return Err(cannot(e)),
                },
                Err(unfit) => return Err(unfit.fail(what(), "choose another name")),
            };
            let Some(lock) = super::remove::lock_patiently(old.as_fd(), name)? else { continue };
            // Whether the lock is that of what still has the name.
            if folder::open_own_at(dir, name).ok().and_then(|f| folder::id(f).ok()) != folder::id(&old).ok() {
                continue;
            }
            if let Ok(entry) = self.read(dir, name) {
                entry.settle();
                entry.clear_dead();
            }
            // The old one then has the name of what is half made, or another that is swept.
            let old_name = match renameat_with(dir, &begun.name, dir, name, RenameFlags::EXCHANGE) {
                Ok(()) => begun.name.clone(),
                // A file system that cannot exchange: for a moment nobody has the name.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    let aside = format!("{}{name}-{}", super::remove::OLD, name::random(6)?);
                    renameat(dir, name, dir, &aside).map_err(cannot)?;
                    if let Err(e) = put(dir, &begun.name, name) {
                        // Nothing was replaced: the old one gets its name back before the next sweep takes it.
                        return Err(match put(dir, &aside, name) {
                            Ok(()) => cannot(e),
                            Err(_) => {
                                cannot(e).hint(format!("the old one is lost: kakuri create {name} makes a new one"))
                            }
                        });
                    }
                    aside
                }
                Err(e) => return Err(cannot(e)),
            };
            // Whatever happens from here on, the old one is swept.
            fsync(dir).map_err(cannot)?;
            if let Err(fail) = erase::folder(dir, &old_name, &self.dir) {
                log::warn!("{fail}");
            }
            drop(lock);
            return Ok(());
        }
    }

    /// The folder of all containers, made with its parents where it is missing.
    pub(super) fn open_or_make(&self) -> Result<OwnedFd> {
        if let Some(dir) = self.open()? {
            return Ok(dir);
        }
        let cannot = |e: std::io::Error| {
            let errno = Errno::from_io_error(&e).unwrap_or(Errno::IO);
            let fail = Fail::new(Stage::Front, self.what("make")).errno(e);
            full(fail.hint("another one is named in the configuration: kakuri config path"), errno)
        };
        if let Some(above) = self.dir.parent() {
            DirBuilder::new().recursive(true).create(above).map_err(cannot)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot(e)),
        }
        match self.open()? {
            Some(dir) => Ok(dir),
            None => Err(Fail::new(Stage::Front, self.what("make"))
                .why("there is a symbolic link that leads nowhere")
                .hint("make the folder it leads to, or remove the link")),
        }
    }
}

/// A new folder under a name nobody looks for, its lock held by us. `shown` is the path of `dir`.
pub(super) fn begin(dir: &OwnedFd, name: &str, shown: &Path) -> Result<Begun, Unfit> {
    loop {
        let random = name::random(6).map_err(|_| Unfit::Errno(Errno::AGAIN))?;
        let hidden = format!("{NEW}{name}-{random}");
        match mkdirat(dir, &hidden, PRIVATE) {
            Ok(()) => {}
            Err(Errno::EXIST) => continue,
            Err(e) => return Err(e.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let taken = openat(dir, &hidden, flags, Mode::empty())
            .map_err(Unfit::from)
            .and_then(|folder| Ok((lock::try_take(folder.as_fd())?, folder)));
        match taken {
            Ok((Some(lock), folder)) => return Ok(Begun { name: hidden, folder, lock }),
            // Somebody swept it before it was locked.
            Ok((None, _)) | Err(Unfit::Errno(Errno::NOENT)) => continue,
            Err(unfit) => {
                let _ = erase::folder(dir, &hidden, shown);
                return Err(unfit);
            }
        }
    }
}

/// Gives a folder its name, unless somebody has it.
pub fn put(dir: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        // NFS and some others know no such flag. A folder replaces none but an empty one, which no container is.
        Err(Errno::INVAL | Errno::NOSYS) => renameat(dir, from, dir, to),
        result => result,
    }
}

pub fn taken(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("there is a container named '{name}' already"))
        .hint(format!("kakuri start {name} starts it; create --replace puts a new one in its place"))
}
