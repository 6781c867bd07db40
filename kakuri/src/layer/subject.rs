//! What changes, commit and discard are about: a try, or a container; its layers, and what was committed of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::apply::{self, Trees};
use super::journal::{self, Journal, State};
use super::list::{Change, Pair};
use super::tries::{self, Tries, Try};
use super::upper::Form;
use super::{Record, all, undo};
use crate::base::image;
use crate::base::kept::{Kept, UPPER};
use crate::bind::source;
use crate::config::Config;
use crate::host::{Host, as_path};
use crate::image::ready::{self, Fetch};
use crate::pathname;
use crate::spec::RootfsMode;
use crate::store::{Entry, Lock, Store};

/// The number of the layer over a container's root.
pub const ROOT: u32 = 0;

pub enum Owner {
    Try(Box<Try>),
    Container(Box<Entry>),
}

pub struct Subject {
    pub owner: Owner,
    /// Where its layers are.
    pub place: PathBuf,
    pub pairs: Vec<Pair>,
    pub journals: Vec<Journal>,
    /// None: somebody is writing, and it can be looked at only.
    pub lock: Option<Lock>,
    /// It was found in the middle of a commit being taken back, and that is finished now.
    pub taken_back: bool,
}

/// What is looked for.
pub struct Wanted<'a> {
    pub container: Option<&'a str>,
    /// Absolute.
    pub paths: &'a [Vec<u8>],
    /// For a commit that is to be taken back.
    pub committed: bool,
    /// A folder that has gone is no error.
    pub lenient: bool,
}

impl Subject {
    /// The container of that name, else the latest try about the first path, or about where the caller is.
    pub fn find(wanted: &Wanted, host: &Host, config: &Config) -> Result<Subject> {
        let mut subject = match wanted.container {
            Some(name) => Subject::of_container(Store::of(config, host).find(name)?, config)?,
            None => Subject::of_try(latest(wanted, host)?, wanted.lenient)?,
        };
        subject.finish()?;
        Ok(subject)
    }

    fn of_try(found: Try, lenient: bool) -> Result<Subject> {
        let lock = found.lock()?;
        let place = found.folder.clone();
        let pairs = match pairs(&place) {
            Err(_) if lenient => Vec::new(),
            pairs => pairs?,
        };
        let journals = if lock.is_some() && !lenient { journal::all(&place)? } else { Vec::new() };
        Ok(Subject { owner: Owner::Try(Box::new(found)), place, pairs, journals, lock, taken_back: false })
    }

    fn of_container(entry: Entry, config: &Config) -> Result<Subject> {
        let Some(kept) = entry.kept() else {
            return Err(Fail::new(Stage::Front, format!("cannot tell what '{}' has changed", entry.name))
                .why("it keeps no files: what it writes is in memory, and goes with it")
                .hint("kakuri create makes one that keeps them; kakuri try keeps what a command changes"));
        };
        let lock = entry.try_lock()?;
        let place = kept.layers();
        let mut pairs = pairs(&place)?;
        pairs.extend(match entry.record.spec.image {
            Some(_) => Some(image(&entry, &kept, config)?),
            None => root(&entry, &kept)?,
        });
        let journals = if lock.is_some() { journal::all(&place)? } else { Vec::new() };
        Ok(Subject { owner: Owner::Container(Box::new(entry)), place, pairs, journals, lock, taken_back: false })
    }

    /// Finishes what was cut off.
    fn finish(&mut self) -> Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        let trees = Trees(&self.pairs);
        for journal in &mut self.journals {
            match journal.state() {
                State::Applying => {
                    let passed = apply::apply(journal, &trees)?;
                    crate::output::warn("a commit that was cut off has been finished");
                    for path in passed {
                        crate::output::warn(format!("'{path}' was changed meanwhile, and stays as it is"));
                    }
                }
                State::Undoing => {
                    undo::undo(journal, &trees)?;
                    self.taken_back = true;
                    crate::output::warn("a commit that was being taken back is taken back now");
                }
                _ => {}
            }
        }
        if let Owner::Try(found) = &mut self.owner
            && self.taken_back
        {
            found.record.state = tries::State::Open;
            found.write()?;
        }
        self.forget_committed()
    }

    /// Of a container, which goes on with its layers: what was committed is the original's now.
    pub fn forget_committed(&mut self) -> Result<()> {
        let Owner::Container(entry) = &self.owner else { return Ok(()) };
        for journal in self.journals.iter_mut().filter(|journal| journal.state() == State::Done) {
            for pair in &self.pairs {
                super::prune::forget_committed(pair, &journal.ops).map_err(|e| {
                    Fail::new(Stage::Front, format!("cannot clear the layer of '{}'", entry.name)).errno(e)
                })?;
            }
            journal.set(State::Cleared)?;
        }
        Ok(())
    }

    fn has_image(&self) -> bool {
        matches!(&self.owner, Owner::Container(entry) if entry.record.spec.image.is_some())
    }

    /// For people: what it is called.
    pub fn shown(&self) -> String {
        match &self.owner {
            Owner::Try(found) => found.shown(),
            Owner::Container(entry) => entry.name.clone(),
        }
    }

    /// Whoever wants to change something must hold it.
    pub fn held(&self, what: &str) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let fail = Fail::new(Stage::Front, format!("cannot {what} now"));
        Err(match &self.owner {
            Owner::Try(found) => fail
                .why(format!("the try of '{}' still runs, or another kakuri is at it", found.shown()))
                .hint("end its command first, or wait: kakuri changes --list shows how it is"),
            Owner::Container(entry) => fail
                .why(format!("the container '{}' is running", entry.name))
                .hint(format!("kakuri stop {}", entry.name)),
        })
    }

    /// What is not committed yet, by layer; of these paths, if any are named.
    pub fn changes(&self, paths: &[Vec<u8>]) -> Result<Vec<(&Pair, Vec<Change>)>> {
        let mut committed = BTreeSet::new();
        // A container's layer has lost what was committed; a try's has it still, for who takes the commit back.
        if matches!(self.owner, Owner::Try(_)) {
            let done = self.journals.iter().filter(|journal| journal.state() == State::Done);
            committed.extend(done.flat_map(|j| &j.ops).map(|op| (op.layer, op.path.as_bytes())));
        }
        let mut all = Vec::new();
        for pair in &self.pairs {
            let mut changes = pair.changes()?;
            let of_image = pair.number == ROOT && self.has_image();
            changes.retain(|change| !(of_image && is_mount_point(change)));
            changes.retain(|change| {
                !committed.contains(&(pair.number, &change.path[..])) && is_wanted(pair, &change.path, paths)
            });
            all.push((pair, changes));
        }
        Ok(all)
    }
}

/// Whether it was made at a start for the container's own to be mounted on, in an image that lacks it.
fn is_mount_point(change: &Change) -> bool {
    const FOLDERS: [&[u8]; 3] = [b"dev", b"proc", b"sys"];
    const FILES: [&[u8]; 3] = [b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"];
    let path = &change.path[..];
    match &change.after {
        Some(new) if change.before.is_none() && new.is(Form::Folder) => FOLDERS.contains(&path),
        Some(new) if change.before.is_none() && new.is(Form::File) => new.size == 0 && FILES.contains(&path),
        _ => false,
    }
}

/// Whether a path of a layer is one of these or lies below one: as the host knows it, or the container.
pub fn is_wanted(pair: &Pair, path: &[u8], paths: &[Vec<u8>]) -> bool {
    let below = |there: Vec<u8>| paths.iter().any(|wanted| pathname::below(&there, wanted).is_some());
    paths.is_empty() || below(pair.on_host(path)) || below(pair.inside(path))
}

/// The layers in a folder, each with what it lies over.
pub fn pairs(place: &std::path::Path) -> Result<Vec<Pair>> {
    all(place).into_iter().map(|(number, record)| Pair::open(place, number, record)).collect()
}

/// The layer over a container's root, where that is a folder.
fn root(entry: &Entry, kept: &Kept) -> Result<Option<Pair>> {
    let Some(rootfs) = entry.record.spec.rootfs.as_ref().filter(|r| r.mode == RootfsMode::Overlay) else {
        return Ok(None);
    };
    let host = Host::look();
    let typed = source::typed_path(&host, rootfs.path.as_bytes())?;
    let from = Bytes(source::future(&typed));
    let record = Record { version: 1, from, at: "/".into(), split: false, mode: 0o755, starts: Vec::new() };
    Pair::of(&upper(kept), ROOT, record).map(Some)
}

/// The layer over an image's.
fn image(entry: &Entry, kept: &Kept, config: &Config) -> Result<Pair> {
    let spec = &entry.record.spec;
    let host = Host::look();
    let found = ready::prepare(spec, &host, config, Fetch::Never { login: false })?;
    let ready = found.ok_or_else(|| Fail::new(Stage::Front, format!("'{}' has no image", entry.name)))?;
    let lower = image::look(&ready, None)?;
    let record = Record { version: 1, from: "/".into(), at: "/".into(), split: false, mode: 0o755, starts: Vec::new() };
    Pair::of_image(&upper(kept), ROOT, record, lower)
}

fn upper(kept: &Kept) -> PathBuf {
    let upper = pathname::join(&Bytes::from(&kept.folder).0, &UPPER[1..]);
    as_path(&source::real(&upper).unwrap_or(upper)).to_path_buf()
}

fn latest(wanted: &Wanted, host: &Host) -> Result<Try> {
    let path = wanted.paths.first().map(Vec::as_slice).or(host.cwd.as_deref()).unwrap_or(b"/");
    let real = source::real(path);
    let fits = |found: &&Try| {
        let cut_off = || journal::is_cut_off(&found.folder);
        let state = found.record.state == tries::State::Open || wanted.committed || cut_off();
        state && (found.is_about(path) || real.as_ref().is_some_and(|real| found.is_about(real)))
    };
    let all = Tries::of(host).all()?;
    let fail = || Fail::new(Stage::Front, format!("nothing was tried in '{}'", Bytes(path.to_vec())));
    let found = match wanted.committed {
        // The one that was committed last.
        true => all.into_iter().filter(|found| fits(&found)).max_by_key(last_commit),
        false => all.into_iter().find(|found| fits(&found)),
    };
    found.ok_or_else(|| {
        fail().hint(
            "kakuri changes --list shows what was tried and where; kakuri try CMD runs a command that changes nothing",
        )
    })
}

/// When something of it was committed last; what was cut off comes before all.
fn last_commit(found: &Try) -> (bool, Option<super::Stamp>) {
    let journals = journal::all(&found.folder).unwrap_or_default();
    let done = journals.iter().filter(|journal| journal.state() == State::Done).map(Journal::began).max();
    (journal::is_cut_off(&found.folder), done)
}
