//! What is asked of every error: that it reads as one voice, says what was wanted, why not, and what to do.

use crate::scan::Entry;

/// Words that say that something is wrong, and not what.
const EMPTY: [&str; 13] = [
    "failed to",
    "error:",
    "error occurred",
    "unable to",
    "unexpected error",
    "something went wrong",
    "invalid",
    "illegal",
    "bad argument",
    "internal error",
    "oops",
    "sorry",
    "please",
];

/// Not how it is written here.
const SHORTENED: [&str; 9] =
    ["can't", "cannot be not", "couldn't", "doesn't", "don't", "isn't", "won't", "wasn't", "shouldn't"];

/// Longer than these nobody reads to the end, in characters of the source.
const WHAT: usize = 160;
const WHY: usize = 220;
const HINT: usize = 330;

/// Made here, and given the reason where a call has it: by a function that knows the errno, or a closure's caller.
const REASON_FOLLOWS: [&str; 8] = [
    "kakuri-mount::power::give",
    "kakuri::cell::others",
    "kakuri::client::session::give_back",
    "kakuri::door::socket::cannot",
    "kakuri::image::archive::shelf::cannot",
    "kakuri::image::unpack::blob::read",
    "kakuri::image::unpack::tree::trouble",
    "kakuri::image::unpacker::program::put",
];

/// Errors that say what cannot be, and not why. `all`: those of the same function may be given the reason there.
pub fn unexplained(all: &[Entry]) -> Vec<&Entry> {
    let explained = |place: &str| all.iter().any(|other| other.place == place && other.what == "...");
    all.iter()
        .filter(|e| e.what.starts_with("cannot ") && e.why.is_empty() && e.hint.is_empty())
        .filter(|e| !e.stage.is_empty() && !e.stage.contains("{e}"))
        .filter(|e| !REASON_FOLLOWS.contains(&e.place.as_str()) && !explained(&e.place))
        .collect()
}

/// The rules an entry breaks.
pub fn broken(entry: &Entry) -> Vec<&'static str> {
    let made = !entry.stage.is_empty();
    let mut broken = Vec::new();
    for field in [&entry.what, &entry.why, &entry.hint] {
        for text in field.split(" / ") {
            broken.extend(of_every_text(text));
        }
    }
    if made {
        for text in entry.what.split(" / ").filter(|text| *text != "...") {
            broken.extend(of_what(text));
        }
        for text in entry.why.split(" / ") {
            broken.extend(begins_high(text).then_some("the reason begins as a sentence does"));
            broken.extend((text.chars().count() > WHY).then_some("the reason is too long"));
        }
    }
    for text in entry.hint.split(" / ").filter(|text| !text.is_empty()) {
        broken.extend(of_hint(text));
    }
    broken
}

fn of_every_text(text: &str) -> Vec<&'static str> {
    let low = text.to_lowercase();
    let mut broken = Vec::new();
    broken
        .extend(EMPTY.iter().any(|word| low.contains(word)).then_some("it says that something is wrong, and not what"));
    broken.extend(SHORTENED.iter().any(|word| low.contains(word)).then_some("it is `cannot` and `does not` here"));
    broken.extend(text.contains(":?}").then_some("it shows the inside of the program"));
    let ours = without_values(&low);
    broken.extend(
        ((ours.contains("errno") && ours != "errno" && !ours.contains("scmp_act_errno")) || ours.contains("os error "))
            .then_some("it shows the number of an error"),
    );
    broken
}

/// What is written here, without the expressions in it.
fn without_values(text: &str) -> String {
    let mut depth = 0;
    let outside = |c: &char| {
        depth += i32::from(*c == '{');
        let outside = depth == 0;
        depth -= i32::from(*c == '}');
        outside
    };
    text.chars().filter(outside).collect()
}

fn of_what(text: &str) -> Vec<&'static str> {
    let mut broken = Vec::new();
    broken.extend(begins_high(text).then_some("it begins as a sentence does"));
    broken.extend((text.ends_with(['.', '!', ':', ' ']) || text.starts_with(' ')).then_some("it ends with a mark"));
    broken.extend(text.contains(['\n', '\t']).then_some("it has more than one line"));
    broken.extend((text.chars().count() > WHAT).then_some("what failed is too long"));
    broken
}

fn of_hint(text: &str) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let first = text.split_whitespace().next().unwrap_or_default();
    broken.extend(begins_high(text).then_some("the hint begins as a sentence does"));
    broken.extend(
        (text.ends_with(['.', '!', ':', ' ']) && !text.ends_with("...") && !text.ends_with(" ."))
            .then_some("the hint ends with a mark"),
    );
    broken.extend(text.contains(['\n', '\t']).then_some("the hint has more than one line"));
    broken.extend((text.chars().count() > HINT).then_some("the hint is too long"));
    broken.extend(
        ["you", "we", "maybe", "perhaps", "note", "must"]
            .contains(&first)
            .then_some("the hint does not say what to do"),
    );
    // A command that is to be typed names what it is typed for.
    broken.extend(lacks_its_object(text).then_some("the hint's command does not say on what"));
    broken
}

/// `ls -ld shows who may`, of which file?
fn lacks_its_object(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', ',', ';', ':', ')']).filter(|word| !word.is_empty()).collect();
    words.windows(2).enumerate().any(|(at, pair)| {
        let starts = ["ls", "namei", "chmod", "lsattr"].contains(&pair[0])
            && (pair[1].starts_with('-') || pair[1].contains(['+', '-']));
        let next = words.get(at + 2).copied().unwrap_or_default();
        starts
            && !text.contains("takes that from them")
            && ["", "shows", "it", "lists", "tells", "makes"].contains(&next)
    })
}

/// A capital that is no name's.
fn begins_high(text: &str) -> bool {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    let mut letters = word.chars();
    let sentence = letters.next().is_some_and(char::is_uppercase)
        && letters.clone().next().is_some()
        && letters.all(char::is_lowercase);
    sentence
        && !["Linux", "Landlock", "Docker", "Basic", "Bearer", "Fedora", "Address", "Endpoint", "Table"]
            .contains(&word.as_str())
}
