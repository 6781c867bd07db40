//! What a builder's calls come to: words of kakuri's command line, and which call each is from.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

use super::error::{Error, ErrorKind};

/// One call of a builder.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// As it would be written: `Container::hostname("box")`.
    pub text: String,
    /// The option and its value.
    pub words: Vec<Word>,
    /// What an error about it quotes.
    pub quoted: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Word {
    Plain(OsString),
    /// The number of a descriptor that has these contents, between two texts.
    Contents {
        before: OsString,
        bytes: Arc<[u8]>,
        after: OsString,
    },
}

/// Calls in their order, and the first that cannot be carried out.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    pub list: Vec<Call>,
    pub wrong: Option<Error>,
}

impl Calls {
    /// An option alone.
    pub fn flag(&mut self, text: String, option: &str) {
        self.list.push(Call { text, words: vec![Word::Plain(option.into())], quoted: Vec::new() });
    }

    /// `--option=value`: one word, so that no value is taken for an option.
    pub fn option(&mut self, text: String, option: &str, value: impl AsRef<OsStr>) {
        let quoted = vec![value.as_ref().to_string_lossy().into_owned()];
        self.quoting(text, option, value, quoted);
    }

    pub fn quoting(&mut self, text: String, option: &str, value: impl AsRef<OsStr>, quoted: Vec<String>) {
        let value = value.as_ref();
        if value.as_bytes().contains(&0) {
            return self.refuse(text, "it contains a NUL byte");
        }
        self.list.push(Call { text, words: vec![Word::Plain(joined(option, value))], quoted });
    }

    /// The same with the number of a descriptor in the value.
    pub fn contents(&mut self, text: String, option: &str, around: [OsString; 2], bytes: &[u8], quoted: Vec<String>) {
        let [before, after] = around;
        if after.as_bytes().contains(&0) {
            return self.refuse(text, "it contains a NUL byte");
        }
        let word = Word::Contents { before: joined(option, &before), bytes: bytes.into(), after };
        self.list.push(Call { text, words: vec![word], quoted });
    }

    pub fn refuse(&mut self, text: String, why: &str) {
        let error = Error::new(ErrorKind::Container, "a value that cannot be").with_why(why).of_call(text);
        self.wrong.get_or_insert(error);
    }

    /// The error with the call it is about: whose values it quotes, or whose option it names.
    pub fn name(&self, mut error: Error) -> Error {
        let said = format!("{} {}", error.what, error.why.as_deref().unwrap_or_default());
        let weight = |call: &Call| {
            let quotes = call.quoted.iter().filter(|value| said.contains(&format!("'{value}'"))).count();
            let option = call.words.first().is_some_and(|word| {
                let bytes = match word {
                    Word::Plain(word) | Word::Contents { before: word, .. } => word.as_bytes(),
                };
                let end = bytes.iter().position(|&b| b == b'=').unwrap_or(bytes.len());
                let option = String::from_utf8_lossy(&bytes[..end]);
                said.split([' ', ':', ',', '`', '=', '(', ')']).any(|word| word == option)
            });
            // `box.toml:3:8: ...`, or a file that it includes: the option named behind it is the file's.
            let file = call.is_config_file() && has_place(&error.what);
            8 * usize::from(file) + 2 * quotes + usize::from(option)
        };
        if error.call.is_none() {
            let best = self.list.iter().map(|call| (weight(call), call)).filter(|(weight, _)| *weight > 0);
            error.call = best.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|b| b.1.text.clone());
        }
        error
    }
}

impl Call {
    fn is_config_file(&self) -> bool {
        let is = |word: &OsString| word.as_bytes().starts_with(b"--config-file=");
        matches!(self.words.first(), Some(Word::Plain(word)) if is(word))
    }
}

/// Whether an error begins with a place: file, line and column.
fn has_place(what: &str) -> bool {
    let number = |field: Option<&str>| field.is_some_and(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    what.split_once(": ").is_some_and(|(place, _)| {
        let mut fields = place.rsplit(':');
        number(fields.next()) && number(fields.next()) && fields.next().is_some()
    })
}

fn joined(option: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(option);
    word.push("=");
    word.push(value);
    word
}

/// A path as a field of a value: colons are escaped. None for one that ends with a backslash, which would escape the
/// colon behind it.
pub(super) fn field(path: &OsStr) -> Option<OsString> {
    let bytes = path.as_bytes();
    if bytes.last() == Some(&b'\\') {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for &b in bytes {
        if b == b':' {
            out.push(b'\\');
        }
        out.push(b);
    }
    Some(OsString::from_vec(out))
}

/// A path of the host: `~` is a name like any other, where kakuri's command line takes it for the home.
pub(super) fn source(path: &OsStr) -> Option<OsString> {
    let mut whole = OsString::new();
    if path.as_bytes().first() == Some(&b'~') {
        whole.push("./");
    }
    whole.push(path);
    field(&whole)
}

/// `text!(self_name, args...)`: a call as it would be written.
macro_rules! text {
    ($name:expr) => { format!("{}()", $name) };
    ($name:expr, $($value:expr),+) => { format!("{}({})", $name, [$(format!("{:?}", $value)),+].join(", ")) };
}
pub(super) use text;
