//! Files, folders and links that are made for the container alone.

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Made {
    pub files: Vec<File>,
    pub folders: Vec<Folder>,
    pub symlinks: Vec<Symlink>,
}

impl Made {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty() && self.symlinks.is_empty()
    }
}

/// `--file`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where the contents are still to be read from.
    #[serde(skip)]
    pub descriptor: Option<i32>,
    pub at: Bytes,
    /// Permission bits.
    pub mode: u32,
    pub contents: Bytes,
}

/// `--dir`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    pub at: Bytes,
    /// Permission bits.
    pub mode: u32,
}

/// `--symlink`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symlink {
    pub at: Bytes,
    pub to: Bytes,
}
