//! work/RANDOM/: what one pull is making. Its lock says that it lives, and `pins.json` what must not be collected
//! meanwhile; the unpacker sees the folder, and nothing else of the store.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kakuri_image::{Digest, Layer, Platform, Recipe};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{fstatvfs, mkdirat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::place::{self, LOCK, REFS, WORK, full, make};
use super::record::{self, Record};
use super::refs::{self, Ref};
use super::{Images, Stored, blob, file, layer, ready};
use crate::store::folder::{self, Unfit};
use crate::store::lock::{self, Lock};
use crate::store::{erase, name};

const PINS: &str = "pins.json";
/// Nobody holds the store's lock for longer than a few renames take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    version: u32,
    pub recipe: Recipe,
    pub index: Option<Digest>,
}

/// What a layer that is not in the store is made of.
#[derive(Debug)]
pub enum Need {
    /// The whole blob.
    Blob(File),
    /// So many of its first bytes are in the work folder; 0 is nothing.
    Rest(u64),
}

pub struct Work {
    images: Images,
    top: OwnedFd,
    folder: OwnedFd,
    name: String,
    _lock: Lock,
    key: String,
    pins: Option<Pins>,
    /// Layers of which something was here when they were begun.
    here: std::cell::RefCell<std::collections::BTreeSet<usize>>,
}

/// How an image came.
pub struct Came<'a> {
    pub name: &'a str,
    pub platform: &'a Platform,
    /// The documents it was made of, each of a digest that was found right: manifest, configuration, index.
    pub documents: &'a [(Digest, Vec<u8>)],
}

/// Whoever has it pulls the image of this name; the others wait.
pub struct Turn {
    top: OwnedFd,
    path: String,
    _lock: Lock,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = rustix::fs::unlinkat(&self.top, &self.path, rustix::fs::AtFlags::empty());
    }
}

impl Images {
    /// None: somebody else has it.
    pub fn try_turn(&self, name: &str, platform: &Platform) -> Result<Option<Turn>> {
        let top = self.open_or_make()?;
        let path = format!("{REFS}/{}.pull", refs::file(name, platform).trim_end_matches(".json"));
        match lock::try_take_file(top.as_fd(), &path) {
            Ok(Some(lock)) => Ok(Some(Turn { top, path, _lock: lock })),
            Ok(None) => Ok(None),
            Err(unfit) => {
                Err(unfit.fail(self.what("lock"), format!("ls -la '{}' shows what is there", Bytes::from(&self.dir))))
            }
        }
    }

    /// The lock of the whole store. It is had for moments.
    pub(super) fn lock(&self, top: &OwnedFd) -> Result<Lock> {
        let end = Instant::now() + PATIENCE;
        loop {
            match lock::try_take_file(top.as_fd(), LOCK) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => {
                    return Err(Fail::new(Stage::Front, self.what("lock"))
                        .why("another kakuri has held its lock for a long time")
                        .hint("wait for it, or end it: ps -C kakuri -o pid,args lists them"));
                }
                Err(unfit) => {
                    return Err(unfit
                        .fail(self.what("lock"), format!("ls -la '{}' shows what is there", Bytes::from(&self.dir))));
                }
            }
        }
    }

    /// A folder to make images in, for these ids.
    pub fn begin(&self, key: &str) -> Result<Work> {
        let top = self.open_or_make()?;
        let what = || format!("cannot make a folder in {WORK} of the folder of images");
        let cannot = |e: Errno| full(Fail::new(Stage::Front, what()).errno(e), e);
        // So that nobody sweeps it before its own lock is held.
        let _store = self.lock(&top)?;
        let name = name::random(6)?;
        let path = format!("{WORK}/{name}");
        mkdirat(&top, &path, rustix::fs::Mode::RWXU).map_err(cannot)?;
        let folder = folder::open_own_at(&top, &path).map_err(|unfit| unfit.fail(what(), "try again"))?;
        let lock = match lock::try_take(folder.as_fd()) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(cannot(Errno::AGAIN)),
            Err(Unfit::Errno(e)) => return Err(cannot(e)),
            Err(unfit) => return Err(unfit.fail(what(), "try again")),
        };
        Ok(Work {
            images: self.clone(),
            top,
            folder,
            name,
            _lock: lock,
            key: key.into(),
            pins: None,
            here: Default::default(),
        })
    }
}

impl Work {
    pub fn path(&self) -> PathBuf {
        self.images.dir.join(WORK).join(&self.name)
    }

    /// Where the tree of a layer is: in the store, or still here.
    pub fn tree(&self, n: usize, layer: &Layer) -> PathBuf {
        match layer::read(&self.top, &self.key, layer) {
            Some(_) => self.images.dir.join(place::layer(&self.key, &layer.chain)).join(layer::TREE),
            None => self.path().join(n.to_string()).join(layer::TREE),
        }
    }

    /// Says what is about to be made, and tells of each layer whether it is in the store; with `mend`, whether its blob is
    /// too. From here on nothing of it is collected.
    pub fn pin(&mut self, recipe: &Recipe, index: Option<&Digest>, mend: bool) -> Result<Vec<bool>> {
        let _store = self.images.lock(&self.top)?;
        let pins = Pins { version: file::VERSION, recipe: recipe.clone(), index: index.cloned() };
        file::write(&self.folder, ".", PINS, &pins)?;
        self.pins = Some(pins);
        let is_here = |layer: &Layer| {
            layer::read(&self.top, &self.key, layer).is_some()
                && (!mend || blob::open(&self.top, &layer.digest, layer.size).is_some())
        };
        Ok(recipe.layers.iter().map(is_here).collect())
    }

    /// Whether the blobs of all layers that are not in the store are.
    pub fn has_blobs(&self, recipe: &Recipe) -> bool {
        let is_here = |layer: &Layer| {
            layer::read(&self.top, &self.key, layer).is_some()
                || blob::open(&self.top, &layer.digest, layer.size).is_some()
        };
        recipe.layers.iter().all(is_here)
    }

    /// What is here of a layer's blob, whole or its beginning. `kept`: what was kept will do.
    pub fn need(&self, n: usize, layer: &Layer, kept: bool) -> Need {
        if !kept {
            return Need::Rest(0);
        }
        let rest = || blob::resume(&self.top, &self.folder, &format!("{n}.blob"), &layer.digest, layer.size);
        let need = match blob::open(&self.top, &layer.digest, layer.size) {
            Some(file) => Need::Blob(file),
            None => Need::Rest(rest()),
        };
        if !matches!(need, Need::Rest(0)) {
            self.here.borrow_mut().insert(n);
        }
        need
    }

    /// Whether anything of it was here when it was begun.
    pub fn was_here(&self, n: usize) -> bool {
        self.here.borrow().contains(&n)
    }

    /// A refused blob is none; nor is what was unpacked of it.
    pub fn drop_blob(&self, n: usize, digest: &Digest) {
        blob::remove(&self.top, digest);
        let _ = rustix::fs::unlinkat(&self.folder, format!("{n}.blob"), rustix::fs::AtFlags::empty());
        let _ = erase::folder(&self.folder, &n.to_string(), &self.path());
    }

    /// The folder `N` that the tree of a layer is made in.
    pub fn make_wrapper(&self, n: usize) -> Result<()> {
        make(&self.folder, &n.to_string()).map_err(|e| {
            full(Fail::new(Stage::Front, format!("cannot make a folder in '{}'", self.folder_shown())).errno(e), e)
        })
    }

    /// For people.
    pub fn folder_shown(&self) -> Bytes {
        Bytes::from(&self.images.dir)
    }

    /// Bytes that may still be written.
    pub fn room(&self) -> Option<u64> {
        fstatvfs(&self.folder).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// The blob has been verified.
    pub fn put_blob(&self, n: usize, layer: &Layer) -> Result<()> {
        let name = format!("{n}.blob");
        if blob::size(&self.folder, &name) == 0 && layer.size > 0 {
            // It was read from the store.
            return Ok(());
        }
        blob::put(&self.top, &self.folder, &name, &layer.digest, layer.size)
    }

    /// All layers are whole and lie upon each other: `made` has the entries and bytes of those that are here, the others
    /// are in the store.
    pub fn commit(&self, recipe: &Recipe, made: &[Option<(u64, u64)>], came: &Came) -> Result<Stored> {
        for (n, (layer, made)) in recipe.layers.iter().zip(made).enumerate() {
            if let Some((entries, bytes)) = *made {
                layer::put(&self.top, &self.folder, n, &self.key, layer, entries, bytes)?;
            }
        }
        for (digest, bytes) in came.documents.iter().filter(|(digest, bytes)| digest.is_of(bytes)) {
            blob::write(&self.top, digest, bytes)?;
        }
        let done: Vec<_> = recipe.layers.iter().map(|layer| layer::read(&self.top, &self.key, layer)).collect();
        let size = done.iter().flatten().map(|done| done.bytes).sum();
        let index = self.pins.as_ref().and_then(|pins| pins.index.clone());
        let pulled = now();
        let version = file::VERSION;
        let record =
            Record { version, name: came.name.into(), recipe: recipe.clone(), size, index: index.clone(), pulled };
        // One that says the same is left as it is: a start may be reading it, and its first name stays.
        match record::read(&self.top, &recipe.manifest) {
            Ok(Some(old)) if old.recipe == *recipe && old.size == size => {}
            _ => record::write(&self.top, &record)?,
        }
        let synced = done.iter().all(|done| done.as_ref().is_some_and(|done| done.boot.is_none()));
        ready::write(&self.top, &self.key, recipe, synced)?;
        // What was only unpacked again keeps the names it has.
        if came.documents.is_empty() {
            return Ok(Stored { name: came.name.into(), recipe: recipe.clone() });
        }
        let (name, platform, image) = (came.name.to_string(), came.platform.clone(), recipe.manifest.clone());
        refs::write(&self.top, &Ref { version, name, platform, image, index, pulled })?;
        Ok(Stored { name: came.name.into(), recipe: recipe.clone() })
    }

    /// Ends it. What has come of blobs is kept.
    pub fn end(self) {
        self.keep_blobs();
        let path = format!("{WORK}/{}", self.name);
        let Ok(within) = folder::open_own_at(&self.top, WORK) else { return };
        if let Err(fail) = erase::folder(&within, &self.name, &self.images.dir.join(WORK)) {
            log::info!("{path}: {fail}");
        }
    }

    fn keep_blobs(&self) {
        if let Some(pins) = &self.pins {
            harvest(&self.top, &self.folder, pins);
        }
    }
}

/// Takes what has come of blobs out of a work folder.
pub fn harvest(top: &OwnedFd, folder: &OwnedFd, pins: &Pins) {
    for (n, layer) in pins.recipe.layers.iter().enumerate() {
        let name = format!("{n}.blob");
        if blob::size(folder, &name) > 0
            && let Err(e) = blob::keep(top, folder, &name, &layer.digest)
        {
            log::info!("cannot keep what has come of {}: {e}", layer.digest);
        }
    }
}

/// What the pull in this folder is making, if it has said so.
pub fn pins(folder: &OwnedFd) -> Option<Pins> {
    file::read::<Pins>(folder, PINS).ok().flatten()
}

/// Whether a pull lives in this folder.
pub fn is_alive(folder: &OwnedFd) -> bool {
    lock::is_held(folder.as_fd())
}

/// Its lock, where nobody lives in it.
pub fn take(folder: &OwnedFd) -> Option<Lock> {
    lock::try_take(folder.as_fd()).ok().flatten()
}

/// A folder in work/.
pub fn open(top: &OwnedFd, name: &str) -> Option<OwnedFd> {
    folder::open_own_at(top, &format!("{WORK}/{name}")).ok()
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
