//! A `.git` that is a file: a linked work tree (git-worktree(1)) or a submodule. It lies in the work tree, so a container that
//! was there before may have written it: the folder it leads to is shown only if that one, which no container wrote, says that
//! this is its work tree.

use kakuri_wire::{Bytes, Fail, Result};

use super::super::socket::cannot;
use super::guard::Guards;
use super::{Shown, config, repository};
use crate::bind::source::real;
use crate::host::as_path;
use crate::pathname;

/// What has to be shown for such a work tree.
pub struct Linked {
    /// The repository's folder, on the host and inside.
    pub folder: Vec<u8>,
    pub at: Vec<u8>,
    /// The file itself.
    file: Vec<u8>,
    /// Of a linked work tree its own part: `worktrees/NAME`.
    own: Option<Vec<u8>>,
}

/// Follows `file`, the `.git` of what `bind` shows.
pub fn follow(file: &[u8], bind: &Shown) -> Result<Linked> {
    let shown = Bytes(file.to_vec());
    let text = config::read_small(file).ok_or_else(|| cannot("git").why(format!("cannot read '{shown}'")))?;
    let typed = text.strip_prefix(b"gitdir:").map(<[u8]>::trim_ascii).filter(|path| !path.is_empty());
    let typed = typed.ok_or_else(|| cannot("git").why(format!("'{shown}' is neither a folder nor a link of git's")))?;
    let git = real(&by(&bind.from, typed)).ok_or_else(|| nowhere(file, typed))?;
    let at = by(&bind.at, typed);
    let wrong = |why: &str| {
        cannot("git")
            .why(format!("'{shown}' leads to '{}', {why}", Bytes(git.clone())))
            .hint("if you moved it: git worktree repair, or git submodule sync; else look who wrote that file")
    };
    if pathname::below(&git, &bind.from).is_some() {
        return Err(wrong("which lies in the work tree itself"));
    }
    let common = config::read_small(&pathname::join(&git, b"commondir")).map(|text| text.trim_ascii().to_vec());
    match common.filter(|path| path != b".") {
        Some(path) => {
            let folder = real(&by(&git, &path)).ok_or_else(|| nowhere(&git, &path))?;
            let common_at = by(&at, &path);
            let place = pathname::strictly_below(&git, &folder).and_then(|rest| rest.strip_prefix(b"worktrees/"));
            let one = place.filter(|name| !name.is_empty() && !name.contains(&b'/'));
            let inside = pathname::strictly_below(&at, &common_at).and_then(|rest| rest.strip_prefix(b"worktrees/"));
            if one.is_none() || inside != one || !repository::is_repository(&folder) {
                return Err(wrong("which is no work tree of a repository"));
            }
            let back = config::read_small(&pathname::join(&git, b"gitdir"));
            let back = back.and_then(|path| real(&by(&git, path.trim_ascii())));
            if back.as_deref() != Some(file) {
                return Err(wrong("and that one is the work tree of another folder"));
            }
            Ok(Linked { folder, at: common_at, file: file.to_vec(), own: Some(git) })
        }
        None if config::worktree(&git).as_deref() == Some(&bind.from[..]) && repository::is_repository(&git) => {
            Ok(Linked { folder: git, at, file: file.to_vec(), own: None })
        }
        None => Err(wrong("which does not say that this is its work tree (core.worktree)")),
    }
}

impl Linked {
    pub fn keep(&self, top: &[u8], home: &[u8], guards: &mut Guards) -> Result<()> {
        guards.freeze(&self.file, false)?;
        repository::keep(&self.folder, top, home, guards)?;
        let Some(own) = &self.own else { return Ok(()) };
        guards.hold(own)?;
        for name in ["commondir", "gitdir"] {
            guards.freeze(&pathname::join(own, name.as_bytes()), false)?;
        }
        guards.freeze_or_make(&pathname::join(own, b"config.worktree"), Some(""))
    }
}

/// A path as git reads it there.
fn by(folder: &[u8], path: &[u8]) -> Vec<u8> {
    pathname::absolute(folder, path)
}

fn nowhere(from: &[u8], path: &[u8]) -> Fail {
    let (from, path) = (Bytes(from.to_vec()), Bytes(path.to_vec()));
    let gone = !as_path(path.as_bytes()).exists();
    cannot("git")
        .why(format!("'{from}' leads to '{path}'{}", if gone { ", which is not there" } else { "" }))
        .hint("git worktree list, or git submodule status, in the repository it belongs to")
}
