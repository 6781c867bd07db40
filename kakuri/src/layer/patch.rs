//! Changes as a patch that `git apply` takes.

use std::io::Read;

use kakuri_wire::Bytes;
use kakuri_wire::bytes::is_hidden;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::io::Errno;

use super::list::{Change, Pair};
use super::upper::{Form, Node, Tree};
use super::{Kind, diff};
use crate::pathname;

/// Of one file; a larger one is no text anybody reads.
const LARGEST: u64 = 64 << 20;
/// git looks at so much of a file for a NUL.
const PROBED: usize = 8000;

/// One side of a path.
struct Side {
    mode: &'static str,
    text: Vec<u8>,
}

/// What became of one path, named by `name`. None where a patch has no words for it.
pub fn patch(pair: &Pair, change: &Change, name: &[u8]) -> Result<Option<Vec<u8>>> {
    let read = |tree: &Tree, node: &Option<Node>| {
        let side = node.as_ref().map(|node| side(tree, &change.path, node)).transpose();
        side.map_err(|e| {
            Fail::new(Stage::Front, format!("cannot read '{}'", Bytes(pair.on_host(&change.path)))).errno(e)
        })
    };
    let (old, new) = (read(&pair.lower, &change.before)?, read(&pair.upper, &change.after)?);
    let (old, new) = (old.flatten(), new.flatten());
    let mut out = Vec::new();
    match (&old, &new) {
        // Two things of other kinds: one goes, the other comes.
        (Some(old), Some(new)) if change.kind == Kind::Type => {
            let gone = one(name, Some(old), None);
            let come = one(name, None, Some(new));
            let (Some(gone), Some(come)) = (gone, come) else { return Ok(None) };
            out.extend(gone.into_iter().chain(come));
        }
        (None, None) => return Ok(None),
        (old, new) => match one(name, old.as_ref(), new.as_ref()) {
            Some(text) => out = text,
            None => return Ok(None),
        },
    }
    Ok((!out.is_empty()).then_some(out))
}

/// What is removed with its folder.
pub fn removal(pair: &Pair, path: &[u8], node: &Node, name: &[u8]) -> Result<Option<Vec<u8>>> {
    let change = Change { path: path.to_vec(), kind: Kind::Deleted, before: Some(node.clone()), after: None };
    patch(pair, &change, name)
}

/// Whether it is something a patch is expected to tell: new folders, modes and times are not.
pub fn has_words(change: &Change) -> bool {
    let folder = |node: &Option<Node>| node.as_ref().is_none_or(|node| node.is(Form::Folder));
    let text = matches!(change.kind, Kind::Added | Kind::Deleted | Kind::Modified | Kind::Type | Kind::Link);
    text && !(folder(&change.before) && folder(&change.after))
}

/// git knows files and links alone.
fn side(tree: &Tree, path: &[u8], node: &Node) -> std::result::Result<Option<Side>, Errno> {
    Ok(match node.form {
        Form::File => {
            let mut text = Vec::new();
            let read = tree.read(path)?.take(LARGEST + 1).read_to_end(&mut text);
            read.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
            Some(Side { mode: if node.mode & 0o100 != 0 { "100755" } else { "100644" }, text })
        }
        Form::Link => Some(Side { mode: "120000", text: tree.target(path)? }),
        _ => None,
    })
}

fn is_text(side: Option<&Side>) -> bool {
    side.is_none_or(|side| side.text.len() as u64 <= LARGEST && !side.text[..side.text.len().min(PROBED)].contains(&0))
}

/// None for what is no text.
fn one(name: &[u8], old: Option<&Side>, new: Option<&Side>) -> Option<Vec<u8>> {
    let (a, b) = (quoted(b"a/", name), quoted(b"b/", name));
    let mut out = [b"diff --git ", &a[..], b" ", &b[..], b"\n"].concat();
    let head = out.len();
    let mut line = |text: String| out.extend_from_slice(text.as_bytes());
    match (old, new) {
        (None, Some(new)) => line(format!("new file mode {}\n", new.mode)),
        (Some(old), None) => line(format!("deleted file mode {}\n", old.mode)),
        (Some(old), Some(new)) if old.mode != new.mode => {
            line(format!("old mode {}\nnew mode {}\n", old.mode, new.mode));
        }
        _ => {}
    }
    let (before, after) = (old.map_or(&b""[..], |s| &s.text), new.map_or(&b""[..], |s| &s.text));
    if before != after {
        if !is_text(old) || !is_text(new) {
            return None;
        }
        let end = |side: &[u8]| if side.contains(&b' ') && !side.starts_with(b"\"") { &b"\t\n"[..] } else { b"\n" };
        let from = if old.is_some() { &a[..] } else { b"/dev/null" };
        let to = if new.is_some() { &b[..] } else { b"/dev/null" };
        out.extend_from_slice(&[b"--- ", from, end(from), b"+++ ", to, end(to)].concat());
        out.extend_from_slice(&diff::hunks(before, after));
    }
    // git has no words for the other bits of a mode.
    if out.len() == head {
        out.clear();
    }
    Some(out)
}

/// As git writes a name: in quotes where something in it would be mistaken.
pub fn quoted(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(name);
    let plain = text.is_ok_and(|text| !text.contains(|c: char| c == '"' || c == '\\' || is_hidden(c)));
    if plain {
        return [prefix, name].concat();
    }
    let mut out = vec![b'"'];
    for &b in prefix.iter().chain(name) {
        match b {
            b'"' | b'\\' => out.extend([b'\\', b]),
            b'\n' => out.extend(b"\\n"),
            b'\t' => out.extend(b"\\t"),
            0x20..=0x7e => out.push(b),
            b => out.extend(format!("\\{b:03o}").into_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// The folder that all of these lie in.
pub fn common<'a>(mut folders: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let Some(mut common) = folders.next() else { return b"/".to_vec() };
    for folder in folders {
        while pathname::below(folder, common).is_none() {
            common = pathname::parent(common).unwrap_or(b"/");
        }
    }
    common.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_git_writes_them() {
        for (name, want) in [
            (&b"a b"[..], &b"a/a b"[..]),
            ("\u{65e5}".as_bytes(), "a/\u{65e5}".as_bytes()),
            (b"a\nb\"", b"\"a/a\\nb\\\"\""),
            (b"\xff\x01", b"\"a/\\377\\001\""),
        ] {
            assert_eq!(quoted(b"a/", name), want, "{}", Bytes(name.to_vec()));
        }
    }

    #[test]
    fn what_they_have_in_common() {
        let of = |folders: &[&str]| String::from_utf8(common(folders.iter().map(|f| f.as_bytes()))).expect("text");
        assert_eq!(of(&["/a/b"]), "/a/b");
        assert_eq!(of(&["/a/b", "/a/bc/d"]), "/a");
        assert_eq!(of(&["/a/b", "/c"]), "/");
    }
}
