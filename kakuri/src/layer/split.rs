//! Taking a folder apart that something is mounted in: the kernel makes no overlay over mounts that came from outside,
//! because it would show what they cover. So each piece between them gets an overlay of its own.

use std::os::unix::ffi::OsStringExt;

use kakuri_wire::fail::{Fail, Result, Stage};

use super::child;
use crate::host::as_path;
use crate::layout::MountPoint;
use crate::pathname;

/// Each is a mount, and a layer.
const MOST: usize = 500;

/// What no overlay is made of, or nobody wants one of.
const SPECIAL: [&str; 12] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "debugfs",
    "devpts",
    "mqueue",
    "proc",
    "securityfs",
    "sysfs",
    "tracefs",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Below the folder; empty for itself.
    pub rest: Vec<u8>,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its own files: its folders are other pieces.
    Files,
    Whole,
    /// No layer: as it is, read-only.
    ReadOnly,
}

/// The pieces of a folder, outer ones first. `list` gives the names of the folders in a folder.
pub fn pieces(from: &[u8], points: &[MountPoint], list: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Result<Vec<Piece>> {
    let special = |p: &MountPoint| SPECIAL.iter().any(|kind| kind.as_bytes() == p.kind);
    // The last of several mounts at one place is the one that is seen.
    let of = |path: &[u8]| points.iter().rev().find(|p| p.at == path).map(special);
    let mut pieces = Vec::new();
    let mut ways = vec![Vec::new()];
    while let Some(way) = ways.pop() {
        pieces.push(Piece { rest: way.clone(), how: How::Files });
        for name in list(&pathname::join(from, &way)) {
            let rest = child(&way, &name);
            let path = pathname::join(from, &rest);
            if of(&path) == Some(true) {
                pieces.push(Piece { rest, how: How::ReadOnly });
            } else if points.iter().any(|p| pathname::strictly_below(&p.at, &path).is_some()) {
                ways.push(rest);
            } else {
                pieces.push(Piece { rest, how: How::Whole });
            }
            if pieces.len() + ways.len() > MOST {
                return Err(Fail::new(Stage::Front, "it cannot be taken apart")
                    .why(format!("something is mounted in it, and it has more than {MOST} folders around that"))
                    .hint("name the folders in it one by one"));
            }
        }
    }
    pieces.sort_by(|a, b| a.rest.cmp(&b.rest));
    Ok(pieces)
}

/// The folders in a folder of the host, links not among them. What may not be read has none.
pub fn folders(path: &[u8]) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(as_path(path)).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.file_name().into_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_mounts() {
        let point = |at: &str, kind: &str| MountPoint { at: at.into(), kind: kind.into() };
        let points = [point("/p/a/b", "ext4"), point("/p/a/b/deep/x", "tmpfs"), point("/p/proc", "proc")];
        let list = |path: &[u8]| -> Vec<Vec<u8>> {
            let names: &[&str] = match path {
                b"/p" => &["a", "c", "proc"],
                b"/p/a" => &["b", "other"],
                b"/p/a/b" => &["deep"],
                b"/p/a/b/deep" => &["x"],
                _ => panic!("{:?}", String::from_utf8_lossy(path)),
            };
            names.iter().map(|n| n.as_bytes().to_vec()).collect()
        };
        let pieces = pieces(b"/p", &points, list).expect("few");
        let told: Vec<(String, How)> =
            pieces.into_iter().map(|p| (String::from_utf8(p.rest).expect("text"), p.how)).collect();
        let want = [
            ("", How::Files),
            ("a", How::Files),
            ("a/b", How::Files),
            ("a/b/deep", How::Files),
            ("a/b/deep/x", How::Whole),
            ("a/other", How::Whole),
            ("c", How::Whole),
            ("proc", How::ReadOnly),
        ];
        assert_eq!(told, want.map(|(rest, how)| (rest.to_string(), how)));
    }
}
