//! Whether an original was changed by somebody else since the container began to work on its own: then the two cannot
//! be put together without a person.
//!
//! No snapshot is taken of the originals: the kernel sets the time of a file's last change (ctime) by itself, and a layer
//! remembers from when on it was used.

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::journal::Journal;
use super::list::{Change, Opened, Pair};
use super::upper::{Form, Node};
use super::{Kind, Stamp, plan};

/// A path that stands in the way, and why.
pub struct Conflict {
    pub path: Bytes,
    pub why: String,
}

/// What stands in the way of these changes.
pub fn conflicts(pair: &Pair, changes: &[Change], journals: &[Journal]) -> Result<Vec<Conflict>> {
    let mut opened = Opened::of(&pair.upper);
    changes.iter().for_each(|change| opened.open_way(&change.path));
    let found = find(pair, changes, journals);
    opened.restore();
    found
}

fn find(pair: &Pair, changes: &[Change], journals: &[Journal]) -> Result<Vec<Conflict>> {
    let own = rustix::process::geteuid().as_raw();
    let excused = |node: &Node| journals.iter().any(|journal| journal.excuses(node));
    let mut all = Vec::new();
    for change in changes {
        let cannot = |(path, e): (Vec<u8>, rustix::io::Errno)| {
            Fail::new(Stage::Front, format!("cannot look at '{}'", Bytes(pair.on_host(&path)))).errno(e)
        };
        let upper = pair.upper.node(&change.path).map_err(|e| cannot((change.path.clone(), e)))?;
        let since = since(pair, upper.as_ref());
        let later = |node: &Node| node.changed > since && !excused(node);
        let mut conflict = |path: &[u8], why: String| all.push(Conflict { path: Bytes(pair.on_host(path)), why });
        let Some(before) = &change.before else {
            if let Some(after) = &change.after
                && pair.upper.has_origin(&change.path)
            {
                // A file takes the note along when it is renamed, and shares it with its other names. So of a file only
                // the folder tells: without a change of that nothing was removed from it.
                let folder =
                    pair.lower.node(plan::parent(&change.path)).map_err(|e| cannot((change.path.clone(), e)))?;
                let moved = after.names > 1 || folder.is_some_and(|folder| !later(&folder));
                if after.is(Form::Folder) || !moved {
                    conflict(&change.path, "it was removed meanwhile".into());
                }
            }
            continue;
        };
        let goes = matches!(change.kind, Kind::Deleted | Kind::Type);
        if before.uid != own && change.kind != Kind::Deleted {
            conflict(&change.path, format!("it belongs to another user (uid {}), and would become yours", before.uid));
        } else if before.is(Form::Folder) && goes {
            let below = pair.below(&change.path).map_err(cannot)?;
            for (path, _) in below.iter().filter(|(_, node)| later(node)) {
                conflict(path, "it was changed meanwhile".into());
            }
        } else if later(before) {
            conflict(&change.path, "it was changed meanwhile".into());
        }
    }
    Ok(all)
}

/// From when on a change of the original was unseen: the start in which the layer got its own.
fn since(pair: &Pair, upper: Option<&Node>) -> Stamp {
    let starts = &pair.record.starts;
    let made = upper.and_then(|node| node.made);
    let before = made.and_then(|made| starts.iter().rev().find(|start| **start <= made));
    before.or(starts.first()).copied().unwrap_or_default()
}
