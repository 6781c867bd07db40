//! What verbs print for people and for scripts.
//!
//! Words that come from inside a container are hostile to terminals: whatever is not plain text is escaped.

pub mod json;
mod size;
pub mod table;
pub mod template;
pub mod time;
mod width;

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, sys};

pub use size::size;
pub use width::width;

/// To standard output, and the exit code: a reader that has gone (`| head`) is no error, a full disk is.
pub fn print(text: &str) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    match sys::ignoring(libc::SIGPIPE, || out.write_all(text.as_bytes()).and_then(|()| out.flush())) {
        Ok(()) => Ok(0),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(Fail::new(Stage::Front, "cannot write to standard output")
            .errno(e)
            .hint("make room where it goes, or send it elsewhere")),
    }
}

/// A line on standard error.
pub fn warn(text: impl std::fmt::Display) {
    if !is_hushed() {
        let _ = writeln!(std::io::stderr(), "kakuri: {text}");
    }
}

static HUSHED: AtomicBool = AtomicBool::new(false);

/// `--quiet` of a run: standard error is the command's alone from here on, and a program hears of failures by
/// `--status-fd`.
pub fn hush() {
    HUSHED.store(true, Ordering::Relaxed);
}

pub fn is_hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// Whether standard output may be coloured: a terminal, and nobody who minds (<https://no-color.org>).
pub fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
        && std::io::stdout().is_terminal()
}

/// As plain text: hidden characters and what is not UTF-8 are escaped.
pub fn plain(bytes: &[u8]) -> String {
    Bytes(bytes.to_vec()).to_string()
}

/// A command as a shell would take it, on one line.
pub fn words(command: &[Bytes]) -> String {
    let word = |word: &Bytes| {
        let text = plain(word.as_bytes());
        let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&b));
        if bare { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The beginning of a text, at most `most` columns wide, its last one an ellipsis where something is missing.
pub fn shorten(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_string();
    }
    let (mut out, mut wide) = (String::new(), 0);
    for c in text.chars() {
        wide += width::of(c);
        if wide >= most {
            break;
        }
        out.push(c);
    }
    out + "\u{2026}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(plain(b"a\x1b[2J\xff\n"), "a\\u{1b}[2J\\xff\\n");
        assert_eq!(plain("\u{202e}txt.exe\u{9b}".as_bytes()), "\\u{202e}txt.exe\\u{9b}");
        assert_eq!(plain("日本 é".as_bytes()), "日本 é");
    }

    #[test]
    fn words_are_a_shells() {
        let command = ["sh", "-c", "echo 'a b'", ""].map(Bytes::from);
        assert_eq!(words(&command), r"sh -c 'echo '\''a b'\''' ''");
    }

    #[test]
    fn shortened_to_columns() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("日本語", 5), "日本…");
        assert_eq!(shorten("日本語", 4), "日…");
    }
}
