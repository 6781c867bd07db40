//! What is wrong with a configuration, by file and line.

use kakuri_wire::{Bytes, Fail, Stage};

/// After so many nobody reads on.
const MAX_ERRORS: usize = 100;

pub(super) struct Report {
    name: String,
    pub errors: Vec<Fail>,
    pub warnings: Vec<String>,
}

/// Why a value is none, and what to write instead.
pub(super) struct Bad {
    pub why: String,
    pub hint: &'static str,
}

impl Report {
    pub fn new(name: &str) -> Report {
        Report { name: Bytes::from(name).to_string(), errors: Vec::new(), warnings: Vec::new() }
    }

    pub fn error(
        &mut self,
        line: usize,
        what: impl std::fmt::Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.errors.len() < MAX_ERRORS {
            let what = format!("{}:{line}: {what}", self.name);
            self.errors.push(Fail::new(Stage::Netns, what).why(why).hint(hint));
        }
    }

    /// Of no line: something is missing.
    pub fn missing(&mut self, what: &str, hint: &str) {
        self.errors.push(Fail::new(Stage::Netns, format!("{}: {what}", self.name)).hint(hint));
    }

    pub fn warn(&mut self, line: usize, what: impl std::fmt::Display) {
        if self.warnings.len() < MAX_ERRORS {
            self.warnings.push(format!("{}:{line}: {what}", self.name));
        }
    }

    pub fn warn_of_all(&mut self, what: impl std::fmt::Display) {
        self.warnings.push(format!("{}: {what}", self.name));
    }

    /// A value, or the reason why it is none.
    pub fn take<T>(&mut self, line: usize, key: &str, value: &str, parsed: Result<T, Bad>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(Bad { why, hint }) => {
                self.error(line, format_args!("{key} = {}", shown(value)), why, hint);
                None
            }
        }
    }

    /// The same for a key, of which nothing is shown.
    pub fn take_key<T>(&mut self, line: usize, key: &str, parsed: Result<T, Bad>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(Bad { why, hint }) => {
                self.error(line, key, why, hint);
                None
            }
        }
    }
}

/// A value in a message: short, in quotes, and not at all where it could be a key in the wrong place.
pub(super) fn shown(value: &str) -> String {
    let key_like = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let long = value.split(|c: char| !(c.is_ascii() && key_like(c as u8))).any(|run| run.len() > 32);
    match value.char_indices().nth(60) {
        _ if long => "(hidden)".into(),
        Some((end, _)) => format!("'{}...'", &value[..end]),
        None => format!("'{value}'"),
    }
}

/// The file as a whole is no configuration.
pub(super) fn unreadable(name: &str, why: impl Into<String>) -> Fail {
    Fail::new(Stage::Netns, format!("'{}' is no WireGuard configuration", Bytes::from(name)))
        .why(why)
        .hint("it is the file that wg-quick(8) takes: [Interface] with PrivateKey and Address, then [Peer]")
}
