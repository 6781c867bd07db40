//! The words programs put first: options out of a descriptor, and where mistakes in all that follows are told.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use kakuri_wire::document::MAX_DOCUMENT;
use kakuri_wire::{Fail, sys};

use super::{misuse, pages, value};
use crate::output;
use crate::status::Reporter;
use crate::verb::take_status;

/// `kakuri --args N ...`: what the descriptor holds, words ended by NUL each, in the place of the two. It stands first or
/// nowhere, so that nobody else pays for looking. What is in it no other user can read, as he can a command line.
pub fn expand(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Fail> {
    if arguments.get(1).is_none_or(|word| word != "--args") {
        return Ok(arguments);
    }
    let typed = arguments.get(2).map(|word| word.as_bytes());
    let typed = typed.ok_or_else(|| misuse("'--args' needs a value").hint("--args N"))?;
    let number = value::descriptor("--args", typed, 3)?;
    let cannot = || misuse(format!("cannot read words from descriptor {number} (--args)"));
    let open = "open it in the shell: kakuri --args 3 CMD 3<FILE";
    let fd = sys::inherit(number).ok_or_else(|| cannot().why("it is not open").hint(open))?;
    let mut bytes = Vec::new();
    File::from(fd).take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(|e| cannot().errno(e).hint(open))?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(cannot().why(format!("there are more than {MAX_DOCUMENT} bytes")));
    }
    match bytes.pop() {
        None | Some(0) => {}
        Some(_) => {
            return Err(cannot()
                .why("the last word does not end")
                .hint(r"a NUL ends each word: printf '%s\0' --env A=1"));
        }
    }
    let words = bytes.split(|&b| b == 0).map(|word| OsString::from_vec(word.to_vec()));
    let words: Vec<OsString> = if bytes.is_empty() { Vec::new() } else { words.collect() };
    arguments.splice(1..3, words);
    Ok(arguments)
}

/// A mistake in the command line is told by `[VERB] --status-fd N [--quiet]` as well, where these are its first words:
/// what follows could not be read.
pub fn tell(arguments: &[OsString], fail: &Fail) {
    let mut words = arguments.iter().skip(1).map(|word| word.as_bytes()).peekable();
    words.next_if(|word| pages::top(word).is_some());
    if words.next() != Some(b"--status-fd") {
        return;
    }
    let number = words.next().and_then(|number| value::descriptor("--status-fd", number, 3).ok());
    if let Some(Ok(fd)) = number.map(take_status) {
        Reporter::new(Some(fd)).failed(fail);
        if words.next() == Some(b"--quiet") {
            output::hush();
        }
    }
}
