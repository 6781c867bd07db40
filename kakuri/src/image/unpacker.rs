//! The front's side of a `kakuri-image [unpack]` or `[settle]`: a container of its own, without a network, that sees one
//! folder.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kakuri_image::talk::{FromUnpack, ToUnpack};
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::Ids;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Unpack,
    Settle,
}

pub struct Unpacker {}

impl Unpacker {
    /// Starts it. `work` becomes /work, its current folder; `below` become /below/0, /below/1, ..., read-only. It is root
    /// of a namespace with these ids.
    pub fn begin(
        _role: Role,
        _work: &Path,
        _below: &[PathBuf],
        _ids: &Ids,
        _programs: &Programs,
        _host: &Host,
    ) -> Result<Unpacker> {
        Err(Fail::new(Stage::Front, "no unpacker"))
    }

    /// What to poll for reading: its link, and what tells that its container has ended.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::empty()
    }

    pub fn ask(&self, _word: &ToUnpack, _fds: &[BorrowedFd]) -> Result<()> {
        Ok(())
    }

    /// What it has said, without waiting. Its end is an error.
    pub fn hear(&mut self) -> Result<Vec<(FromUnpack, Vec<OwnedFd>)>> {
        Ok(Vec::new())
    }

    /// Lets it end, and waits for its container to be gone.
    pub fn finish(self) -> Result<()> {
        Ok(())
    }
}
