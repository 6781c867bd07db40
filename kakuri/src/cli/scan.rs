//! Splitting arguments into options and the command. Options stop at the command's first word.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::options::{BUBBLEWRAP, Id, NOT_YET, NOT_YET_SHORT, OPTIONS, Opt, Takes};
use super::{help, misuse};

/// An option as it was met.
#[derive(Clone, Copy, Debug)]
pub struct Met<'a> {
    pub id: Id,
    /// As typed, for errors: `--bind`, `-v`.
    pub name: &'a [u8],
    /// Empty where it takes none.
    pub value: &'a [u8],
    /// `--user` without ids.
    pub bare: bool,
}

#[derive(Debug)]
pub struct Scanned<'a> {
    pub met: Vec<Met<'a>>,
    pub command: &'a [OsString],
    /// `--` stood before the command.
    pub dashes: bool,
}

pub fn scan(arguments: &[OsString]) -> Result<Scanned<'_>, Fail> {
    let mut met = Vec::with_capacity(arguments.len().min(64));
    let mut at = 0;
    while let Some(word) = arguments.get(at).map(|w| w.as_bytes()) {
        at += 1;
        let next = arguments.get(at).map(|w| w.as_bytes());
        match word {
            b"--" => return Ok(Scanned { met, command: &arguments[at..], dashes: true }),
            [b'-', b'-', ..] => at += usize::from(long(word, next, &mut met)?),
            [b'-', _, ..] => at += usize::from(cluster(word, next, &mut met)?),
            _ => return Ok(Scanned { met, command: &arguments[at - 1..], dashes: false }),
        }
    }
    Ok(Scanned { met, command: &[], dashes: false })
}

/// `--name`, `--name=value`, `--name value`. True where the next word was the value.
fn long<'a>(word: &'a [u8], next: Option<&'a [u8]>, met: &mut Vec<Met<'a>>) -> Result<bool, Fail> {
    let (name, attached) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let found = OPTIONS.iter().find(|o| o.long.iter().any(|l| l.as_bytes() == &name[2..]));
    let opt = found.ok_or_else(|| unknown(name))?;
    let mut option = Met { id: opt.id, name, value: b"", bare: false };
    match (opt.takes, attached) {
        (Takes::Nothing, None | Some(b"true")) => {}
        (Takes::Nothing, Some(b"false")) => return Ok(false),
        (Takes::Nothing, Some(value)) => {
            return Err(misuse(format!("'{}' takes no value, and '{}' was given", shown(name), shown(value)))
                .hint(format!("type {} alone", shown(name))));
        }
        (_, Some(value)) => option.value = value,
        (Takes::Number(_), None) => match next.filter(|n| is_ids(n)) {
            Some(value) => {
                met.push(Met { value, ..option });
                return Ok(true);
            }
            None => option.bare = true,
        },
        (Takes::Value(_), None) => {
            let value = next.ok_or_else(|| no_value(name, opt))?;
            met.push(Met { value, ..option });
            return Ok(true);
        }
    }
    met.push(option);
    Ok(false)
}

/// `-it`, `-eKEY=x`, `-e KEY=x`. True where the next word was the value.
fn cluster<'a>(word: &'a [u8], next: Option<&'a [u8]>, met: &mut Vec<Met<'a>>) -> Result<bool, Fail> {
    for (i, letter) in word.iter().enumerate().skip(1) {
        let name: &[u8] = if word.len() == 2 { word } else { &word[i..=i] };
        let Some(opt) = OPTIONS.iter().find(|o| o.short == Some(*letter)) else {
            return Err(unknown_letter(word, *letter));
        };
        if opt.takes == Takes::Nothing {
            met.push(Met { id: opt.id, name, value: b"", bare: false });
            continue;
        }
        let attached = &word[i + 1..];
        let (value, used) = match attached {
            [] => (next.ok_or_else(|| no_value(name, opt))?, true),
            [b'=', value @ ..] => (value, false),
            value => (value, false),
        };
        met.push(Met { id: opt.id, name, value, bare: false });
        return Ok(used);
    }
    Ok(false)
}

/// `1000` or `1000:1000`.
fn is_ids(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit) && word.iter().all(|b| b.is_ascii_digit() || *b == b':')
}

fn no_value(name: &[u8], opt: &Opt) -> Fail {
    let form = match opt.takes {
        Takes::Value(form) | Takes::Number(form) => form,
        Takes::Nothing => "",
    };
    let name = shown_option(name);
    misuse(format!("'{name}' needs a value")).hint(format!("{name} {form}"))
}

fn unknown(name: &[u8]) -> Fail {
    let word = shown(&name[2..]);
    if NOT_YET.contains(&word.as_str()) || word.starts_with("landlock-") {
        return misuse(format!("this build has no `--{word}` yet")).hint("kakuri --help lists what it has");
    }
    if let Some((_, instead)) = BUBBLEWRAP.iter().find(|(theirs, _)| *theirs == word) {
        return misuse(format!("unknown option '--{word}'")).hint(format!("that is bubblewrap's: {instead}"));
    }
    let hint = match help::suggestion(&word) {
        Some(near) => format!("did you mean {near}?"),
        None => "kakuri --help lists the options; those of CMD come after it".into(),
    };
    misuse(format!("unknown option '--{word}'")).hint(hint)
}

fn unknown_letter(word: &[u8], letter: u8) -> Fail {
    let all = shown(word);
    if NOT_YET_SHORT.contains(&letter) {
        return misuse(format!("this build has no `-{}` yet", char::from(letter)))
            .hint("kakuri --help lists what it has");
    }
    let why = misuse(format!("unknown option '{all}'"));
    // `-bind` was meant to be `--bind`.
    let meant = OPTIONS.iter().flat_map(|o| o.long).find(|l| word.len() > 2 && l.as_bytes() == &word[1..]);
    match meant {
        Some(long) => why.hint(format!("did you mean --{long}?")),
        None => why.hint("kakuri --help lists the options; those of CMD come after it"),
    }
}

pub fn shown(bytes: &[u8]) -> String {
    Bytes(bytes.to_vec()).to_string()
}

/// A letter out of a cluster is shown with its dash.
pub fn shown_option(name: &[u8]) -> String {
    if name.first() == Some(&b'-') { shown(name) } else { format!("-{}", shown(name)) }
}
