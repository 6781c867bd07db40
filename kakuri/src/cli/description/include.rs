//! Files and the files they include, in the order they are laid: what is included comes before what includes it.

use kakuri_wire::{Fail, Result};

use super::Layer;
use super::entries::{self, Include};
use super::file::File;
use crate::cli::pages::Verb;
use crate::host::{Host, in_home};
use crate::pathname;

/// Files of one description, and how deep one may include another.
const MOST_FILES: usize = 64;
const DEEPEST: usize = 16;

/// `named`: values of the option.
pub fn read<'a>(verb: &'static Verb, named: impl Iterator<Item = &'a [u8]>, host: &Host) -> Result<Vec<Layer>> {
    let mut reader = Reader { verb, host, layers: Vec::new(), open: Vec::new() };
    for typed in named {
        reader.add(File::read(typed.to_vec(), host)?)?;
    }
    Ok(reader.layers)
}

struct Reader<'a> {
    verb: &'static Verb,
    host: &'a Host,
    layers: Vec<Layer>,
    /// Those that are being read: each is included by the one before it.
    open: Vec<File>,
}

impl Reader<'_> {
    fn add(&mut self, file: File) -> Result<()> {
        let (includes, entries) = entries::read(self.verb, &file)?;
        self.open.push(file.clone());
        for include in includes {
            self.include(&file, &include)?;
        }
        self.open.pop();
        self.layers.push(Layer { file, entries });
        Ok(())
    }

    fn include(&mut self, by: &File, include: &Include) -> Result<()> {
        let at = |fail: Fail| by.refuse(include.offset, fail);
        let file = File::read(beside(&by.typed, include.typed.as_bytes()), self.host).map_err(at)?;
        if let Some(first) = self.open.iter().position(|open| open.id == file.id) {
            let round: Vec<String> = self.open[first..].iter().chain([&file]).map(File::shown).collect();
            return Err(by
                .wrong(include.offset, format!("'{}' includes itself: {}", file.shown(), round.join(", ")))
                .hint("leave one of the includes out"));
        }
        if self.open.len() >= DEEPEST {
            return Err(by
                .wrong(include.offset, format!("'{}' would be included {DEEPEST} files deep", file.shown()))
                .hint("let one file include the others"));
        }
        // What two include counts once, where it is met first: the values that came over it stay over it.
        if self.layers.iter().any(|layer| layer.file.id == file.id) {
            return Ok(());
        }
        if self.layers.len() + self.open.len() >= MOST_FILES {
            return Err(by
                .wrong(include.offset, format!("there are more than {MOST_FILES} files"))
                .hint("fewer files"));
        }
        self.add(file)
    }
}

/// A path that stands in the file `by`, as the caller would have typed it.
fn beside(by: &[u8], typed: &[u8]) -> Vec<u8> {
    if typed.first() == Some(&b'/') || in_home(typed).is_some() || typed.is_empty() {
        return typed.to_vec();
    }
    match by.iter().rposition(|&b| b == b'/') {
        Some(slash) => pathname::join(&by[..=slash], typed),
        None => typed.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use kakuri_wire::Bytes;

    use super::*;

    #[test]
    fn named_from_the_file_that_includes() {
        let named = |by: &str, typed: &str| Bytes(beside(by.as_bytes(), typed.as_bytes())).to_string();
        assert_eq!(named("box.toml", "base.toml"), "base.toml");
        assert_eq!(named("a/box.toml", "../base.toml"), "a/../base.toml");
        assert_eq!(named("/box.toml", "base.toml"), "/base.toml");
        assert_eq!(named("~/box.toml", "base.toml"), "~/base.toml");
        assert_eq!(named("a/box.toml", "~/base.toml"), "~/base.toml");
    }
}
