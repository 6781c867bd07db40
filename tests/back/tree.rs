//! Trees to try commands in, and what they look like.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::common::{Output, skip};

/// Everything below a folder: what it is, its mode, and what is in it. Times are not among it.
pub fn snapshot(top: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut all = BTreeMap::new();
    let mut left = vec![top.to_path_buf()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let kind = meta.file_type();
        let told = if kind.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            format!("folder {:o}", meta.mode() & 0o7777)
        } else if kind.is_symlink() {
            format!("link {:?}", fs::read_link(&path).unwrap())
        } else if kind.is_fifo() {
            format!("pipe {:o}", meta.mode() & 0o7777)
        } else {
            format!("file {:o} {:?}", meta.mode() & 0o7777, String::from_utf8_lossy(&fs::read(&path).unwrap()))
        };
        all.insert(path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec(), told);
    }
    all
}

/// Before Linux 6.6 nothing can be written over in memory, and the error says so.
pub fn no_memory_layer(said: &Output) -> bool {
    let refused = said.status.code() == Some(125) && said.err().contains("Linux 6.6");
    if refused {
        skip("layers in memory: this kernel is older than 6.6");
    }
    refused
}

/// The same tree, or what is not: of ten thousand files nobody wants to read all.
#[track_caller]
pub fn same(now: &BTreeMap<Vec<u8>, String>, then: &BTreeMap<Vec<u8>, String>) {
    let mut other = Vec::new();
    for path in now.keys().chain(then.keys()) {
        if now.get(path) != then.get(path) {
            other.push(format!("{}: {:?}, was {:?}", String::from_utf8_lossy(path), now.get(path), then.get(path)));
        }
    }
    other.dedup();
    assert!(other.is_empty(), "{}", other.join("\n"));
}
