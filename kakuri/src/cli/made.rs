//! `--file`, `--dir` and `--symlink`: what is made for the container alone.

use kakuri_wire::{Bytes, Fail};

use super::{misuse, value};
use crate::bind::parse;
use crate::spec::made::{File, Folder, Symlink};

/// `N:DST[:mode=0644]`
pub fn file(name: &str, typed: &[u8]) -> Result<File, Fail> {
    let fields = parse::split(typed);
    let (number, at, words) = match &fields[..] {
        [number, at] => (number, at, None),
        [number, at, words] => (number, at, Some(words)),
        _ => return Err(wrong("make the file", typed, "it is no descriptor and place", "--file N:DST[:mode=0644]")),
    };
    parse::check_destination("make the file", typed, at)?;
    Ok(File {
        descriptor: Some(value::descriptor(name, number, 3)?),
        at: Bytes(at.clone()),
        mode: mode(name, typed, words, 0o644)?,
        contents: Bytes::default(),
    })
}

/// `DST[:mode=0755]`
pub fn folder(name: &str, typed: &[u8]) -> Result<Folder, Fail> {
    let fields = parse::split(typed);
    let (at, words) = match &fields[..] {
        [at] => (at, None),
        [at, words] => (at, Some(words)),
        _ => return Err(wrong("make the folder", typed, "it has more than two fields", "--dir DST[:mode=0755]")),
    };
    parse::check_destination("make the folder", typed, at)?;
    Ok(Folder { at: Bytes(at.clone()), mode: mode(name, typed, words, 0o755)? })
}

/// `TARGET:DST`
pub fn symlink(typed: &[u8]) -> Result<Symlink, Fail> {
    let fields = parse::split(typed);
    match &fields[..] {
        [to, at] if !to.is_empty() => {
            parse::check_destination("make the link", typed, at)?;
            Ok(Symlink { at: Bytes(at.clone()), to: Bytes(to.clone()) })
        }
        _ => Err(wrong("make the link", typed, "it is no target and place", "--symlink TARGET:DST")),
    }
}

fn mode(name: &str, typed: &[u8], words: Option<&Vec<u8>>, usual: u32) -> Result<u32, Fail> {
    match words.map(|words| words.strip_prefix(b"mode=").ok_or(words)) {
        None => Ok(usual),
        Some(Ok(mode)) => value::mode(&format!("{name} mode"), mode),
        Some(Err(words)) => {
            let why = format!("unknown option '{}'", Bytes(words.clone()));
            Err(misuse(format!("bad value '{}' for {name}", Bytes(typed.to_vec())))
                .why(why)
                .hint("the option is mode="))
        }
    }
}

fn wrong(verb: &str, typed: &[u8], why: &str, hint: &str) -> Fail {
    misuse(format!("cannot {verb} '{}'", Bytes(typed.to_vec()))).why(why).hint(hint)
}
