//! What a commit is about to do, is doing, or has done: written down before anything is touched, so that a commit that
//! was cut off is finished later, and one that was finished can be taken back.
//!
//! ```text
//! LAYERS/undo/N/journal.json   how far it has come
//! LAYERS/undo/N/ops            what it does, a line each
//! LAYERS/undo/N/after          what each of them has left, once all is done
//! LAYERS/undo/N/excused        what it has changed of originals beside that
//! LAYERS/undo/N/saved/M        what was there before
//! ```

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, sys};
use rustix::fs::{Mode, OFlags, fsync, openat, renameat};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Stamp;
use super::upper::{Node, Tree};
use crate::store::{erase, folder};

const FOLDER: &str = "undo";
const STATE: &str = "journal.json";
const OPS: &str = "ops";
const AFTER: &str = "after";
const EXCUSED: &str = "excused";
const SAVED: &str = "saved";
const VERSION: u32 = 1;
/// Bytes of one list: millions of paths.
const LARGEST: u64 = 4 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has been touched.
    Preparing,
    /// Some of it may be done: it is gone on with.
    Applying,
    Done,
    /// And the layer has lost what the original has now.
    Cleared,
    /// Some of it may be taken back: that is gone on with.
    Undoing,
    Undone,
}

/// One thing done to one path, in the order of doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Op {
    pub layer: u32,
    /// Below the layer's folder.
    pub path: Bytes,
    pub act: Act,
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seen>,
    /// And its attributes, where they may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(Bytes, Bytes)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Act {
    /// A folder its owner has closed to himself is opened; its mode comes back at the end.
    Open,
    /// Away with it, into `saved`.
    Remove,
    Folder,
    /// A file, link or pipe takes the place of what is there.
    Put,
    /// Another name of what was put at this path before.
    Same(Bytes),
    /// Mode, attributes and time alone.
    Rights {
        mode: u32,
    },
}

/// A thing as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub id: (u64, u64),
    pub changed: Stamp,
    pub mode: u32,
    pub modified: Stamp,
    /// Of two things with one number, one after the other, tells which.
    pub made: Option<Stamp>,
}

impl Seen {
    pub fn of(node: &Node) -> Seen {
        Seen { id: node.id, changed: node.changed, mode: node.mode, modified: node.modified, made: node.made }
    }

    /// Whether it is still that one, whatever became of it.
    pub fn is(&self, node: &Node) -> bool {
        (self.id, self.made) == (node.id, node.made)
    }

    /// And nothing of it was changed.
    pub fn is_exactly(&self, node: &Node) -> bool {
        self.is(node) && self.changed == node.changed
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    state: State,
    began: Stamp,
}

pub struct Journal {
    pub path: PathBuf,
    folder: OwnedFd,
    head: Head,
    pub ops: Vec<Op>,
    /// For each, what it has left; None: nothing, or it was not done.
    pub after: Vec<Option<Seen>>,
    /// Originals that were changed by the commit itself, or its undoing: device and inode, and since when.
    excused: BTreeSet<((u64, u64), Stamp)>,
}

/// Every journal of these layers, the oldest first. One that was cut off while it was being made is cleared away.
pub fn all(place: &Path) -> Result<Vec<Journal>> {
    let mut numbers: Vec<u32> = std::fs::read_dir(place.join(FOLDER))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
        .collect();
    numbers.sort_unstable();
    let mut all = Vec::new();
    for number in numbers {
        let path = place.join(FOLDER).join(number.to_string());
        match Journal::open(&path)? {
            Some(journal) if journal.head.state != State::Preparing => all.push(journal),
            _ => clear(&path)?,
        }
    }
    Ok(all)
}

/// Whether a commit of these layers was cut off, and is not finished yet.
pub fn is_cut_off(place: &Path) -> bool {
    let entries = std::fs::read_dir(place.join(FOLDER)).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let head = folder::open_own(&entry.path()).and_then(|fd| folder::read(&fd, STATE));
        let head = head.ok().and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok());
        head.is_some_and(|head| matches!(head.state, State::Applying | State::Undoing))
    })
}

fn clear(path: &Path) -> Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return Ok(()) };
    let dir = folder::open_own(above).map_err(|unfit| unfit.fail(what(path), look(above)))?;
    erase::folder(&dir, name, above)
}

fn what(path: &Path) -> String {
    format!("cannot use the journal '{}'", Bytes::from(path))
}

pub fn look(path: &Path) -> String {
    format!("ls -la '{}' shows what is there", Bytes::from(path))
}

fn errno(e: &std::io::Error) -> Errno {
    Errno::from_io_error(e).unwrap_or(Errno::IO)
}

impl Journal {
    /// A new one, with nothing in it yet.
    pub fn begin(place: &Path, ops: Vec<Op>) -> Result<Journal> {
        let undo = place.join(FOLDER);
        let cannot = |e: std::io::Error| unwritten(&undo, errno(&e));
        let number = all(place)?
            .iter()
            .filter_map(|j| j.path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok()))
            .max();
        let path = undo.join((number.unwrap_or(0) + 1).to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(path.join(SAVED)).map_err(cannot)?;
        let folder = folder::open_own(&path).map_err(|unfit| unfit.fail(what(&path), "try again"))?;
        let head = Head { version: VERSION, state: State::Preparing, began: Stamp::take() };
        let after = vec![None; ops.len()];
        let journal = Journal { path, folder, head, ops, after, excused: BTreeSet::new() };
        let made = journal.write(OPS, &journal.ops).and_then(|()| journal.write_head());
        if made.is_err() {
            let _ = clear(&journal.path);
        }
        made.map(|()| journal)
    }

    /// None where it has no head yet.
    fn open(path: &Path) -> Result<Option<Journal>> {
        let broken = |why: String| {
            Fail::new(Stage::Front, what(path)).why(why).hint(format!(
                "what was there before the commit is in '{}'; with that kept, remove the journal",
                Bytes::from(&path.join(SAVED))
            ))
        };
        let folder = folder::open_own(path).map_err(|unfit| unfit.fail(what(path), look(path)))?;
        if !folder::exists(&folder, STATE) {
            return Ok(None);
        }
        let head = folder::read(&folder, STATE).map_err(|unfit| unfit.fail(what(path), look(path)))?;
        let head: Head = serde_json::from_slice(&head).map_err(|e| broken(e.to_string()))?;
        if head.version != VERSION {
            return Err(broken(format!("it is of version {}, and this kakuri knows version {VERSION}", head.version)));
        }
        let read = |name: &str| read_lines(&folder, name).map_err(|why| broken(format!("{name}: {why}")));
        let ops: Vec<Op> = serde_lines(&read(OPS)?).map_err(&broken)?;
        let mut after: Vec<Option<Seen>> = match folder::exists(&folder, AFTER) {
            true => serde_lines(&read(AFTER)?).map_err(&broken)?,
            false => Vec::new(),
        };
        after.resize(ops.len(), None);
        let excused = match folder::exists(&folder, EXCUSED) {
            true => serde_lines(&read(EXCUSED)?).map_err(&broken)?.into_iter().collect(),
            false => BTreeSet::new(),
        };
        Ok(Some(Journal { path: path.to_path_buf(), folder, head, ops, after, excused }))
    }

    pub fn state(&self) -> State {
        self.head.state
    }

    pub fn began(&self) -> Stamp {
        self.head.began
    }

    pub fn set(&mut self, state: State) -> Result<()> {
        if !self.excused.is_empty() {
            self.write(EXCUSED, &self.excused)?;
        }
        self.head.state = state;
        self.write_head()
    }

    /// Written with the next state.
    pub fn excuse(&mut self, node: &Node) {
        self.excused.insert((node.id, node.changed));
    }

    /// Whether this change of an original was the commit's own.
    pub fn excuses(&self, node: &Node) -> bool {
        self.excused.contains(&(node.id, node.changed))
    }

    pub fn write_after(&self) -> Result<()> {
        self.write(AFTER, &self.after)
    }

    /// Where what an op takes away lies, under the op's number.
    pub fn saved(&self) -> Result<Tree, Errno> {
        Tree::open_own(&self.path.join(SAVED))
    }

    /// With all that it has saved.
    pub fn forget(self) -> Result<()> {
        clear(&self.path)
    }

    fn write_head(&self) -> Result<()> {
        let bytes = serde_json::to_vec(&self.head).unwrap_or_default();
        folder::write(&self.folder, STATE, &bytes).map_err(|e| unwritten(&self.path, e))
    }

    fn write<'a, T: Serialize + 'a>(&self, name: &str, lines: impl IntoIterator<Item = &'a T> + Clone) -> Result<()> {
        let new = format!(".{name}.new");
        let write = || -> std::io::Result<()> {
            let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // Beside, and renamed: one that was cut off could not be read.
            let file = File::from(openat(&self.folder, &new, flags, Mode::from_raw_mode(0o600))?);
            let mut out = std::io::BufWriter::new(file);
            for line in lines.clone() {
                serde_json::to_writer(&mut out, line)?;
                out.write_all(b"\n")?;
            }
            out.into_inner().map_err(|e| e.into_error())?.sync_all()?;
            renameat(&self.folder, &new, &self.folder, name)?;
            Ok(fsync(&self.folder)?)
        };
        // With a limit on file sizes the kernel would kill us instead of saying so.
        sys::ignoring(libc::SIGXFSZ, write).map_err(|e| unwritten(&self.path, errno(&e)))
    }
}

pub fn unwritten(path: &Path, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Front, format!("cannot write to '{}'", Bytes::from(path))).errno(e);
    match e {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => fail.hint("make room on its disk; nothing was changed"),
        _ => fail.hint(look(path)),
    }
}

fn read_lines(folder: &OwnedFd, name: &str) -> std::result::Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty()).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    File::from(file).take(LARGEST).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn serde_lines<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<Vec<T>, String> {
    let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|e| e.to_string())).collect()
}
