//! The command lines of try, changes, commit and discard.

use std::ffi::OsString;

use kakuri_wire::{Bytes, Fail};

use super::ask::{Changes, Commit, Discard, Format, Try, Verbs};
use super::enter::{done, general, one_name, read};
use super::options::Id;
use super::pages::{TRY_FOLDERS, Verb};
use super::scan::{Scanned, scan, shown, shown_option};
use super::{Command, Stop, help, misuse, phrase, run};
use crate::spec::Bind;

/// `try [OPTIONS] [FOLDER... --] CMD`: with `--` every word before it is a folder.
pub fn attempt(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let dashes = arguments.iter().position(|word| word == "--");
    let (before, after) = match dashes {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &arguments[..0]),
    };
    let scanned = match dashes {
        Some(_) => Scanned { command: after, ..scan(&TRY_FOLDERS, before)? },
        None => scan(verb, before)?,
    };
    for met in &scanned.met {
        match met.id {
            Id::Help => return Err(Stop::Text(help::page(verb))),
            Id::Version => return Ok(Command::Version),
            _ => {}
        }
    }
    let mut wanted = run::blank();
    scanned.met.iter().try_for_each(|met| run::apply(&mut wanted, met))?;
    run::sane(&wanted)?;
    match scanned.command.first() {
        None => {
            return Err(misuse("'kakuri try' needs a command")
                .hint("kakuri try CMD, or kakuri try FOLDER -- CMD; kakuri try -- bash is a shell")
                .into());
        }
        Some(first) if first.is_empty() => return Err(misuse("the command is empty").hint("kakuri try CMD").into()),
        Some(_) => {}
    }
    wanted.spec.command = scanned.command.iter().map(|word| Bytes::from(word.as_os_str())).collect();
    let folders = scanned.words.iter().map(|word| folder(word)).collect::<Result<_, _>>()?;
    done(Verbs::Try(Try { folders, run: wanted }))
}

fn folder(word: &[u8]) -> Result<Bind, Fail> {
    if word.is_empty() {
        return Err(misuse("'' is no folder to try a command in").hint("kakuri try FOLDER -- CMD"));
    }
    let source = Bytes(word.to_vec());
    Ok(Bind { source, destination: None, read_only: false, noexec: false, create: false, cow: true })
}

pub fn changes(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let mut changes = Changes {
        container: container(&scanned)?,
        paths: paths(&scanned)?,
        format: Format::default(),
        patch: scanned.has(Id::Patch),
        all: scanned.has(Id::All),
        null: scanned.has(Id::Null),
        list: scanned.has(Id::List),
        docker: false,
        general: general(&scanned)?,
    };
    for met in scanned.met.iter().filter(|met| met.id == Id::Format) {
        changes.format = phrase::format(&shown_option(met.name), met.value)?;
    }
    let forms = [(changes.patch, "--patch"), (changes.null, "-z"), (changes.format != Format::Table, "--format")];
    let forms: Vec<_> = forms.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
    if let [one, other, ..] = forms[..] {
        return Err(misuse(format!("{one} and {other} are two forms of one list")).hint("choose one of them").into());
    }
    if changes.list && (changes.patch || changes.null || changes.container.is_some()) {
        return Err(misuse("--list shows what was tried, and takes no other form than --format")
            .hint("kakuri changes --list")
            .into());
    }
    done(Verbs::Changes(changes))
}

/// `container diff NAME`.
pub fn diff(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    done(Verbs::Changes(Changes {
        container: Some(one_name(verb, &scanned.words)?),
        paths: Vec::new(),
        format: Format::default(),
        patch: false,
        all: true,
        null: false,
        list: false,
        docker: true,
        general: general(&scanned)?,
    }))
}

pub fn commit(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (container, paths) = (container(&scanned)?, paths(&scanned)?);
    let undo = scanned.has(Id::Undo);
    if undo && container.is_some() && !paths.is_empty() {
        return Err(misuse("--undo takes back the latest commit as a whole")
            .hint("kakuri commit --undo --container NAME")
            .into());
    }
    done(Verbs::Commit(Commit { container, paths, undo, general: general(&scanned)? }))
}

pub fn discard(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let (container, paths) = (container(&scanned)?, paths(&scanned)?);
    done(Verbs::Discard(Discard { container, paths, general: general(&scanned)? }))
}

fn container(scanned: &Scanned) -> Result<Option<String>, Fail> {
    let given = scanned.met.iter().rev().find(|met| met.id == Id::Container);
    given.map(|met| phrase::name(&shown_option(met.name), met.value)).transpose()
}

fn paths(scanned: &Scanned) -> Result<Vec<Bytes>, Fail> {
    match scanned.words.iter().find(|word| word.is_empty()) {
        Some(word) => Err(misuse(format!("'{}' is no path", shown(word))).hint("leave it out for all of it")),
        None => Ok(scanned.words.iter().map(|word| Bytes(word.to_vec())).collect()),
    }
}
