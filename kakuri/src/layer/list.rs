//! Everything that a layer changes, path by path: folders before what lies in them, names in their order.

use std::path::Path;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, CWD, Mode, chmodat};
use rustix::io::Errno;

use super::compare::{Side, compare};
use super::upper::{Form, Node, Tree, link_of};
use super::{Kind, Record, UPPER, child};
use crate::layout::Root;
use crate::pathname;

/// A layer and the folder it lies over.
pub struct Pair {
    pub number: u32,
    pub record: Record,
    pub upper: Tree,
    pub lower: Tree,
}

/// One path that is not as it was.
#[derive(Clone, Debug)]
pub struct Change {
    /// Below the folder; empty for itself.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub before: Option<Node>,
    pub after: Option<Node>,
}

/// Where something could not be read, and why.
pub type Failed = (Vec<u8>, Errno);

/// A folder on the way.
struct Way {
    path: Vec<u8>,
    /// The lower layer has a folder there.
    lower: bool,
    /// And the upper one hides what is in it.
    opaque: bool,
}

impl Pair {
    /// The layer of this number among those that lie in a folder.
    pub fn open(place: &Path, number: u32, record: Record) -> Result<Pair> {
        Pair::of(&place.join(number.to_string()).join(UPPER), number, record)
    }

    pub fn of(folder: &Path, number: u32, record: Record) -> Result<Pair> {
        let shown = record.from.clone();
        let cannot = |path: &Bytes, e: Errno| {
            let fail = Fail::new(Stage::Front, format!("cannot look at '{path}'")).errno(e);
            match e {
                Errno::NOENT | Errno::NOTDIR => fail
                    .why("the folder that was tried is not there any more")
                    .hint("put it back in its place, or give the changes up: kakuri discard"),
                _ => fail.hint(format!("ls -ld '{path}' shows what is there")),
            }
        };
        let lower = Tree::open(shown.as_path()).map_err(|e| cannot(&shown, e))?;
        let upper = Tree::open_own(folder).map_err(|e| cannot(&Bytes::from(folder), e))?;
        Ok(Pair { number, record, upper, lower })
    }

    /// What a container has written over its image.
    pub fn of_image(folder: &Path, number: u32, record: Record, lower: Root) -> Result<Pair> {
        let upper = Tree::open_own(folder)
            .map_err(|e| Fail::new(Stage::Front, format!("cannot look at '{}'", Bytes::from(folder))).errno(e))?;
        Ok(Pair { number, record, upper, lower: Tree::of_layers(lower) })
    }

    /// The path of a change inside.
    pub fn inside(&self, path: &[u8]) -> Vec<u8> {
        pathname::join(self.record.at.as_bytes(), path)
    }

    /// The path of a change on the host.
    pub fn on_host(&self, path: &[u8]) -> Vec<u8> {
        pathname::join(self.record.from.as_bytes(), path)
    }

    /// Everything that differs; what was only touched is among it.
    pub fn changes(&self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut opened = Opened::of(&self.upper);
        let walked = self.walk(&mut changes, &mut opened);
        opened.restore();
        walked.map_err(|(path, e)| {
            let path = Bytes(self.on_host(&path));
            let fail = Fail::new(Stage::Front, format!("cannot tell what changed in '{path}'")).errno(e);
            match e {
                Errno::NAMETOOLONG => {
                    fail.why("it lies deeper than a path can be long").hint("move it up, or take it away")
                }
                Errno::ACCESS => {
                    fail.hint(format!("namei -l '{path}' shows which folder on the way may not be read by you"))
                }
                _ => fail,
            }
        })?;
        changes.sort_by(|a, b| pathname::components(&a.path).cmp(pathname::components(&b.path)));
        Ok(changes)
    }

    fn walk(&self, changes: &mut Vec<Change>, opened: &mut Opened) -> Result<(), Failed> {
        let top = Way { path: Vec::new(), lower: true, opaque: false };
        self.root(changes).map_err(|e| (Vec::new(), e))?;
        let mut ways = vec![top];
        while let Some(way) = ways.pop() {
            let failed = |e| (way.path.clone(), e);
            opened.open(&way.path).map_err(failed)?;
            let mut names = self.upper.names(&way.path).map_err(failed)?;
            if way.lower && way.opaque {
                names.extend(self.lower.names(&way.path).map_err(failed)?);
                names.sort_unstable();
                names.dedup();
            }
            for name in names {
                let path = child(&way.path, &name);
                self.meet(&way, path.clone(), changes, &mut ways).map_err(|e| (path, e))?;
            }
        }
        Ok(())
    }

    /// The folder itself, which has no upper of its own until it is changed: the layer's top was made like it.
    fn root(&self, changes: &mut Vec<Change>) -> Result<(), Errno> {
        let (old, new) = (self.lower.at(b"").and_then(Node::of)?, self.upper.at(b"").and_then(Node::of)?);
        if new.permissions() != self.record.mode && new.permissions() != old.permissions() {
            changes.push(Change { path: Vec::new(), kind: Kind::Mode, before: Some(old), after: Some(new) });
        }
        Ok(())
    }

    fn meet(&self, way: &Way, path: Vec<u8>, changes: &mut Vec<Change>, ways: &mut Vec<Way>) -> Result<(), Errno> {
        let new = self.upper.node(&path)?;
        let old = match self.lower.node(&path) {
            _ if !way.lower => None,
            // Behind a folder that was closed since, by a commit maybe, nobody sees what is there.
            Err(Errno::ACCESS) => None,
            old => old?,
        };
        let new = match new.filter(|new| !new.is(Form::Whiteout)) {
            Some(new) => new,
            None => {
                changes.extend(old.map(|old| Change { path, kind: Kind::Deleted, before: Some(old), after: None }));
                return Ok(());
            }
        };
        let kind = match &old {
            None => Some(Kind::Added),
            Some(old) => compare(
                Side { tree: &self.lower, rest: &path, node: old },
                Side { tree: &self.upper, rest: &path, node: &new },
            )?,
        };
        if new.is(Form::Folder) {
            let lower = old.as_ref().is_some_and(|old| old.is(Form::Folder));
            // In a folder that hides everything so does every folder.
            let opaque = lower && (way.opaque || self.upper.is_opaque(&path));
            ways.push(Way { path: path.clone(), lower, opaque });
        }
        changes.extend(kind.map(|kind| Change { path, kind, before: old, after: Some(new) }));
        Ok(())
    }

    /// Everything that lies in a folder of the original, itself first.
    pub fn below(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, Failed> {
        let mut all = Vec::new();
        let mut left = vec![path.to_vec()];
        while let Some(path) = left.pop() {
            let failed = |e| (path.clone(), e);
            let Some(node) = self.lower.node(&path).map_err(failed)? else { continue };
            if node.is(Form::Folder) {
                let names = self.lower.names(&path).map_err(failed)?;
                left.extend(names.iter().rev().map(|name| child(&path, name)));
            }
            all.push((path, node));
        }
        Ok(all)
    }
}

/// Folders of a layer that their owner has closed to himself: opened for as long as they are looked at.
pub struct Opened<'a> {
    tree: &'a Tree,
    closed: Vec<(Vec<u8>, u32)>,
}

impl<'a> Opened<'a> {
    pub fn of(tree: &'a Tree) -> Opened<'a> {
        Opened { tree, closed: Vec::new() }
    }

    pub fn open(&mut self, path: &[u8]) -> Result<(), Errno> {
        let folder = self.tree.folder(path)?;
        let mode = Node::of(&folder)?.mode;
        if mode & 0o500 != 0o500 {
            chmodat(CWD, link_of(&folder), Mode::from_raw_mode(mode | 0o500), AtFlags::empty())?;
            self.closed.push((path.to_vec(), mode));
        }
        Ok(())
    }

    /// Every folder on the way to a path; what is not there needs no opening.
    pub fn open_way(&mut self, path: &[u8]) {
        let folder = path.iter().rposition(|&b| b == b'/').map_or(&b""[..], |slash| &path[..slash]);
        let ends = std::iter::once(0).chain((1..=folder.len()).filter(|&at| folder.get(at).is_none_or(|&b| b == b'/')));
        for end in ends {
            if self.open(&folder[..end]).is_err() {
                return;
            }
        }
    }

    pub fn restore(&mut self) {
        while let Some((path, mode)) = self.closed.pop() {
            if let Ok(folder) = self.tree.folder(&path) {
                let _ = chmodat(CWD, link_of(&folder), Mode::from_raw_mode(mode), AtFlags::empty());
            }
        }
    }
}
