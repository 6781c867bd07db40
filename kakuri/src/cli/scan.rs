//! Splitting arguments into options, the words of a verb and the command. Options stop at the command's first word.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::options::foreign::{self, MISPLACED};
use super::options::{self, Id, Opt, Takes};
use super::pages::{TOP, Verb};
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
    /// The verb's own words: names of containers.
    pub words: Vec<&'a [u8]>,
    pub command: &'a [OsString],
    /// `--` stood before the command.
    pub dashes: bool,
    /// `--nest=false`: what a file may say, and this line takes back.
    pub denied: Vec<Id>,
}

impl Scanned<'_> {
    pub fn has(&self, id: Id) -> bool {
        self.met.iter().any(|m| m.id == id)
    }
}

/// Options stand on either side of the verb's own words; `--` ends them.
pub fn scan<'a>(verb: &Verb, arguments: &'a [OsString]) -> Result<Scanned<'a>, Fail> {
    let before = verb.words.before_command().unwrap_or(usize::MAX);
    let met = Vec::with_capacity(arguments.len().min(64));
    let mut scanned = Scanned { met, words: Vec::new(), command: &[], dashes: false, denied: Vec::new() };
    let mut at = 0;
    while let Some(word) = arguments.get(at).map(|w| w.as_bytes()) {
        at += 1;
        let next = arguments.get(at).map(|w| w.as_bytes());
        match word {
            b"--" if !scanned.dashes => scanned.dashes = true,
            [b'-', b'-', ..] if !scanned.dashes => at += usize::from(long(verb, word, next, &mut scanned)?),
            [b'-', _, ..] if !scanned.dashes => at += usize::from(cluster(verb, word, next, &mut scanned.met)?),
            // `create --name NAME CMD`: the name has been given.
            _ if scanned.words.len() < before && !(before == 1 && scanned.has(Id::Name)) => scanned.words.push(word),
            _ => {
                scanned.command = &arguments[at - 1..];
                break;
            }
        }
    }
    Ok(scanned)
}

/// `--name`, `--name=value`, `--name value`. True where the next word was the value.
fn long<'a>(verb: &Verb, word: &'a [u8], next: Option<&'a [u8]>, scanned: &mut Scanned<'a>) -> Result<bool, Fail> {
    let met = &mut scanned.met;
    let (name, attached) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let opt = options::long(verb.options, &name[2..]).ok_or_else(|| unknown(verb, name))?;
    let mut option = Met { id: opt.id, name, value: b"", bare: false };
    match (opt.takes, attached) {
        (Takes::Nothing, None | Some(b"true")) => {}
        (Takes::Nothing, Some(b"false")) => {
            scanned.denied.push(opt.id);
            return Ok(false);
        }
        (Takes::Nothing, Some(value)) => {
            return Err(misuse(format!("'{}' takes no value, and '{}' was given", shown(name), shown(value)))
                .hint(format!("type {} alone", shown(name))));
        }
        (_, Some(value)) => option.value = value,
        (Takes::Switch(words), None) => option.value = words.split('|').next().unwrap_or_default().as_bytes(),
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
fn cluster<'a>(verb: &Verb, word: &'a [u8], next: Option<&'a [u8]>, met: &mut Vec<Met<'a>>) -> Result<bool, Fail> {
    for (i, letter) in word.iter().enumerate().skip(1) {
        let name: &[u8] = if word.len() == 2 { word } else { &word[i..=i] };
        let opt = options::short(verb.options, *letter).ok_or_else(|| unknown_letter(verb, word))?;
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
        Takes::Value(form) | Takes::Number(form) | Takes::Switch(form) => form,
        Takes::Nothing => "",
    };
    let name = shown_option(name);
    misuse(format!("'{name}' needs a value")).hint(format!("{name} {form}"))
}

fn unknown(verb: &Verb, name: &[u8]) -> Fail {
    let word = shown(&name[2..]);
    misplaced(verb, &word).unwrap_or_else(|| {
        let hint = help::suggestion(verb, &word).map_or_else(|| listed(verb), |near| format!("did you mean {near}?"));
        misuse(format!("unknown option '--{word}'")).hint(hint)
    })
}

/// An option of another verb, or of another program.
pub fn misplaced(verb: &Verb, word: &str) -> Option<Fail> {
    if let Some((_, _, instead)) = MISPLACED.iter().find(|(v, option, _)| *v == verb.name && *option == word) {
        return Some(misuse(format!("kakuri {} takes no --{word}", verb.name)).hint(*instead));
    }
    if let Some((whose, instead)) = foreign::named(word) {
        return Some(misuse(format!("unknown option '--{word}'")).hint(format!("that is {whose}'s: {instead}")));
    }
    let others: Vec<&str> =
        TOP.iter().filter(|v| options::long(v.options, word.as_bytes()).is_some()).map(|v| v.name).collect();
    if others.is_empty() {
        return None;
    }
    let taker = if verb.name == "run" { "a run".into() } else { format!("kakuri {}", verb.name) };
    let hint = format!("{}; --{word} is for kakuri {}", listed(verb), others.join(", "));
    Some(misuse(format!("{taker} takes no --{word}")).hint(hint))
}

fn listed(verb: &Verb) -> String {
    match verb.name {
        "run" => "kakuri --help lists the options; those of CMD come after it".into(),
        name => format!("kakuri {name} --help lists its options"),
    }
}

fn unknown_letter(verb: &Verb, word: &[u8]) -> Fail {
    let all = shown(word);
    let why = misuse(format!("unknown option '{all}'"));
    // `-bind` was meant to be `--bind`.
    if word.len() > 2 && options::long(verb.options, &word[1..]).is_some() {
        return why.hint(format!("did you mean -{all}?"));
    }
    match foreign::letter(word[1]).filter(|_| matches!(verb.name, "run" | "create")) {
        Some((whose, instead)) => why.hint(format!("that is {whose}'s: {instead}")),
        None => why.hint(listed(verb)),
    }
}

pub fn shown(bytes: &[u8]) -> String {
    Bytes(bytes.to_vec()).to_string()
}

/// A letter out of a cluster is shown with its dash.
pub fn shown_option(name: &[u8]) -> String {
    if name.first() == Some(&b'-') { shown(name) } else { format!("-{}", shown(name)) }
}
