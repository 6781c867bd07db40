//! Options that say who is inside, and which ids there are.

use kakuri_init::Extent;
use kakuri_wire::Fail;

use super::{misuse, value};
use crate::spec::{IdMode, Spec, User};

/// The last of several `--user` counts; a user and keep-id are two answers to one question.
pub(super) fn user(spec: &mut Spec, user: User) -> Result<(), Fail> {
    if (spec.user == User::KeepId) != (user == User::KeepId) && spec.user != User::Unset {
        return Err(misuse("--user and --userns keep-id both say who you are inside").hint("choose one of them"));
    }
    spec.user = user;
    Ok(())
}

/// One word of `--userns`.
pub(super) fn userns(name: &str, word: &[u8], spec: &mut Spec) -> Result<(), Fail> {
    let words = [("single", Some(IdMode::Single)), ("range", Some(IdMode::Range)), ("auto", Some(IdMode::Auto))];
    let known: Vec<(&str, usize)> = words.iter().map(|(word, _)| *word).chain(["keep-id"]).zip(0..).collect();
    let place = value::word(name, word, &known, &[])?;
    match words.into_iter().nth(place).and_then(|(_, mode)| mode) {
        None => user(spec, User::KeepId),
        // A map says which ids of the range.
        Some(IdMode::Range) if matches!(spec.ids, IdMode::Map { .. }) => Ok(()),
        Some(_) if matches!(spec.ids, IdMode::Map { .. }) => Err(two_maps()),
        Some(mode) => {
            spec.ids = mode;
            Ok(())
        }
    }
}

pub(super) fn two_maps() -> Fail {
    misuse("--uidmap says which ids there are, and --userns says another thing").hint("leave one of them out")
}

/// The map that is being typed.
pub(super) fn maps<'a>(name: &str, spec: &'a mut Spec) -> Result<(&'a mut Vec<Extent>, &'a mut Vec<Extent>), Fail> {
    if matches!(spec.ids, IdMode::Unset | IdMode::Range) {
        spec.ids = IdMode::Map { uids: Vec::new(), gids: Vec::new() };
    }
    match &mut spec.ids {
        IdMode::Map { uids, gids } => Ok((uids, gids)),
        _ => Err(two_maps().why(format!("{name} wants a range"))),
    }
}
