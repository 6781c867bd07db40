//! The verbs that end, remove, rename, wait and copy.

use std::ffi::OsString;
use std::time::Duration;

use kakuri_wire::Fail;

use super::ask::{Copy, Halt, Remove, Side, Verbs};
use super::enter::{done, general, read};
use super::options::Id;
use super::pages::Verb;
use super::scan::{Scanned, shown, shown_option};
use super::{Command, Stop, misuse, phrase};

/// What a polite signal is given before all is killed; docker's.
const PATIENCE: Duration = Duration::from_secs(10);

/// At least one name, and none twice.
pub fn names(verb: &Verb, words: &[&[u8]]) -> Result<Vec<String>, Fail> {
    if words.is_empty() {
        return Err(misuse(format!("kakuri {} needs the name of a container", verb.name))
            .hint(format!("kakuri {} NAME...; kakuri list shows the names", verb.name)));
    }
    let mut names = Vec::with_capacity(words.len());
    for word in words {
        let name = phrase::name(verb.name, word)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Names, or `--all` and none.
fn names_or_all(verb: &Verb, scanned: &Scanned) -> Result<(Vec<String>, bool), Fail> {
    if !scanned.has(Id::All) {
        return names(verb, &scanned.words).map(|names| (names, false));
    }
    match scanned.words.first() {
        None => Ok((Vec::new(), true)),
        Some(name) => Err(misuse(format!("--all means every container, and '{}' is one of them", shown(name)))
            .hint(format!("kakuri {0} --all, or kakuri {0} {1}", verb.name, shown(name)))),
    }
}

fn halt(verb: &'static Verb, arguments: &[OsString]) -> Result<Halt, Stop> {
    let scanned = read(verb, arguments)?;
    let (names, all) = names_or_all(verb, &scanned)?;
    let mut halt = Halt { names, all, signal: None, time: PATIENCE, general: general(&scanned)? };
    for met in &scanned.met {
        let name = shown_option(met.name);
        match met.id {
            Id::Signal => halt.signal = Some(phrase::signal(&name, met.value)?),
            Id::Time => halt.time = phrase::patience(&name, met.value)?,
            _ => {}
        }
    }
    Ok(halt)
}

pub fn stop(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    done(Verbs::Stop(halt(verb, arguments)?))
}

pub fn restart(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    done(Verbs::Restart(halt(verb, arguments)?))
}

pub fn remove(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (names, all) = names_or_all(verb, &scanned)?;
    done(Verbs::Remove(Remove { names, all, force: scanned.has(Id::Force), general: general(&scanned)? }))
}

pub fn rename(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    match &scanned.words[..] {
        [from, to] => done(Verbs::Rename {
            from: phrase::name(verb.name, from)?,
            to: phrase::new_name(to)?,
            general: general(&scanned)?,
        }),
        words => Err(misuse(format!("kakuri container rename takes two names, and {} were given", words.len()))
            .hint("kakuri container rename NAME NEW-NAME")
            .into()),
    }
}

pub fn kill(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let names = names(verb, &scanned.words)?;
    let mut signal = libc::SIGKILL;
    for met in scanned.met.iter().filter(|m| m.id == Id::Signal) {
        signal = phrase::signal(&shown_option(met.name), met.value)?;
    }
    done(Verbs::Kill { names, signal, general: general(&scanned)? })
}

pub fn wait(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    done(Verbs::Wait { names: names(verb, &scanned.words)?, general: general(&scanned)? })
}

pub fn copy(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let usage = "kakuri container cp NAME:PATH DST, or kakuri container cp SRC NAME:PATH";
    let [from, to] = &scanned.words[..] else {
        return Err(misuse(format!("kakuri container cp takes two paths, and {} were given", scanned.words.len()))
            .hint(usage)
            .into());
    };
    let sides = (phrase::side(from)?, phrase::side(to)?);
    let inside = |side: &Side| matches!(side, Side::Container { .. });
    match (inside(&sides.0), inside(&sides.1)) {
        (true, true) => Err(misuse(format!("'{}' and '{}' are both in containers", shown(from), shown(to)))
            .hint("copy it out and in again: kakuri container cp A:PATH - | kakuri container cp - B:PATH")
            .into()),
        (false, false) => {
            Err(misuse(format!("neither '{}' nor '{}' is in a container", shown(from), shown(to))).hint(usage).into())
        }
        _ => done(Verbs::Copy(Copy {
            from: sides.0,
            to: sides.1,
            archive: scanned.has(Id::Archive),
            follow: scanned.has(Id::FollowLinks),
            general: general(&scanned)?,
        })),
    }
}
