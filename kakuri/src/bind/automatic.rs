//! `kakuri python3 script.py` works with no flag: existing files and folders that are whole arguments of the
//! command are shown at the same place, read-only.
//!
//! Never: the root, the home or what is above it, a private folder of the container itself, anything of
//! /proc /sys /dev /run, a dot-folder of the home. Both the name and what it leads to count. Folders made on the way are
//! read-only, so that output beside a script fails loudly instead of vanishing.

use kakuri_wire::Bytes;

use super::source::{self, Kind, Look, Real};
use crate::host::{Host, as_path};
use crate::layout::{Found, Layout, Origin, What};
use crate::pathname;

/// Folders the container has its own of: shown whole, one would cover them.
const PRIVATE: [&[u8]; 4] = [b"/tmp", b"/var", b"/home", b"/root"];
/// Nothing in these is a user's file.
const KERNELS: [&[u8]; 4] = [b"/proc", b"/sys", b"/dev", b"/run"];

struct Candidate {
    /// Where it goes: what was typed, absolute.
    place: Vec<u8>,
    real: Real,
    /// Folders the typed path passes through, which have to exist for it to work as typed.
    passes: Vec<Vec<u8>>,
    relative: bool,
}

/// Looks through the arguments and binds what they name. `workdir` is where the command will stand, if it can.
/// Notes say what was left out on purpose.
pub fn put(layout: &mut Layout, command: &[Bytes], host: &Host, workdir: Option<&[u8]>, notes: &mut Vec<String>) {
    let mut home: Option<Vec<u8>> = None;
    let mut candidates = Vec::new();
    for (i, argument) in command.iter().enumerate() {
        let typed = argument.as_bytes();
        // The first word is looked for along PATH unless it has a slash.
        if typed.is_empty() || (i == 0 && !typed.contains(&b'/')) {
            continue;
        }
        let Some(candidate) = candidate(typed, workdir) else { continue };
        let home = home.get_or_insert_with(|| real_home(host));
        match refused(&candidate, host, home) {
            // The container has a /proc, /sys and /dev of its own, and everything of the base.
            Some(Refusal::Kernels)
                if pathname::below(&candidate.real.path, b"/run").is_none()
                    || layout.locate(&candidate.place).exists() => {}
            Some(refusal) => notes.push(format!("'{argument}' is not shown inside by itself: {refusal}")),
            None => candidates.push(candidate),
        }
    }
    // Outer ones first: what lies in a shown folder needs no bind of its own.
    candidates.sort_by(|a, b| a.place.cmp(&b.place));
    for Candidate { place, real, passes, relative } in candidates {
        let located = layout.locate(&place);
        if located.found == Found::Missing && made_here(layout, &located.at) {
            let mut source = real.source(None);
            source.read_only = true;
            way(layout, &located.at);
            layout.put(located.at, Origin::Automatic, What::Bind(source));
        }
        for folder in passes.iter().map(Vec::as_slice).chain(workdir.filter(|_| relative)) {
            let located = layout.locate(folder);
            if located.found == Found::Missing && made_here(layout, &located.at) {
                way(layout, &located.at);
                let what = match writable(layout, &located.at) {
                    true => What::Skeleton,
                    false => What::Folder { mode: 0o755 },
                };
                layout.put_new(located.at, Origin::Automatic, what);
            }
        }
    }
}

fn candidate(typed: &[u8], workdir: Option<&[u8]>) -> Option<Candidate> {
    let relative = typed.first() != Some(&b'/');
    let path = if relative { pathname::join(workdir?, typed) } else { typed.to_vec() };
    // Most arguments are no files: one look, without resolving.
    std::fs::metadata(as_path(&path)).ok()?;
    let Ok(Look::Is(real)) = source::look(&path) else { return None };
    if !matches!(real.kind, Kind::Folder | Kind::File) {
        return None;
    }
    let place = pathname::absolute(b"/", &path);
    let mut passes = Vec::new();
    if typed.split(|&b| b == b'/').any(|c| c == b"..") {
        // By name and by the kernel must be the same, or the path would mean another file inside.
        match source::look(&place) {
            Ok(Look::Is(by_name)) if by_name.id == real.id => {}
            _ => return None,
        }
        let mut at = Vec::new();
        for part in pathname::components(&path) {
            if part == b".." {
                passes.push(at.clone());
                at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0));
            } else {
                at.push(b'/');
                at.extend_from_slice(part);
            }
        }
        passes.retain(|p| !p.is_empty());
    }
    Some(Candidate { place, real, passes, relative })
}

fn real_home(host: &Host) -> Vec<u8> {
    source::real(&host.home).unwrap_or_else(|| host.home.clone())
}

/// Why an argument is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Home,
    DotFolder,
    DotFile,
    Private,
    Kernels,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Refusal::Home => "it is your home, or holds it; --bind shows it",
            Refusal::DotFolder => "it is in a dot-folder of your home; --bind shows it",
            Refusal::DotFile => "it leads to a dot-file of your home; --bind shows it",
            Refusal::Private => "the container has its own",
            Refusal::Kernels => "it is in /run; --bind shows it",
        })
    }
}

fn refused(candidate: &Candidate, host: &Host, real_home: &[u8]) -> Option<Refusal> {
    let homes = [&host.home[..], real_home].into_iter().filter(|home| *home != b"/");
    let dotted = |path: &[u8]| {
        homes.clone().any(|h| pathname::strictly_below(path, h).is_some_and(|r| r.first() == Some(&b'.')))
    };
    // A dot-file of the home is shown to who names it, not to whom a link elsewhere leads there: anybody may have made
    // that link.
    let led = dotted(&candidate.real.path) && !dotted(&candidate.place);
    for path in [&candidate.place, &candidate.real.path] {
        if path == b"/" || KERNELS.iter().any(|k| pathname::below(path, k).is_some()) {
            return Some(Refusal::Kernels);
        }
        if PRIVATE.iter().any(|p| p == path) {
            return Some(Refusal::Private);
        }
        for home in homes.clone() {
            if pathname::below(home, path).is_some() {
                return Some(Refusal::Home);
            }
            if let Some(rest) = pathname::strictly_below(path, home).filter(|rest| rest.first() == Some(&b'.'))
                && (rest.contains(&b'/') || candidate.real.kind == Kind::Folder)
            {
                return Some(Refusal::DotFolder);
            }
        }
    }
    led.then_some(Refusal::DotFile)
}

/// Whether a missing place would be made in the container's own file system.
fn made_here(layout: &Layout, at: &[u8]) -> bool {
    match layout.holder(at) {
        None => true,
        Some((_, holder)) => {
            matches!(holder.what, What::Private { .. } | What::Tmpfs { .. } | What::Skeleton)
        }
    }
}

/// Whether what is made at a place could be written to: the root turns read-only, private folders do not.
fn writable(layout: &Layout, at: &[u8]) -> bool {
    layout.holder(at).is_some_and(|(_, holder)| matches!(holder.what, What::Private { .. } | What::Tmpfs { .. }))
}

/// In a writable folder of the container, the outermost folder that is made for `at` is a read-only one.
fn way(layout: &mut Layout, at: &[u8]) {
    let Some((holder, _)) = layout.holder(at).filter(|_| writable(layout, at)) else { return };
    let mut end = holder.len();
    while let Some(next) = at[end + 1..].iter().position(|&b| b == b'/') {
        end += 1 + next;
        if layout.get(&at[..end]).is_none() {
            layout.put(&at[..end], Origin::Automatic, What::Skeleton);
            return;
        }
    }
}
