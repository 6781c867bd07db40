//! Verbs beside running a command.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::scan::shown;
use super::{Command, Stop, help, misuse};
use crate::config::verb::Verb;

const BUILT: [&str; 4] = ["run", "version", "doctor", "config"];

/// Verbs that later builds bring.
pub const NOT_YET: [&str; 22] = [
    "create",
    "start",
    "exec",
    "shell",
    "list",
    "stop",
    "restart",
    "remove",
    "inspect",
    "logs",
    "attach",
    "vpn",
    "container",
    "try",
    "changes",
    "commit",
    "discard",
    "pull",
    "images",
    "image",
    "registry",
    "completion",
];

pub fn is_verb(word: &[u8]) -> bool {
    BUILT.iter().chain(&NOT_YET).any(|v| v.as_bytes() == word)
}

pub fn not_yet(verb: &Bytes) -> Fail {
    misuse(format!("this build has no `{verb}` yet")).hint(format!("to run a program of that name: kakuri -- {verb}"))
}

pub fn version(rest: &[OsString]) -> Result<Command, Stop> {
    plain(rest, "version", "Print the version").map(|()| Command::Version)
}

pub fn doctor(rest: &[OsString]) -> Result<Command, Stop> {
    let json = rest.first().is_some_and(|w| w.as_bytes() == b"--json");
    plain(&rest[usize::from(json)..], "doctor [--json]", "Try what this host allows, and say what to do about the rest")
        .map(|()| Command::Doctor { json })
}

fn plain(rest: &[OsString], verb: &'static str, about: &'static str) -> Result<(), Stop> {
    match rest.first().map(|w| w.as_bytes()) {
        None => Ok(()),
        Some(b"--help" | b"-h") => Err(Stop::Text(help::verb(verb, about))),
        Some(word) => {
            let name = verb.split(' ').next().unwrap_or(verb);
            Err(misuse(format!("kakuri {name} takes no '{}'", shown(word)))
                .hint(format!("kakuri {verb}; or kakuri -- {name} for a program of that name"))
                .into())
        }
    }
}

/// `config show|path|init|check [--config FILE]`.
pub fn config(rest: &[OsString]) -> Result<Command, Stop> {
    let usage = "kakuri config show|path|init|check [--config FILE]";
    let mut verb = None;
    let mut file = None;
    let mut words = rest.iter().map(|w| w.as_bytes());
    while let Some(word) = words.next() {
        match word {
            b"--help" | b"-h" => return Err(Stop::Text(help::config())),
            b"--config" => {
                let value = words.next().ok_or_else(|| misuse("'--config' needs a value").hint(usage))?;
                file = Some(Bytes(value.to_vec()));
            }
            word if word.starts_with(b"--config=") => file = Some(Bytes(word[9..].to_vec())),
            b"show" if verb.is_none() => verb = Some(Verb::Show),
            b"path" if verb.is_none() => verb = Some(Verb::Path),
            b"init" if verb.is_none() => verb = Some(Verb::Init),
            b"check" if verb.is_none() => verb = Some(Verb::Check),
            word => return Err(misuse(format!("kakuri config does not know '{}'", shown(word))).hint(usage).into()),
        }
    }
    match verb {
        Some(verb) => Ok(Command::Config(verb, file)),
        None => Err(misuse("'kakuri config' needs a word more").hint(usage).into()),
    }
}
