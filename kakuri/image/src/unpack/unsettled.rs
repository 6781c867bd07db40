//! What has to be known of the layers below, written down for who can see them: `unsettled` beside the tree.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;

const NAME: &str = "unsettled";

/// Paths are below the layer's root, without links in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unsettled {
    /// Folders the archive does not name, those above before those within.
    pub implied: Vec<Bytes>,
    /// Device nodes 0:0 that hide something below, if there is such a thing.
    pub whiteouts: Vec<Bytes>,
    /// Folders that hide what is below, if there is anything.
    pub opaque: Vec<Bytes>,
    /// Hard links whose file the layer has not: their names, and the file's.
    pub links: Vec<(Bytes, Bytes)>,
}

impl Unsettled {
    pub fn is_empty(&self) -> bool {
        *self == Unsettled::default()
    }

    /// Writes it into the layer's own folder.
    pub fn write(&self, folder: impl AsFd) -> Result<()> {
        let what = || "cannot write down what the layer leaves open".to_string();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, NAME, flags, Mode::RUSR | Mode::WUSR).fail(Stage::Unpack, what)?;
        let mut to = BufWriter::new(File::from(file));
        serde_json::to_writer(&mut to, self).map_err(std::io::Error::from).fail(Stage::Unpack, what)?;
        to.flush().fail(Stage::Unpack, what)
    }

    /// None where nothing was left open.
    pub fn read(folder: impl AsFd) -> Result<Option<Unsettled>> {
        let what = || "cannot read what the layer left open".to_string();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(folder, NAME, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(Fail::new(Stage::Unpack, what()).errno(e)),
        };
        serde_json::from_reader(BufReader::new(file))
            .map(Some)
            .map_err(|e| Fail::new(Stage::Unpack, what()).why(e.to_string()))
    }

    pub fn remove(folder: impl AsFd) {
        let _ = unlinkat(folder, NAME, AtFlags::empty());
    }
}
