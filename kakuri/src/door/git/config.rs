//! What a repository's configuration (git-config(1)) names of the work tree: hooks in it, further configuration in it, and
//! where the work tree is. Only what these few keys need is understood; values are paths, and nothing is run.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use kakuri_wire::{Bytes, Result};

use super::super::socket::cannot;
use super::guard::Guards;
use crate::bind::source::real;
use crate::host::as_path;
use crate::pathname;

/// Of a configuration, in bytes.
const LARGEST: u64 = 1 << 20;
/// Files that include one another (git's own limit is 10).
const DEEPEST: usize = 10;

/// A file's text; None for what is no such file.
pub fn read_small(path: &[u8]) -> Option<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(as_path(path)).ok()?;
    let mut text = Vec::new();
    let small = file.metadata().ok()?.is_file() && file.take(LARGEST + 1).read_to_end(&mut text).is_ok();
    (small && text.len() as u64 <= LARGEST).then_some(text)
}

/// `core.worktree`, resolved.
pub fn worktree(git: &[u8]) -> Option<Vec<u8>> {
    let text = read_small(&pathname::join(git, b"config"))?;
    let value = values(&text).into_iter().rfind(|value| value.is("core", "worktree"))?;
    real(&pathname::absolute(git, &value.value))
}

/// Guards the hooks and files that the configuration names and that are the work tree's own: what is elsewhere is out of the
/// container's reach, or bound by its own name.
pub fn keep_named(git: &[u8], top: &[u8], home: &[u8], guards: &mut Guards) -> Result<()> {
    let mut files = vec![(pathname::join(git, b"config"), 0), (pathname::join(git, b"config.worktree"), 0)];
    while let Some((file, depth)) = files.pop() {
        let text = read_small(&file).unwrap_or_default();
        for value in values(&text) {
            let (base, folder) = match (&value.section[..], &value.key[..]) {
                ("core", "hookspath") => (top, true),
                ("include" | "includeif", "path") => (pathname::parent(&file).unwrap_or(b"/"), false),
                _ => continue,
            };
            let path = match value.value.strip_prefix(b"~/") {
                Some(rest) => pathname::absolute(home, rest),
                None => pathname::absolute(base, &value.value),
            };
            if !folder && depth < DEEPEST {
                files.push((path.clone(), depth + 1));
            }
            if pathname::strictly_below(&path, top).is_some() {
                keep_path(&path, top, folder, (&value, &file), guards)?;
            }
        }
    }
    Ok(())
}

fn keep_path(path: &[u8], top: &[u8], folder: bool, (value, file): (&Value, &[u8]), guards: &mut Guards) -> Result<()> {
    let (shown, file) = (Bytes(path.to_vec()), Bytes(file.to_vec()));
    let key = format!("{}.{}", value.section, value.key);
    if std::fs::symlink_metadata(as_path(path)).is_err() {
        let make = if folder { "mkdir -p" } else { "touch" };
        return Err(cannot("git")
            .why(format!("'{shown}', which {key} in '{file}' names, does not exist, and the container could make it"))
            .hint(format!("make it ({make} '{shown}'), or take {key} out")));
    }
    let mut place = path;
    while let Some(up) = pathname::parent(place).filter(|up| pathname::strictly_below(up, top).is_some()) {
        guards.hold(up)?;
        place = up;
    }
    guards.freeze(path, folder)
}

#[derive(Debug, PartialEq, Eq)]
struct Value {
    /// Without its subsection; both in small letters.
    section: String,
    key: String,
    value: Vec<u8>,
}

impl Value {
    fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
    }
}

/// Every `key = value` of a text.
fn values(text: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    let mut section = String::new();
    let mut lines = text.split(|&b| b == b'\n');
    while let Some(line) = lines.next() {
        let mut line = line.trim_ascii();
        if let Some(rest) = line.strip_prefix(b"[") {
            let name: Vec<u8> =
                rest.iter().copied().take_while(|b| b.is_ascii_alphanumeric() || b"-".contains(b)).collect();
            section = String::from_utf8_lossy(&name).to_ascii_lowercase();
            // A key may follow on the same line, behind a subsection in quotes.
            line = after_section(rest).trim_ascii();
        }
        let key: Vec<u8> = line.iter().copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').collect();
        let rest = line[key.len()..].trim_ascii_start();
        let (false, Some(rest)) = (key.is_empty(), rest.strip_prefix(b"=")) else { continue };
        let mut raw = rest.to_vec();
        while raw.iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1 {
            raw.pop();
            match lines.next() {
                Some(more) => raw.extend(more),
                None => break,
            }
        }
        let key = String::from_utf8_lossy(&key).to_ascii_lowercase();
        all.push(Value { section: section.clone(), key, value: unquote(&raw) });
    }
    all
}

/// What follows `]`, outside of quotes.
fn after_section(text: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut escaped = false;
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return &text[i + 1..],
            _ => {}
        }
    }
    b""
}

/// Without quotes, escapes and what is said behind `#` or `;`.
fn unquote(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // How much of it stands however blank its end is.
    let mut solid = 0;
    let mut quoted = false;
    let mut bytes = raw.trim_ascii_start().iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b';' if !quoted => break,
            b'\\' => {
                out.push(match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(&other) => other,
                    None => break,
                });
                solid = out.len();
                continue;
            }
            byte => out.push(byte),
        }
        if quoted || !byte.is_ascii_whitespace() {
            solid = out.len();
        }
    }
    out.truncate(solid);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_configuration() {
        let text = br#"
# path = no
[core]
	bare = false
	hooksPath = .husky/_   ; comment
	WorkTree = "../../a b"
[remote "x]y"] url = u
[includeIf "gitdir:~/w/"]
	path = ~/inc\
lude
[include] path = "a#b\"c"
[other]
	path
"#;
        let all = values(text);
        let of = |section: &str, key: &str| -> Vec<String> {
            let found = all.iter().filter(|value| value.is(section, key));
            found.map(|value| String::from_utf8_lossy(&value.value).into_owned()).collect()
        };
        assert_eq!(of("core", "hookspath"), [".husky/_"]);
        assert_eq!(of("core", "worktree"), ["../../a b"]);
        assert_eq!(of("includeif", "path"), ["~/include"]);
        assert_eq!(of("include", "path"), ["a#b\"c"]);
        assert_eq!(of("remote", "url"), ["u"]);
        assert!(of("other", "path").is_empty());
        for odd in [&b"["[..], b"[\"", b"=", b"a=\\", b"[a]b=\"", b"\xff=\xff"] {
            let _ = values(odd);
        }
    }
}
