//! Lines of a configuration. Comments and blanks are gone; nothing is judged yet.

use kakuri_wire::{Fail, Result};

use super::report::unreadable;

pub(super) struct Line<'a> {
    /// From 1.
    pub number: usize,
    pub item: Item<'a>,
}

pub(super) enum Item<'a> {
    /// What stands in the brackets.
    Section(&'a str),
    Setting {
        key: &'a str,
        value: &'a str,
    },
    /// Neither.
    Odd,
}

/// The file as text.
pub(super) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    if bytes.len() > super::MAX_SIZE {
        let why = format!("it has more than {} KiB", super::MAX_SIZE / 1024);
        return Err(unreadable(name, why));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let why = "it is written in UTF-16";
        return Err(unreadable(name, why).hint("write it in UTF-8: iconv -f UTF-16 -t UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let wrong = |at: usize, what: &str| -> Fail {
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        unreadable(name, format!("line {line} holds {what}"))
    };
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(wrong(at, "a zero byte: this is no text"));
    }
    std::str::from_utf8(bytes).map_err(|e| wrong(e.valid_up_to(), "bytes that are no UTF-8"))
}

/// Each line that says something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split('\n').enumerate().filter_map(|(i, line)| {
        // As wg and wg-quick have it, wherever in a line.
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| Line { number: i + 1, item: item(line) })
    })
}

fn item(line: &str) -> Item<'_> {
    if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Item::Section(section.trim());
    }
    match line.split_once('=') {
        Some((key, value)) => Item::Setting { key: key.trim(), value: value.trim() },
        None => Item::Odd,
    }
}
