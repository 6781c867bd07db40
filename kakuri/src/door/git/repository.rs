//! The parts of a repository's own folder that say what git runs (gitrepository-layout(5)).

use kakuri_wire::{Bytes, Result};

use super::super::socket::cannot;
use super::config;
use super::guard::Guards;
use crate::host::as_path;
use crate::pathname;

/// What a `commondir` of ours says: here.
const HERE: &str = ".\n";
/// Submodules, with those in them.
const MOST: usize = 256;
/// Folders of `modules` below one another: a submodule's name may be a path.
const DEEPEST: usize = 16;

/// Guards `git`, the folder of a repository whose work tree is at `top`.
pub fn keep(git: &[u8], top: &[u8], home: &[u8], guards: &mut Guards) -> Result<()> {
    keep_counted(git, top, home, guards, &mut 0, 0)
}

fn keep_counted(
    git: &[u8],
    top: &[u8],
    home: &[u8],
    guards: &mut Guards,
    count: &mut usize,
    depth: usize,
) -> Result<()> {
    let shown = Bytes(git.to_vec());
    if !is_repository(git) {
        return Err(cannot("git").why(format!("'{shown}' is no repository")).hint("git init makes one"));
    }
    *count += 1;
    if *count > MOST || depth > DEEPEST {
        return Err(
            cannot("git").why(format!("'{shown}' has more submodules than {MOST}, or deeper ones than {DEEPEST}"))
        );
    }
    let part = |name: &str| pathname::join(git, name.as_bytes());
    if let Some(text) = config::read_small(&part("commondir"))
        && text.trim_ascii() != HERE.trim().as_bytes()
    {
        return Err(cannot("git").why(format!("'{shown}/commondir' says that its configuration is elsewhere")).hint(
            "a repository that is no linked work tree has no such file: remove it, if you know where it came from",
        ));
    }
    guards.hold(git)?;
    guards.freeze_or_make(&part("hooks"), None)?;
    guards.freeze_or_make(&part("config"), Some(""))?;
    guards.freeze_or_make(&part("config.worktree"), Some(""))?;
    guards.freeze_or_make(&part("commondir"), Some(HERE))?;
    // The other work trees of this repository: each would believe its own commondir.
    if exists(&part("worktrees")) {
        guards.freeze(&part("worktrees"), true)?;
    }
    config::keep_named(git, top, home, guards)?;
    if exists(&part("modules")) {
        guards.hold(&part("modules"))?;
        modules(&part("modules"), top, home, guards, count, depth + 1)?;
    }
    Ok(())
}

/// Submodules: a folder is one, or is part of the name of some.
fn modules(folder: &[u8], top: &[u8], home: &[u8], guards: &mut Guards, count: &mut usize, depth: usize) -> Result<()> {
    let entries = std::fs::read_dir(as_path(folder))
        .map_err(|e| cannot("git").why(format!("cannot read '{}': {}", Bytes(folder.to_vec()), e.kind())))?;
    for entry in entries.flatten() {
        let path = kakuri_wire::Bytes::from(entry.path().as_path()).0;
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => return Err(super::guard::is_link(&path)),
            Ok(kind) if kind.is_dir() => {}
            _ => continue,
        }
        if is_repository(&path) {
            // Its work tree is where its configuration says.
            let own = config::worktree(&path).unwrap_or_else(|| top.to_vec());
            keep_counted(&path, &own, home, guards, count, depth)?;
        } else if depth < DEEPEST {
            guards.hold(&path)?;
            modules(&path, top, home, guards, count, depth + 1)?;
        }
    }
    Ok(())
}

/// As git itself tells (setup.c, is_git_directory): HEAD, and folders of objects and refs.
pub fn is_repository(folder: &[u8]) -> bool {
    let folder_in = |name: &str| as_path(&pathname::join(folder, name.as_bytes())).is_dir();
    exists(&pathname::join(folder, b"HEAD")) && folder_in("objects") && folder_in("refs")
}

fn exists(path: &[u8]) -> bool {
    std::fs::symlink_metadata(as_path(path)).is_ok()
}
