//! From chosen changes to what a commit does, in an order in which it can be done: what goes, folders, what comes, and
//! at last modes. Nothing is made or changed.

use std::collections::{BTreeMap, BTreeSet};

use kakuri_wire::Bytes;

use super::journal::{Act, Op, Seen};
use super::list::{Change, Pair};
use super::upper::{Form, Node};
use super::{Kind, upper};
use crate::pathname;

/// The changes of one layer that were chosen, in the order of their paths.
pub struct Chosen<'a> {
    pub pair: &'a Pair,
    pub changes: Vec<Change>,
}

/// What cannot be put anywhere: nobody listens at a socket any more, and devices are not made.
pub fn is_left_out(change: &Change) -> bool {
    change.after.as_ref().is_some_and(|node| matches!(node.form, Form::Socket | Form::Device))
}

pub fn ops(chosen: &[Chosen]) -> Vec<Op> {
    let mut out = Vec::new();
    let mut phases: [Vec<Op>; 4] = Default::default();
    for Chosen { pair, changes } in chosen {
        let mut names: BTreeMap<(u64, u64), Bytes> = BTreeMap::new();
        let mut folders: BTreeSet<Vec<u8>> = BTreeSet::new();
        for change in changes.iter().filter(|change| !is_left_out(change)) {
            let path = Bytes(change.path.clone());
            let op = |act, before: Option<&Node>| Op {
                layer: pair.number,
                path: path.clone(),
                act,
                before: before.map(Seen::of),
                attributes: Vec::new(),
            };
            if !change.path.is_empty() {
                folders.insert(parent(&change.path).to_vec());
            }
            let before = change.before.as_ref();
            // A file takes a file's place in one step; a folder gives way first.
            let folder = |node: Option<&Node>| {
                node.is_some_and(|node| matches!(node.form, Form::Folder | Form::Socket | Form::Device))
            };
            let goes = change.kind == Kind::Deleted
                || change.kind == Kind::Type && (folder(before) || folder(change.after.as_ref()));
            if goes {
                phases[0].push(op(Act::Remove, before));
            }
            let Some(after) = &change.after else { continue };
            let mode = after.permissions();
            match change.kind {
                Kind::Mode | Kind::Touched => {
                    let attributes = pair.lower.attributes(&change.path).unwrap_or_default();
                    let attributes = attributes.into_iter().map(|(name, value)| (Bytes(name), Bytes(value))).collect();
                    phases[3].push(Op { attributes, ..op(Act::Rights { mode }, before) });
                }
                _ if after.is(Form::Folder) => {
                    phases[1].push(op(Act::Folder, None));
                    phases[3].push(op(Act::Rights { mode }, None));
                }
                _ => {
                    let before = before.filter(|_| !goes);
                    let act = match names.get(&after.id) {
                        Some(first) => Act::Same(first.clone()),
                        None => Act::Put,
                    };
                    if after.names > 1 {
                        names.entry(after.id).or_insert_with(|| path.clone());
                    }
                    phases[2].push(op(act, before));
                }
            }
        }
        for path in folders {
            let Ok(Some(node)) = pair.lower.node(&path) else { continue };
            let own = node.uid == rustix::process::geteuid().as_raw();
            if node.is(Form::Folder) && own && node.mode & 0o300 != 0o300 {
                let op = |act| Op {
                    layer: pair.number,
                    path: Bytes(path.clone()),
                    act,
                    before: Some(Seen::of(&node)),
                    attributes: Vec::new(),
                };
                out.push(op(Act::Open));
                let changed = changes.iter().any(|c| c.path == path && c.after.is_some());
                if !changed {
                    phases[3].push(op(Act::Rights { mode: node.mode & upper::PERMISSIONS }));
                }
            }
        }
    }
    // The innermost first: a folder that is closed lets nobody to what lies in it.
    phases[3].sort_by_key(|op| std::cmp::Reverse(pathname::depth(op.path.as_bytes())));
    out.extend(phases.into_iter().flatten());
    out
}

/// The folder that a relative path lies in; empty is the top.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&b| b == b'/').map_or(b"", |slash| &path[..slash])
}
