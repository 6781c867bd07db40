//! Values that are words of the verbs: names, signals, keys, times. Every error names what was typed.

use std::time::{Duration, SystemTime};

use kakuri_wire::{Bytes, Fail};

use super::ask::{Format, Side};
use super::scan::shown;
use super::{misuse, value};
use crate::output::time;
use crate::signals;
use crate::store;

/// A name of a container that is still to be.
pub fn new_name(typed: &[u8]) -> Result<String, Fail> {
    let text = String::from_utf8_lossy(typed).into_owned();
    store::name::check(&text).map(|()| text)
}

/// A name to look for, whole or the beginning of one.
pub fn name(what: &str, typed: &[u8]) -> Result<String, Fail> {
    match std::str::from_utf8(typed) {
        Ok("") => Err(misuse(format!("{what}: the name is empty")).hint("kakuri list shows the names")),
        Ok(name) => Ok(name.into()),
        Err(_) => Err(misuse(format!("no container is called '{}'", shown(typed))).hint("kakuri list shows the names")),
    }
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+1`, `RTMAX-1`.
pub fn signal(option: &str, typed: &[u8]) -> Result<i32, Fail> {
    signals::parse(&shown(typed)).ok_or_else(|| {
        misuse(format!("bad value '{}' for {option}", shown(typed)))
            .why("it is no signal")
            .hint(format!("{option} TERM, {option} SIGHUP, {option} 15 or {option} RTMIN+1; kill -l lists them"))
    })
}

/// `ctrl-p,ctrl-q` in bytes of the terminal; nothing typed is none at all.
pub fn keys(option: &str, typed: &[u8]) -> Result<Vec<u8>, Fail> {
    if typed.is_empty() {
        return Ok(Vec::new());
    }
    let one = |key: &[u8]| match key {
        [letter @ (b'a'..=b'z' | b'A'..=b'Z')] => Some(*letter),
        [b'c', b't', b'r', b'l', b'-', key] => match key.to_ascii_uppercase() {
            // The control characters are the 32 below the letters' column.
            key @ (b'@'..=b'_') => Some(key - b'@'),
            _ => None,
        },
        _ => None,
    };
    typed.split(|&b| b == b',').map(one).collect::<Option<Vec<u8>>>().ok_or_else(|| {
        misuse(format!("bad value '{}' for {option}", shown(typed)))
            .why("it is no sequence of keys")
            .hint(format!("{option} ctrl-p,ctrl-q: letters, ctrl- and a letter or one of @ [ \\ ] ^ _; '' for none"))
    })
}

/// How long a stop may take: `0` not at all, `-1` for ever.
pub fn patience(option: &str, typed: &[u8]) -> Result<Duration, Fail> {
    match typed {
        b"-1" => Ok(Duration::MAX),
        b"0" | b"0s" => Ok(Duration::ZERO),
        _ => value::duration(option, typed)
            .map_err(|fail| fail.hint("seconds, or a number and ms, s, m or h; 0 kills at once, -1 waits for ever")),
    }
}

/// `--format`.
pub fn format(option: &str, typed: &[u8]) -> Result<Format, Fail> {
    let text = std::str::from_utf8(typed).unwrap_or_default();
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        "jsonl" => Ok(Format::Jsonl),
        text if text.contains("{{") => Ok(Format::Template(text.into())),
        _ => Err(misuse(format!("bad value '{}' for {option}", shown(typed)))
            .why("it is neither a word it knows nor a template")
            .hint(format!("{option} json, {option} jsonl, or {option} '{{{{.Names}}}} {{{{.Status}}}}'"))),
    }
}

/// `KEY=VALUE`.
pub fn filter(option: &str, typed: &[u8]) -> Result<(String, String), Fail> {
    let text = std::str::from_utf8(typed).unwrap_or_default();
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().into(), value.trim().into())),
        _ => Err(misuse(format!("bad value '{}' for {option}", shown(typed)))
            .why("it is not KEY=VALUE")
            .hint(format!("{option} name=web or {option} status=running"))),
    }
}

/// `N` lines; `all`, and docker's -1, are None.
pub fn lines(option: &str, typed: &[u8]) -> Result<Option<u64>, Fail> {
    match typed {
        b"all" | b"-1" => Ok(None),
        _ => match std::str::from_utf8(typed).ok().filter(|t| !t.starts_with('+')).and_then(|t| t.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(misuse(format!("bad value '{}' for {option}", shown(typed)))
                .why("it is no number of lines")
                .hint(format!("{option} 100, or {option} all"))),
        },
    }
}

/// A moment: RFC 3339, seconds since 1970, or so long ago.
pub fn moment(option: &str, typed: &[u8]) -> Result<SystemTime, Fail> {
    let text = std::str::from_utf8(typed).unwrap_or_default();
    time::parse(text, SystemTime::now()).ok_or_else(|| {
        misuse(format!("bad value '{}' for {option}", shown(typed)))
            .why("it is no moment")
            .hint(format!("{option} 2026-01-31T12:00:00Z, {option} 1769860800, or {option} 10m for ten minutes ago"))
    })
}

/// `NAME:PATH`, `-`, or a path of the host. One with a colon in it begins with `.` or `/`.
pub fn side(typed: &[u8]) -> Result<Side, Fail> {
    let wrong = |why: &str| {
        Err(misuse(format!("cannot copy '{}'", shown(typed)))
            .why(why)
            .hint("kakuri container cp NAME:PATH DST, or SRC NAME:PATH; a file with a colon is ./a:b"))
    };
    if typed.is_empty() {
        return wrong("it is empty");
    }
    let colon = typed.iter().position(|&b| b == b':');
    match colon {
        _ if typed == b"-" => Ok(Side::Tar),
        Some(at) if !matches!(typed[0], b'.' | b'/') && !typed[..at].contains(&b'/') => match &typed[at + 1..] {
            [] => wrong("no path follows the name"),
            _ if at == 0 => wrong("no name stands before the colon"),
            path => Ok(Side::Container { name: name("cp", &typed[..at])?, path: Bytes(path.to_vec()) }),
        },
        _ => Ok(Side::Host(Bytes(typed.to_vec()))),
    }
}
