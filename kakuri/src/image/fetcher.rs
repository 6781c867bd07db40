//! The front's side of a `kakuri-image [fetch]`.

use std::os::fd::BorrowedFd;

use kakuri_image::talk::{FromFetch, Job, ToFetch};
use kakuri_wire::fail::{Fail, Result, Stage};
use std::os::fd::OwnedFd;

use crate::helper::Programs;

pub struct Fetcher {}

impl Fetcher {
    /// Starts it with its job. Names are looked up for it, by processes of their own, in [`Fetcher::hear`].
    pub fn begin(_job: Job, _programs: &Programs) -> Result<Fetcher> {
        Err(Fail::new(Stage::Front, "no fetcher"))
    }

    /// What to poll for reading.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::empty()
    }

    pub fn ask(&self, _word: &ToFetch, _fds: &[BorrowedFd]) -> Result<()> {
        Ok(())
    }

    /// What it has said, without waiting. Its end is an error.
    pub fn hear(&mut self) -> Result<Vec<(FromFetch, Vec<OwnedFd>)>> {
        Ok(Vec::new())
    }
}
