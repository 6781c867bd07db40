//! `--git`: a work tree that is bound writable can be worked in, and not be made to run anything on the host.
//!
//! What git runs or reads elsewhere because a repository says so is said in its hooks and its configuration; so these are
//! read-only, and what of them is missing is made, empty, because a name that does not exist can be covered by nothing.
//! `commondir` is among them: it says that hooks and configuration are in another folder (gitrepository-layout(5)); made by
//! us it says that they are here. Each folder on the way to one of these is bound upon itself: a mount point can be neither
//! renamed nor removed, where a folder that only holds one can.
//!
//! A repository that the container makes itself, in a folder of the work tree, is none of these: see kakuri/docs/doors.md.

mod config;
mod guard;
mod link;
mod made;
mod repository;

use kakuri_wire::{Bytes, Result};

use super::Doors;
use super::socket::cannot;
use crate::bind::place::Placing;
use crate::host::as_path;
use crate::layout::{Found, Origin, Source, What};
use crate::pathname;
use guard::Guards;
pub use made::Made;

/// A folder of the host that a bind shows.
struct Shown {
    at: Vec<u8>,
    from: Vec<u8>,
    writable: bool,
    noexec: bool,
}

pub fn open(placing: &mut Placing, doors: &mut Doors, home: &[u8]) -> Result<()> {
    let shown = shown(placing);
    let mut guards = Guards::default();
    let mut found = false;
    for bind in &shown {
        let git = pathname::join(&bind.from, b".git");
        let Ok(meta) = std::fs::symlink_metadata(as_path(&git)) else { continue };
        found = true;
        if meta.is_symlink() {
            return Err(guard::is_link(&git));
        }
        if meta.is_dir() {
            // A copy takes what is changed, and read-only is read-only.
            if bind.writable {
                repository::keep(&git, &bind.from, home, &mut guards)?;
            }
        } else {
            let linked = link::follow(&git, bind)?;
            bring(placing, &linked, bind)?;
            if bind.writable {
                linked.keep(&bind.from, home, &mut guards)?;
            }
        }
        let how = if bind.writable { "hooks and configuration stay as they are" } else { "nothing in it changes" };
        doors.shown.push(format!("git: {}: {how}", Bytes(git)));
    }
    if !found {
        return Err(cannot("git")
            .why("none of the bound folders is the top of a git work tree")
            .hint("bind the folder that .git lies in: kakuri --bind . --git CMD"));
    }
    for bind in self::shown(placing).iter().filter(|bind| bind.writable) {
        guards.within(&bind.from).into_iter().for_each(|(path, guard)| apply(placing, bind, &path, guard));
    }
    doors.make = guards.into_made();
    if !doors.make.is_empty() {
        let names: Vec<String> = doors.make.iter().map(|made| made.path.to_string()).collect();
        placing.notes.push(format!("made, so that the container cannot make it: {}", names.join(" ")));
    }
    Ok(())
}

/// Folders that the user has bound.
fn shown(placing: &Placing) -> Vec<Shown> {
    let of_user = placing.layout.points().filter(|(_, point)| point.origin == Origin::User);
    let bind = |at: &[u8], source: &Source, writable| Shown {
        at: at.to_vec(),
        from: source.from.clone(),
        writable,
        noexec: source.noexec,
    };
    of_user
        .filter_map(|(at, point)| match &point.what {
            What::Bind(source) if source.folder && !source.devices => Some(bind(at, source, !source.read_only)),
            What::Cow { source, .. } => Some(bind(at, source, false)),
            _ => None,
        })
        .collect()
}

/// The folder a `.git` that is a file leads to, where it leads to inside.
fn bring(placing: &mut Placing, linked: &link::Linked, bind: &Shown) -> Result<()> {
    let label = format!("cannot show the git folder '{}' (--git)", Bytes(linked.folder.clone()));
    let source = Source {
        from: linked.folder.clone(),
        typed: Some(linked.folder.clone()),
        folder: true,
        seen: guard::seen(&linked.folder),
        read_only: !bind.writable,
        noexec: bind.noexec,
        ..Source::default()
    };
    // Of two work trees of one repository the one that is written decides.
    if let Some(point) = placing.layout.get(&linked.at)
        && let What::Bind(there) = &point.what
        && there.from == source.from
        && (source.read_only || !there.read_only)
    {
        return Ok(());
    }
    placing.put(&linked.at, What::Bind(source), &label).map(drop)
}

/// Mounts a guard wherever the bind shows what it is for.
fn apply(placing: &mut Placing, bind: &Shown, path: &[u8], guard: guard::Guard) {
    let at = pathname::join(&bind.at, pathname::below(path, &bind.from).unwrap_or(b""));
    let located = placing.layout.locate(&at);
    let same = match (located.found, &located.deepest_host, pathname::strictly_below(&located.at, &located.deepest)) {
        (Found::Missing, Some(folder), Some(rest)) => pathname::join(folder, rest) == path,
        _ => located.host.as_deref() == Some(path),
    };
    // Something else of the user's is there, or it is a mount already.
    if !same || located.at != at || (!guard.read_only && placing.layout.get(&at).is_some()) {
        return;
    }
    let source = Source {
        from: path.to_vec(),
        typed: Some(path.to_vec()),
        folder: guard.folder,
        seen: guard.seen,
        read_only: guard.read_only,
        noexec: bind.noexec,
        ..Source::default()
    };
    placing.layout.put(at, Origin::User, What::Bind(source));
}
