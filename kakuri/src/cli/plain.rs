//! The verbs without a container: version, doctor, config, completion; and the way to docker's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::Bytes;

use super::ask::{Complete, Verbs};
use super::enter::{done, read};
use super::options::Id;
use super::pages::{self, Verb};
use super::scan::shown;
use super::{Command, Stop, help, misuse};
use crate::config::verb::Verb as Config;
use crate::doctor::Form;

pub fn version(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    no_words(verb, &read(verb, arguments)?.words).map(|()| Command::Version)
}

pub fn doctor(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    no_words(verb, &scanned.words)?;
    match (scanned.has(Id::Json), scanned.has(Id::Fix)) {
        (false, false) => Ok(Command::Doctor(Form::Table)),
        (true, false) => Ok(Command::Doctor(Form::Json)),
        (false, true) => Ok(Command::Doctor(Form::Script)),
        (true, true) => Err(misuse("--json and --fix are two forms of one answer")
            .hint("leave one of them out; --json has the commands too, as `fix`")
            .into()),
    }
}

fn no_words(verb: &Verb, words: &[&[u8]]) -> Result<(), Stop> {
    match words.first() {
        None => Ok(()),
        Some(word) => Err(misuse(format!("kakuri {} takes no '{}'", verb.name, shown(word)))
            .hint(format!(
                "{}; or kakuri -- {} for a program of that name",
                format_args!("kakuri {} {}", verb.name, verb.usage).to_string().trim_end(),
                verb.name
            ))
            .into()),
    }
}

/// `config show|path|init|check [--config FILE]`.
pub fn config(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let usage = "kakuri config show|path|init|check [--config FILE]";
    let scanned = read(verb, arguments)?;
    let file = scanned.met.iter().rev().find(|m| m.id == Id::Config).map(|m| Bytes(m.value.to_vec()));
    let unknown =
        |word: &[u8]| Err(misuse(format!("kakuri config does not know '{}'", shown(word))).hint(usage).into());
    let asked = match scanned.words[..] {
        [] => return Err(misuse("'kakuri config' needs a word more").hint(usage).into()),
        [_, more, ..] => return unknown(more),
        [b"show"] => Config::Show,
        [b"path"] => Config::Path,
        [b"init"] => Config::Init,
        [b"check"] => Config::Check,
        [word] => return unknown(word),
    };
    Ok(Command::Config(asked, file))
}

/// `completion bash|zsh|fish`, `completion man DIR`, and `completion words -- WORD...`, which the scripts call.
pub fn completion(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    if let Some(b"words") = arguments.first().map(|w| w.as_bytes()) {
        // Whatever the words are, they are not options of ours.
        let rest = &arguments[1..];
        let rest = if rest.first().is_some_and(|w| w == "--") { &rest[1..] } else { rest };
        let words = rest.iter().map(|w| Bytes::from(w.as_os_str())).collect();
        return done(Verbs::Complete(Complete::Words(words)));
    }
    let usage = "kakuri completion bash|zsh|fish, or kakuri completion man DIR";
    let scanned = read(verb, arguments)?;
    match scanned.words[..] {
        [shell @ (b"bash" | b"zsh" | b"fish")] => done(Verbs::Complete(Complete::Script(shown(shell)))),
        [b"man", folder] if !folder.is_empty() => done(Verbs::Complete(Complete::Man(Bytes(folder.to_vec())))),
        [b"man", ..] => Err(misuse("'kakuri completion man' needs the folder to write to")
            .hint("kakuri completion man ~/.local/share/man/man1")
            .into()),
        [] => Err(misuse("'kakuri completion' needs the name of a shell").hint(usage).into()),
        [b"bash" | b"zsh" | b"fish", more, ..] => {
            Err(misuse(format!("kakuri completion does not know '{}'", shown(more))).hint(usage).into())
        }
        [word, ..] => Err(misuse(format!("there is no completion for '{}'", shown(word))).hint(usage).into()),
    }
}

/// `kakuri container VERB ...`.
pub fn container(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    member(verb, &pages::DOCKER, arguments)
}

/// The verb of a family that the next word names.
pub fn member(family: &'static Verb, all: &[&'static Verb], arguments: &[OsString]) -> Result<Command, Stop> {
    let word = arguments.first().map(|w| w.as_bytes()).unwrap_or_default();
    if let Some(verb) = all.iter().find(|v| v.is(word)) {
        return (verb.parse)(verb, &arguments[1..]);
    }
    let name = family.name;
    match word {
        b"--help" | b"-h" => Err(Stop::Text(help::page(family))),
        b"" => {
            Err(misuse(format!("'kakuri {name}' needs a verb")).hint(format!("kakuri {name} --help lists them")).into())
        }
        word => {
            let words = all.iter().flat_map(|v| std::iter::once(v.word()).chain(v.also.iter().copied()));
            let word = shown(word);
            let hint = match help::nearest(&word, words) {
                Some(near) => format!("did you mean kakuri {name} {near}?"),
                None => format!("kakuri {name} --help lists them"),
            };
            Err(misuse(format!("kakuri {name} has no '{word}'")).hint(hint).into())
        }
    }
}
