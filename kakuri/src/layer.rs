//! What is written to a folder that is shown by an overlay: the layer it goes to, what can be told of it afterwards, and
//! how it comes into the folder or goes.
//!
//! ```text
//! LAYERS/N/layer.json   which folder it belongs to, and when it was used
//! LAYERS/N/upper        what was written, as overlayfs keeps it; the container's, and hostile
//! LAYERS/N/work         overlayfs's own
//! ```
//! LAYERS is `NAME/cow` of a container, or a folder of a [try](tries). The original is never written to but by a
//! [commit](apply).

#[cfg(feature = "programs")]
pub mod apply;
#[cfg(feature = "programs")]
mod carry;
#[cfg(feature = "programs")]
pub mod commit;
pub mod compare;
#[cfg(feature = "programs")]
pub mod conflict;
#[cfg(feature = "programs")]
mod diff;
#[cfg(feature = "programs")]
pub mod journal;
mod kind;
pub mod list;
#[cfg(feature = "programs")]
pub mod patch;
#[cfg(feature = "programs")]
pub mod plan;
#[cfg(feature = "programs")]
pub mod prune;
pub mod split;
mod stamp;
#[cfg(feature = "programs")]
pub mod subject;
#[cfg(feature = "programs")]
pub mod tries;
#[cfg(feature = "programs")]
pub mod undo;
pub mod upper;

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, chmodat, fstat, mkdirat, openat2};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

pub use kind::Kind;
pub use stamp::Stamp;

use crate::bind::source;
use crate::host::as_path;
use crate::store::folder;

pub const UPPER: &str = "upper";
const WORK: &str = "work";
const FILE: &str = "layer.json";
const VERSION: u32 = 1;
/// Of the moments a layer was used from; more are told apart no longer.
const STARTS: usize = 4096;
const PRIVATE: Mode = Mode::from_raw_mode(0o700);

/// What is written down of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub version: u32,
    /// The folder: resolved.
    pub from: Bytes,
    /// Where the container sees it.
    pub at: Bytes,
    /// The folder's own files only: something is mounted in it, and its folders have layers of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split: bool,
    /// The folder's mode when the layer was made.
    #[serde(default)]
    pub mode: u32,
    /// From when on it was used, each time.
    pub starts: Vec<Stamp>,
}

/// A layer that a start uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// LAYERS/N
    pub folder: PathBuf,
    pub record: Record,
}

/// The layers of one start, while they are being decided. Nothing is made.
#[derive(Default)]
pub struct Layers {
    /// None: they lie in memory, and go with the container.
    place: Option<PathBuf>,
    there: Vec<(u32, Record)>,
    pub wanted: Vec<Wanted>,
}

impl Layers {
    /// In this folder, which need not exist yet.
    pub fn at(place: &Path) -> Layers {
        let real = source::future(&Bytes::from(place).0);
        let place = std::fs::canonicalize(as_path(&real)).map_or(real, |real| real.into_os_string().into_vec());
        let there = all(as_path(&place));
        Layers { place: Some(as_path(&place).to_path_buf()), there, wanted: Vec::new() }
    }

    pub fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// The layer of this folder at this place: the one it had before, or a new one.
    pub fn layer(&mut self, from: &[u8], at: &[u8], split: bool) -> Option<kakuri_mount::Layer> {
        let place = self.place.as_ref()?;
        let same = |r: &Record| r.from.as_bytes() == from && r.at.as_bytes() == at && r.split == split;
        let (number, record) = match self.there.iter().find(|(_, record)| same(record)) {
            Some((number, record)) => (*number, record.clone()),
            None => {
                let number = self.there.iter().map(|(number, _)| *number).max().unwrap_or(0) + 1;
                let (from, at) = (Bytes(from.to_vec()), Bytes(at.to_vec()));
                let record = Record { version: VERSION, from, at, split, mode: 0, starts: Vec::new() };
                self.there.push((number, record.clone()));
                (number, record)
            }
        };
        let folder = place.join(number.to_string());
        let inside = |name: &str| Bytes::from(folder.join(name));
        let layer = kakuri_mount::Layer { upper: inside(UPPER), work: inside(WORK) };
        self.wanted.push(Wanted { folder, record });
        Some(layer)
    }
}

/// Every layer in a folder of them, by number. What is no layer, or cannot be read, is none.
pub fn all(place: &Path) -> Vec<(u32, Record)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(bytes) = folder::open_own(&entry.path()).and_then(|fd| folder::read(&fd, FILE)) else { continue };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else { continue };
        if record.version == VERSION {
            all.push((number, record));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    all
}

/// Makes the layers that are new, and writes down that all of them are used from now on. Returns once whatever is
/// changed in the originals later has a later time than that.
pub fn begin(wanted: &[Wanted]) -> Result<()> {
    let Some(first) = wanted.first() else { return Ok(()) };
    let cannot = |folder: &Path, e: Errno| {
        let fail = Fail::new(Stage::Front, format!("cannot make a layer in '{}'", Bytes::from(folder))).errno(e);
        match e {
            Errno::NOSPC | Errno::DQUOT => fail.hint("make room on its disk, or name another: kakuri config path"),
            _ => fail.hint(format!("ls -la '{}' shows what is there", Bytes::from(folder))),
        }
    };
    if let Some(place) = first.folder.parent() {
        make(place, PRIVATE).map_err(|e| cannot(place, e))?;
    }
    let mut records = Vec::with_capacity(wanted.len());
    for Wanted { folder, record } in wanted {
        let new = make_one(folder, record).map_err(|e| cannot(folder, e))?;
        records.push(Record { mode: new.unwrap_or(record.mode), ..record.clone() });
    }
    let now = Stamp::take();
    for (Wanted { folder, .. }, mut record) in wanted.iter().zip(records) {
        if record.starts.len() >= STARTS {
            // An earlier start is the careful guess.
            record.starts.pop();
        }
        record.starts.push(now);
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        let written = folder::open_own(folder).map_err(|unfit| {
            unfit.fail(
                format!("cannot use the layer '{}'", Bytes::from(folder)),
                format!("ls -ld '{}' shows what is there", Bytes::from(folder)),
            )
        })?;
        folder::write(&written, FILE, &bytes).map_err(|e| cannot(folder, e))?;
    }
    now.wait();
    Ok(())
}

/// A name in a folder below some top, which itself is the empty path.
pub fn child(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match (folder, name) {
        (b"", _) => name.to_vec(),
        (_, b"") => folder.to_vec(),
        _ => [folder, b"/", name].concat(),
    }
}

fn make(path: &Path, mode: Mode) -> Result<(), Errno> {
    match mkdirat(CWD, path, mode) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e),
    }
}

/// The mode of what it shows, where it is new.
fn make_one(folder: &Path, record: &Record) -> Result<Option<u32>, Errno> {
    make(folder, PRIVATE)?;
    make(&folder.join(WORK), PRIVATE)?;
    let layer = folder.join(UPPER);
    match mkdirat(CWD, &layer, PRIVATE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(None),
        Err(e) => return Err(e),
    }
    // What it shows has its mode.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let from = openat2(CWD, record.from.as_bytes(), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
    let mode = fstat(&from)?.st_mode & upper::PERMISSIONS;
    chmodat(CWD, &layer, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())?;
    Ok(Some(mode))
}
