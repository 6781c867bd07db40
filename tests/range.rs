//! `--userns range`: many ids, their owners on the host, and who a command is among them. As the user the tests run as,
//! with his own lines of /etc/subuid and /etc/subgid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "range/apt.rs"]
mod apt;
mod common;
#[path = "range/ends.rs"]
mod ends;
#[path = "range/erase.rs"]
mod erase;
#[path = "range/image.rs"]
mod image;
#[path = "range/maps.rs"]
mod maps;
#[path = "range/owners.rs"]
mod owners;
#[path = "range/refused.rs"]
mod refused;
#[path = "range/same.rs"]
mod same;
#[path = "rootfs/tree.rs"]
mod tree;
#[path = "range/user.rs"]
mod user;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub const RANGE: [&str; 2] = ["--userns", "range"];

/// `return`s from the test with a reason where there is no range.
#[macro_export]
macro_rules! ranged {
    () => {
        match $crate::common::sub_ids(module_path!()) {
            Some(ids) => ids,
            None => return,
        }
    };
}

/// Who owns something on the host.
pub fn owner(path: &Path) -> (u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid())
}

/// The caller's own.
pub fn own() -> (u32, u32) {
    let meta = fs::metadata("/proc/self").unwrap();
    (meta.uid(), meta.gid())
}
