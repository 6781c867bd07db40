//! Doing what a journal says, an op at a time. Each can be done again after a kill at any moment: what is done already
//! is found so, and what is half done has a name of its own until it is whole.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Mode, mkdirat, syncfs};
use rustix::io::Errno;

use super::carry::{self, Beside};
use super::compare::{Side, compare};
use super::journal::{Act, Journal, Op, Seen, State};
use super::list::{Opened, Pair};
use super::plan;
use super::upper::{Form, Node};
use crate::pathname;

/// Why an op was not done.
pub enum Trouble {
    /// Somebody else has changed it since the commit began.
    Changed,
    Errno(Errno),
}

impl From<Errno> for Trouble {
    fn from(e: Errno) -> Trouble {
        Trouble::Errno(e)
    }
}

/// The layers a journal speaks of.
pub struct Trees<'a>(pub &'a [Pair]);

impl Trees<'_> {
    pub fn of(&self, op: &Op) -> Result<&Pair> {
        self.0.iter().find(|pair| pair.number == op.layer).ok_or_else(|| {
            Fail::new(Stage::Front, format!("cannot finish a commit of '{}'", op.path))
                .why("the layer it came from is gone")
                .hint("what was there before is kept beside it, in the folder undo")
        })
    }
}

/// Keeps a copy of everything that will be replaced. Nothing else is touched.
pub fn save(journal: &Journal, trees: &Trees) -> Result<()> {
    let saved =
        (journal.saved()).and_then(|saved| saved.list(b"")).map_err(|e| super::journal::unwritten(&journal.path, e))?;
    for (n, op) in journal.ops.iter().enumerate() {
        if !matches!(op.act, Act::Put | Act::Same(_)) || op.before.is_none() {
            continue;
        }
        let pair = trees.of(op)?;
        let copied =
            pair.lower.at(op.path.as_bytes()).and_then(|from| carry::copy(&from, &saved, n.to_string().as_bytes()));
        copied.map_err(|e| {
            let path = Bytes(pair.on_host(op.path.as_bytes()));
            let fail = Fail::new(Stage::Front, format!("cannot keep a copy of '{path}'")).errno(e);
            match e {
                Errno::NOSPC | Errno::DQUOT | Errno::FBIG => {
                    fail.hint(format!("make room on the disk of '{}'; nothing was changed", Bytes::from(&journal.path)))
                }
                _ => fail.hint("nothing was changed"),
            }
        })?;
    }
    syncfs(&saved).map_err(|e| super::journal::unwritten(&journal.path, e))
}

/// Does all of it, or goes on with it. What others have changed meanwhile stays as they left it, and is named.
pub fn apply(journal: &mut Journal, trees: &Trees) -> Result<Vec<Bytes>> {
    let mut opened: Vec<Opened> = trees.0.iter().map(|pair| Opened::of(&pair.upper)).collect();
    for (pair, opened) in trees.0.iter().zip(&mut opened) {
        // The way to what is carried over may be closed, in the layer.
        journal.ops.iter().filter(|op| op.layer == pair.number).for_each(|op| opened.open_way(op.path.as_bytes()));
    }
    let mut passed = Vec::new();
    for n in 0..journal.ops.len() {
        let op = journal.ops[n].clone();
        let pair = trees.of(&op)?;
        let shown = || Bytes(pair.on_host(op.path.as_bytes()));
        match one(journal, n, &op, pair) {
            Ok(()) => {
                // For who takes it back, should the next one fail.
                let node = pair.lower.node(op.path.as_bytes()).ok().flatten();
                journal.after[n] = node.map(|node| Seen::of(&node));
            }
            Err(Trouble::Changed) => passed.push(shown()),
            Err(Trouble::Errno(e)) => {
                let fail = Fail::new(Stage::Front, format!("cannot commit '{}'", shown())).errno(e);
                return Err(match e {
                    Errno::ACCESS | Errno::PERM => fail.hint(format!(
                        "it, or the folder it lies in, is another user's: ls -ld '{0}' '{0}/..' shows it",
                        shown()
                    )),
                    Errno::BUSY => fail
                        .why("something is mounted there")
                        .hint(format!("unmount it, and commit again: sudo umount '{}'", shown())),
                    Errno::NOSPC | Errno::DQUOT | Errno::FBIG => fail.hint("make room on its disk"),
                    _ => fail,
                });
            }
        }
    }
    for pair in trees.0 {
        let _ = pair.lower.list(b"").and_then(syncfs);
    }
    let folders: BTreeSet<_> =
        journal.ops.iter().map(|op| (op.layer, plan::parent(op.path.as_bytes()).to_vec())).collect();
    for (layer, path) in folders {
        let pair = trees.0.iter().find(|pair| pair.number == layer);
        // That something in it was put or removed is our doing.
        if let Some(Ok(Some(node))) = pair.map(|pair| pair.lower.node(&path)) {
            journal.excuse(&node);
        }
    }
    journal.after = look(journal, trees)?;
    journal.write_after()?;
    journal.set(State::Done)?;
    for opened in &mut opened {
        opened.restore();
    }
    Ok(passed)
}

/// What there is now at each op's path.
pub fn look(journal: &Journal, trees: &Trees) -> Result<Vec<Option<Seen>>> {
    let mut all = Vec::with_capacity(journal.ops.len());
    for op in &journal.ops {
        let node = trees.of(op)?.lower.node(op.path.as_bytes());
        all.push(node.ok().flatten().map(|node| Seen::of(&node)));
    }
    Ok(all)
}

fn one(journal: &mut Journal, n: usize, op: &Op, pair: &Pair) -> Result<(), Trouble> {
    let path = op.path.as_bytes();
    let now = pair.lower.node(path)?;
    match &op.act {
        Act::Open => {
            let place = pair.lower.folder(path)?;
            Ok(carry::set_mode(&place, Node::of(&place)?.permissions() | 0o700)?)
        }
        Act::Remove => {
            let (saved, kept) = (journal.saved()?, n.to_string().into_bytes());
            let there = saved.node(&kept)?.is_some();
            match (now, op.before) {
                (None, _) => Ok(()),
                (Some(now), Some(before)) if before.is(&now) && !there => {
                    let place = pair.lower.at(path)?;
                    let part = [&kept[..], b".part"].concat();
                    carry::move_tree(&pair.lower, path, &saved.folder(b"")?, &kept, &part)?;
                    excuse(journal, &now, &place)
                }
                // It was copied, and the copy is whole.
                (Some(now), Some(before)) if before.is(&now) => Ok(carry::remove_tree(&pair.lower, path)?),
                // What comes in its place is there already.
                _ if there => Ok(()),
                _ => Err(Trouble::Changed),
            }
        }
        Act::Folder => match now {
            Some(now) if now.is(Form::Folder) => Ok(()),
            Some(_) => Err(Trouble::Changed),
            None => {
                let (folder, name) = place(pair, path)?;
                Ok(mkdirat(folder, name, Mode::RWXU)?)
            }
        },
        Act::Put => put(journal, n, op, pair, now),
        Act::Same(first) => {
            let other = pair.lower.node(first.as_bytes())?;
            match (&now, other) {
                (Some(now), Some(other)) if now.id == other.id => return Ok(()),
                (_, None) => return put(journal, n, op, pair, now),
                _ => {}
            }
            may_replace(op, pair, now.as_ref())?;
            let (folder, name) = place(pair, path)?;
            let (from, old) = place(pair, first.as_bytes())?;
            match Beside::link(&from, old, &folder, own_name(journal, n)) {
                Ok(beside) => Ok(beside.place(name, now.is_some())?),
                Err(Errno::XDEV | Errno::MLINK | Errno::PERM) => put(journal, n, op, pair, now),
                Err(e) => Err(e.into()),
            }
        }
        Act::Rights { mode } => {
            let Some(now) = now else { return Err(Trouble::Changed) };
            let place = pair.lower.at(path)?;
            if let Some(node) = pair.upper.node(path)?.filter(|node| node.form == now.form) {
                let time = Some(node.modified).filter(|_| node.is(Form::File));
                let kept = if now.is(Form::Folder) { now.mode & 0o6000 } else { 0 };
                return Ok(carry::rights(&place, mode | kept, &pair.upper.attributes(path)?, time)?);
            }
            Ok(carry::set_mode(&place, *mode)?)
        }
    }
}

fn put(journal: &mut Journal, n: usize, op: &Op, pair: &Pair, now: Option<Node>) -> Result<(), Trouble> {
    let path = op.path.as_bytes();
    let from = pair.upper.at(path)?;
    let node = Node::of(&from)?;
    if let Some(now) = &now {
        let old = Side { tree: &pair.lower, rest: path, node: now };
        let new = Side { tree: &pair.upper, rest: path, node: &node };
        if compare(old, new)?.is_none() && !op.before.is_some_and(|before| before.is_exactly(now)) {
            return Ok(());
        }
    }
    // A file cut off while its disk lost power has the time that it was given, and nobody else's.
    let cut_off = now.as_ref().is_some_and(|now| now.is(Form::File) && now.modified == node.modified);
    if !cut_off {
        may_replace(op, pair, now.as_ref())?;
    }
    let (folder, name) = place(pair, path)?;
    let beside = Beside::copy(&from, &folder, own_name(journal, n))?;
    let old = now.as_ref().map(|_| pair.lower.at(path)).transpose()?;
    beside.place(name, old.is_some())?;
    match (now, old) {
        (Some(now), Some(old)) => excuse(journal, &now, &old),
        _ => Ok(()),
    }
}

/// Whether what is there is what was there when the commit began.
fn may_replace(op: &Op, _: &Pair, now: Option<&Node>) -> Result<(), Trouble> {
    match (op.before, now) {
        (None, None) => Ok(()),
        // Of its times the last change alone may be ours: another name of it was replaced.
        (Some(before), Some(now)) if before.is(now) && before.modified == now.modified => Ok(()),
        _ => Err(Trouble::Changed),
    }
}

/// Another name of what has just lost one is changed by that, and by nobody else.
fn excuse(journal: &mut Journal, before: &Node, place: &OwnedFd) -> Result<(), Trouble> {
    if before.names > 1 && !before.is(Form::Folder) {
        let node = Node::of(place)?;
        journal.excuse(&node);
    }
    Ok(())
}

fn place<'a>(pair: &Pair, path: &'a [u8]) -> Result<(OwnedFd, &'a [u8]), Errno> {
    Ok((pair.lower.folder(plan::parent(path))?, pathname::name(path)))
}

fn own_name(journal: &Journal, n: usize) -> String {
    // Nobody else's, and found again by who goes on.
    format!(".kakuri-{:x}-{:x}-{n}", journal.began().0, journal.began().1)
}
