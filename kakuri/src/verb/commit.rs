//! `kakuri commit`: what was changed in a layer becomes the original's.

use kakuri_wire::fail::{Fail, Result, Stage};

use super::FAILED;
use super::changes::{absolute, look};
use crate::cli::Commit;
use crate::layer::commit::{Committed, Refused, commit, take_back};
use crate::layer::conflict::Conflict;
use crate::layer::subject::{Subject, Wanted};
use crate::output;

pub fn run(wanted: &Commit) -> Result<u8> {
    carry_out(wanted).map_err(|fail| fail.code(FAILED))
}

fn carry_out(wanted: &Commit) -> Result<u8> {
    let (host, config) = look(&wanted.general)?;
    let paths = absolute(&host, &wanted.paths)?;
    let container = wanted.container.as_deref();
    let target = Wanted { container, paths: &paths, committed: wanted.undo, lenient: false };
    let mut subject = Subject::find(&target, &host, &config)?;
    subject.held(if wanted.undo { "take a commit back" } else { "commit" })?;
    if wanted.undo && subject.taken_back {
        return Ok(0);
    }
    if wanted.undo {
        let count = take_back(&mut subject).map_err(|refused| told(refused, "nothing was taken back"))?;
        output::warn(format!("{} as before the commit", counted(count, "path is", "paths are")));
        return Ok(0);
    }
    let Committed { count, left_out, passed } =
        commit(&mut subject, &paths, &host).map_err(|refused| told(refused, "nothing was committed"))?;
    for path in &left_out {
        output::warn(format!("'{path}' is left out: sockets and devices cannot be carried over"));
    }
    for path in &passed {
        output::warn(format!("'{path}' was changed in this moment, and stays as it is"));
    }
    if count == 0 && !paths.is_empty() {
        return Err(nothing_there("commit", &wanted.paths));
    }
    match count {
        0 => output::warn("there was nothing to commit"),
        _ => output::warn(format!(
            "{} committed: kakuri commit --undo takes it back",
            counted(count, "change", "changes")
        )),
    }
    Ok(if passed.is_empty() { 0 } else { FAILED })
}

pub fn nothing_there(verb: &str, typed: &[kakuri_wire::Bytes]) -> Fail {
    let paths: Vec<String> = typed.iter().map(|path| format!("'{path}'")).collect();
    Fail::new(Stage::Front, format!("there is nothing to {verb} at {}", paths.join(", ")))
        .hint("kakuri changes shows what was changed")
}

pub fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Every path that stands in the way, a line each; and what became of it all.
fn told(refused: Refused, what: &str) -> Fail {
    let conflicts = match refused {
        Refused::Fail(fail) => return fail,
        Refused::Conflicts(conflicts) => conflicts,
    };
    for Conflict { path, why } in &conflicts {
        output::warn(format!("'{path}': {why}"));
    }
    let fail = Fail::new(Stage::Front, what.to_string())
        .why(format!("{} in the way", counted(conflicts.len(), "path stands", "paths stand")));
    fail.hint("kakuri changes --patch shows what was tried; name the paths that are to be committed without these")
}
