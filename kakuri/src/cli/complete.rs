//! What could stand where the cursor is: everything but the names, which the store knows.

use kakuri_wire::Bytes;

use super::options::{self, Id, Opt, Takes};
use super::pages::{self, Prefer, RUN, TOP, Verb, Words};

/// What each shell sources.
pub fn script(shell: &str) -> &'static str {
    match shell {
        "bash" => include_str!("complete/kakuri.bash"),
        "zsh" => include_str!("complete/kakuri.zsh"),
        _ => include_str!("complete/kakuri.fish"),
    }
}

/// What is offered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// Words and what they are.
    pub words: Vec<(String, String)>,
    /// Names of containers, those preferred first.
    pub names: Option<Prefer>,
    /// What follows a name: `:` for cp.
    pub suffix: &'static str,
    /// Names of images.
    pub images: bool,
    /// Names of VPN configurations.
    pub configs: bool,
    /// Names of bind profiles.
    pub profiles: bool,
    /// Registries there is a login for.
    pub registries: bool,
    /// Which of all words, from 1, is the first of the command: from there on the shell completes as it would without
    /// kakuri.
    pub command: Option<usize>,
    /// What the word begins with: words are offered where it fits.
    pub typed: String,
    /// Stands before each word: `--option=`.
    pub prefix: String,
}

/// The words after `kakuri`, the last one being completed. Where nothing is offered, the shell completes files.
pub fn offer(words: &[Bytes]) -> Offer {
    let (words, places) = joined(words);
    let mut offer = among_all(&words);
    offer.command = offer.command.and_then(|word| places.get(word).copied());
    offer
}

/// The same, with the command's place among the joined words.
fn among_all(words: &[Vec<u8>]) -> Offer {
    let Some((last, before)) = words.split_last() else { return Offer::default() };
    let (verb, rest) = match before.split_first() {
        Some((word, rest)) => match pages::top(word) {
            Some(family) if family.words == Words::Verb => match rest.split_first() {
                Some((word, rest)) => match family.members().iter().find(|v| v.is(word)) {
                    Some(verb) => (*verb, rest),
                    None => return Offer::default(),
                },
                None => return among(last, family.members().iter().copied()),
            },
            Some(verb) => (verb, rest),
            None => (&RUN, before),
        },
        None if TOP.iter().any(|v| v.word().as_bytes().starts_with(last)) => return among(last, TOP.into_iter()),
        None => (&RUN, before),
    };
    let offer = inside(verb, rest, last);
    Offer { command: offer.command.map(|word| before.len() - rest.len() + word), ..offer }
}

/// bash takes words apart at `=` and `:`, and replaces only the last part. After an option the value is a word of its
/// own, which means the same. Beside the words stands the place, from 1, where each began.
fn joined(words: &[Bytes]) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut joined: Vec<Vec<u8>> = Vec::with_capacity(words.len());
    let mut places = Vec::with_capacity(words.len());
    let mut words = words.iter().map(|w| w.as_bytes()).zip(1..);
    while let Some((word, place)) = words.next() {
        let parting = !word.is_empty() && word.iter().all(|b| b":=".contains(b));
        match joined.last_mut() {
            Some(last) if parting => {
                let (value, place) = words.next().unwrap_or((b"", place));
                if word == b"=" && last.starts_with(b"--") {
                    joined.push(value.into());
                    places.push(place);
                } else {
                    last.extend_from_slice(word);
                    last.extend_from_slice(value);
                }
            }
            _ => {
                joined.push(word.to_vec());
                places.push(place);
            }
        }
    }
    (joined, places)
}

fn among(typed: &[u8], verbs: impl Iterator<Item = &'static Verb>) -> Offer {
    let words = verbs.map(|v| (v.word().to_string(), v.about.to_string())).collect();
    Offer { words, typed: text(typed), ..Offer::default() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Within the words of a verb.
fn inside(verb: &'static Verb, before: &[Vec<u8>], last: &[u8]) -> Offer {
    let typed = text(last);
    let dashes = before.iter().position(|word| word == b"--");
    if let (true, Some(dashes)) = (verb.name == "try", dashes) {
        // Before them, all words are folders.
        return Offer { command: Some(dashes + 1), ..Offer::default() };
    }
    let mut own = 0;
    let mut literal = false;
    let mut words = before.iter().enumerate();
    while let Some((place, word)) = words.next() {
        match &word[..] {
            b"--" if !literal => literal = true,
            [b'-', _, ..] if !literal => {
                if let Some(opt) = wants_value(verb, word)
                    && words.next().is_none()
                {
                    return value(opt, typed, String::new());
                }
            }
            _ => own += 1,
        }
        if verb.words.before_command().is_some_and(|n| own > n) {
            return Offer { command: Some(place), ..Offer::default() };
        }
    }
    if !literal && typed.starts_with('-') {
        if let Some((name, given)) = typed.split_once('=') {
            return match options::long(verb.options, name.trim_start_matches('-').as_bytes()) {
                Some(opt) => value(opt, given.to_string(), format!("{name}=")),
                None => Offer::default(),
            };
        }
        let named =
            options::shown(verb.options).filter_map(|o| o.long.first().map(|l| (format!("--{l}"), o.help.to_string())));
        return Offer { words: named.collect(), typed, ..Offer::default() };
    }
    if verb.words.before_command() == Some(own) {
        return Offer { command: Some(before.len()), ..Offer::default() };
    }
    operand(verb, own, typed)
}

/// The option of the word, if the next word is its value.
fn wants_value(verb: &Verb, word: &[u8]) -> Option<&'static Opt> {
    let value = |o: &&'static Opt| matches!(o.takes, Takes::Value(_));
    match word {
        [b'-', b'-', name @ ..] => options::long(verb.options, name).filter(value),
        _ => {
            let letters = &word[1..];
            let at = letters.iter().position(|l| options::short(verb.options, *l).as_ref().is_some_and(value))?;
            if at + 1 == letters.len() { options::short(verb.options, letters[at]) } else { None }
        }
    }
}

/// The words an option's form names, if it names all of them.
fn value(opt: &Opt, typed: String, prefix: String) -> Offer {
    let offer = Offer { typed, prefix, ..Offer::default() };
    let list = |words: &[&str]| words.iter().map(|w| ((*w).to_string(), String::new())).collect();
    match (opt.id, opt.takes) {
        (Id::BindProfile, _) => Offer { profiles: true, ..offer },
        (Id::Image, _) => Offer { images: true, ..offer },
        (Id::Container, _) => Offer { names: Some(Prefer::Any), ..offer },
        (Id::Vpn, _) => Offer { configs: true, ..offer },
        (Id::Network, _) => Offer { words: list(&["none", "host", "nat", "bridge", "container:", "ns:"]), ..offer },
        (Id::Signal, _) => {
            Offer { words: list(&["TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2", "STOP", "CONT"]), ..offer }
        }
        (Id::Share, _) => Offer { words: list(&["ipc", "uts", "cgroup", "net"]), ..offer },
        (_, Takes::Value(form) | Takes::Switch(form)) => {
            let whole = |w: &&str| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            let words: Vec<&str> = form.split('|').filter(whole).collect();
            Offer { words: if form.contains('|') { list(&words) } else { Vec::new() }, ..offer }
        }
        _ => offer,
    }
}

/// A word of the verb's own, the first being number 0.
fn operand(verb: &Verb, number: usize, typed: String) -> Offer {
    let offer = Offer { typed, ..Offer::default() };
    match verb.words {
        Words::NameCommand(prefer) | Words::Name(prefer) if number == 0 && prefer != Prefer::New => {
            Offer { names: Some(prefer), ..offer }
        }
        Words::NameConf if number == 0 => Offer { names: Some(Prefer::Any), ..offer },
        Words::NameConf if number == 1 => Offer { configs: true, ..offer },
        Words::Conf if number == 0 => Offer { configs: true, ..offer },
        Words::Images => Offer { images: true, ..offer },
        Words::Registry if number == 0 => Offer { registries: true, ..offer },
        Words::Names(prefer) => Offer { names: Some(prefer), ..offer },
        Words::Sides => Offer { names: Some(Prefer::Any), suffix: ":", ..offer },
        Words::Choice(words) if number == 0 => {
            Offer { words: words.iter().map(|w| ((*w).to_string(), String::new())).collect(), ..offer }
        }
        _ => offer,
    }
}
