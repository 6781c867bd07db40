//! Which entry of a file an error is about, where it was not found by reading that entry: an error of what goes wrong only
//! together, or once the host is looked at.

use kakuri_wire::Bytes;
use kakuri_wire::Fail;

use super::Description;
use super::entries::{Entry, Said};
use crate::bind::parse::split;
use crate::cli::ask::Given;
use crate::pathname;

/// The entry whose value the error quotes, or whose option it names. Where an option of the command line does so as well, it
/// is that one's.
pub fn locate(described: &Description, fail: Fail) -> Fail {
    let files = || described.layers.iter().map(|layer| &layer.file);
    if files().any(|file| fail.what.starts_with(&format!("{}:", file.shown()))) {
        return fail;
    }
    let said = format!("{} {}", fail.what, fail.why.as_deref().unwrap_or_default());
    let typed = described.typed.iter().map(|given| (weight(&said, given, None), None));
    let written = described.layers.iter().flat_map(|layer| {
        let of = |entry: &Entry| match &entry.said {
            Said::Option(given) => weight(&said, given, Some(&layer.file.folder)),
            Said::Command(words) => words.first().map_or(0, |word| 2 * usize::from(quotes(&said, word.as_bytes()))),
            Said::Not(_) => 0,
        };
        layer.entries.iter().map(move |entry| (of(entry), Some((&layer.file, entry.offset))))
    });
    let best = typed.chain(written).filter(|(weight, _)| *weight > 0);
    match best.reduce(|best, next| if next.0 > best.0 { next } else { best }) {
        Some((_, Some((file, offset)))) => file.refuse(offset, fail),
        _ => fail,
    }
}

fn weight(said: &str, given: &Given, folder: Option<&[u8]>) -> usize {
    let fields = split(&given.value).into_iter().flat_map(|field| {
        let parts: Vec<Vec<u8>> = field.split(|b| b"=,".contains(b)).map(<[u8]>::to_vec).collect();
        parts.into_iter().chain([field])
    });
    let quoted = fields.chain([given.value.clone()]).any(|field| {
        let there = || folder.map(|folder| without_dots(folder, &field));
        !field.is_empty() && (quotes(said, &field) || there().is_some_and(|path| quotes(said, &path)))
    });
    let says = |wanted: &str| said.split([' ', ':', ',', '`', '=', '(', ')']).any(|word| word == wanted);
    let named = says(&String::from_utf8_lossy(&given.name));
    // `cannot publish 80`: a value that is shown as it would be typed.
    let value = String::from_utf8_lossy(&given.value);
    let value = value.strip_suffix("/tcp").unwrap_or(&value);
    let shown = value.len() > 1 && (says(value) || said.split([' ', ',']).any(|word| word == value));
    2 * usize::from(quoted) + usize::from(named) + usize::from(shown)
}

fn quotes(said: &str, value: &[u8]) -> bool {
    said.contains(&format!("'{}'", Bytes(value.to_vec())))
}

/// As a relative path of that folder is written down.
fn without_dots(folder: &[u8], field: &[u8]) -> Vec<u8> {
    let whole = pathname::join(folder, field);
    let parts: Vec<&[u8]> = pathname::components(&whole).collect();
    [b"/", &parts.join(&b'/')[..]].concat()
}
