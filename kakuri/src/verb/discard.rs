//! `kakuri discard`: what was changed in a layer is given up.

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::FAILED;
use super::changes::{absolute, look};
use super::commit::{counted, nothing_there};
use crate::cli::Discard;
use crate::layer::prune;
use crate::layer::subject::{Owner, Subject, Wanted};
use crate::layer::tries::Tries;
use crate::output;

pub fn run(wanted: &Discard) -> Result<u8> {
    carry_out(wanted).map_err(|fail| fail.code(FAILED))
}

fn carry_out(wanted: &Discard) -> Result<u8> {
    let (host, config) = look(&wanted.general)?;
    let paths = absolute(&host, &wanted.paths)?;
    let container = wanted.container.as_deref();
    // What is given up as a whole is, even where the folder it lay over has gone.
    let lenient = paths.is_empty() && container.is_none();
    let target = Wanted { container, paths: &paths, committed: false, lenient };
    let subject = Subject::find(&target, &host, &config)?;
    subject.held("discard")?;
    if lenient && let Owner::Try(found) = &subject.owner {
        Tries::of(&host).erase(found)?;
        output::warn(format!("what was tried in '{}' is gone", found.shown()));
        return Ok(0);
    }
    let mut count = 0;
    for (pair, changes) in subject.changes(&paths)? {
        for change in changes {
            let forgotten = match change.path.is_empty() {
                true => prune::forget_top(pair),
                false => prune::forget(pair, &change.path),
            };
            forgotten.map_err(|e| {
                let path = Bytes(pair.on_host(&change.path));
                Fail::new(Stage::Front, format!("cannot give up what was changed in '{path}'")).errno(e)
            })?;
            count += 1;
        }
    }
    if count == 0 && !paths.is_empty() {
        return Err(nothing_there("discard", &wanted.paths));
    }
    output::warn(format!("{} given up", counted(count, "change", "changes")));
    Ok(0)
}
