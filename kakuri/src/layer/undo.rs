//! Taking a commit back: the reverse of each op in the reverse order, from what was saved.

use std::collections::BTreeSet;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::apply::Trees;
use super::carry::{self, Beside};
use super::journal::{Act, Journal, Op, Seen, State};
use super::list::Pair;
use super::upper::{Form, Node, Tree};
use super::{child, plan};
use crate::pathname;

/// Everything that is not any more what the commit has left.
pub fn changed(journal: &Journal, trees: &Trees) -> Result<Vec<Bytes>> {
    let mut changed = Vec::new();
    let all: BTreeSet<_> = journal.ops.iter().map(|op| (op.layer, op.path.as_bytes().to_vec())).collect();
    for (op, after) in journal.ops.iter().zip(&journal.after) {
        let pair = trees.of(op)?;
        let path = op.path.as_bytes();
        let cannot = |e: Errno| {
            let path = Bytes(pair.on_host(path));
            Fail::new(Stage::Front, format!("cannot look at '{path}'")).errno(e)
        };
        let now = pair.lower.node(path).map_err(cannot)?;
        let as_left = match (&op.act, after, &now) {
            (Act::Remove, None, now) => now.is_none(),
            // Something came in its place, which another op is about.
            (Act::Remove | Act::Open, ..) => true,
            (Act::Folder, Some(after), Some(now)) => {
                let ours = |name: &Vec<u8>| all.contains(&(op.layer, child(path, name)));
                after.is(now) && pair.lower.names(path).map_err(cannot)?.iter().all(ours)
            }
            (Act::Rights { .. }, Some(after), Some(now)) if now.is(Form::Folder) => after.mode == now.mode,
            (_, Some(after), Some(now)) => after.is_exactly(now),
            (_, None, now) => now.is_none(),
            (_, Some(_), None) => false,
        };
        let path = Bytes(pair.on_host(path));
        if !as_left && changed.last() != Some(&path) {
            changed.push(path);
        }
    }
    Ok(changed)
}

/// Takes it back, or goes on with that. `after` of the journal tells what is the commit's own.
pub fn undo(journal: &mut Journal, trees: &Trees) -> Result<()> {
    for n in (0..journal.ops.len()).rev() {
        let op = journal.ops[n].clone();
        let pair = trees.of(&op)?;
        one(journal, n, &op, pair).map_err(|e| {
            let path = Bytes(pair.on_host(op.path.as_bytes()));
            Fail::new(Stage::Front, format!("cannot take '{path}' back")).errno(e).hint(format!(
                "what was there is kept in '{}'; kakuri commit --undo goes on",
                Bytes::from(&journal.path)
            ))
        })?;
    }
    // What came back, and the folders it came back to, are changed by that alone.
    let ways: BTreeSet<_> = (journal.ops.iter())
        .flat_map(|op| [op.path.as_bytes(), plan::parent(op.path.as_bytes())].map(|path| (op.layer, path.to_vec())))
        .collect();
    for (layer, path) in ways {
        let pair = trees.0.iter().find(|pair| pair.number == layer);
        if let Some(Ok(Some(node))) = pair.map(|pair| pair.lower.node(&path)) {
            journal.excuse(&node);
        }
    }
    journal.set(State::Undone)
}

fn one(journal: &mut Journal, n: usize, op: &Op, pair: &Pair) -> Result<(), Errno> {
    let path = op.path.as_bytes();
    let now = pair.lower.node(path)?;
    let own = |now: &Node, after: &Option<Seen>| after.is_some_and(|after| after.is(now));
    match &op.act {
        Act::Open => {
            if let Some(before) = op.before {
                let place = pair.lower.folder(path)?;
                carry::set_mode(&place, before.mode)?;
                journal.excuse(&Node::of(&place)?);
            }
            Ok(())
        }
        Act::Rights { .. } => {
            let (Some(before), Some(now)) = (op.before, now) else { return Ok(()) };
            let place = pair.lower.at(path)?;
            let opened = journal.ops.iter().any(|o| o.act == Act::Open && o.layer == op.layer && o.path == op.path);
            if opened {
                return carry::set_mode(&place, before.mode | 0o700);
            }
            let attributes: Vec<_> =
                op.attributes.iter().map(|(name, value)| (name.0.clone(), value.0.clone())).collect();
            let time = Some(before.modified).filter(|_| now.is(Form::File));
            carry::rights(&place, before.mode, &attributes, time)?;
            journal.excuse(&Node::of(&place)?);
            Ok(())
        }
        Act::Folder => match now {
            Some(now) if own(&now, &journal.after[n]) => {
                let folder = pair.lower.folder(plan::parent(path))?;
                unlinkat(folder, pathname::name(path), AtFlags::REMOVEDIR)
            }
            _ => Ok(()),
        },
        Act::Put | Act::Same(_) => {
            // Gone already, maybe with the folder it lay in; or somebody else's by now.
            if !now.is_some_and(|now| own(&now, &journal.after[n])) {
                return Ok(());
            }
            let folder = pair.lower.folder(plan::parent(path))?;
            let name = pathname::name(path);
            if op.before.is_none() {
                return unlinkat(folder, name, AtFlags::empty());
            }
            let saved = journal.saved()?;
            let kept = n.to_string();
            if saved.node(kept.as_bytes())?.is_none() {
                return Ok(());
            }
            let from = saved.at(kept.as_bytes())?;
            let beside = Beside::copy(&from, &folder, format!(".kakuri-undo-{:x}-{n}", journal.began().1))?;
            beside.place(name, true)?;
            journal.excuse(&Node::of(&pair.lower.at(path)?)?);
            Ok(())
        }
        Act::Remove => {
            let saved = journal.saved()?;
            if now.is_some() || saved.node(n.to_string().as_bytes())?.is_none() {
                return Ok(());
            }
            bring_back(&saved, n, pair, path)?;
            excuse_all(journal, pair, path)
        }
    }
}

fn bring_back(saved: &Tree, n: usize, pair: &Pair, path: &[u8]) -> Result<(), Errno> {
    let name = n.to_string().into_bytes();
    let folder = pair.lower.folder(plan::parent(path))?;
    carry::move_tree(saved, &name, &folder, pathname::name(path), &[b".kakuri-undo-", &name[..]].concat())
}

/// What came back is as it was, though its times say otherwise.
fn excuse_all(journal: &mut Journal, pair: &Pair, path: &[u8]) -> Result<(), Errno> {
    for (_, node) in pair.below(path).map_err(|(_, e)| e)? {
        journal.excuse(&node);
    }
    Ok(())
}
