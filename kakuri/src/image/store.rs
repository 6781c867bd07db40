//! The images on disk, beside the containers.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use kakuri_image::{Digest, Platform, Recipe, Source};
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::config::Config;
use crate::host::Host;
use crate::idmap::Ids;

/// All of a user's images.
#[derive(Clone, Debug)]
pub struct Images {
    pub dir: PathBuf,
}

/// One of them, its record read and believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// As people name it, filled in: `docker.io/library/alpine:3.20`.
    pub name: String,
    pub recipe: Recipe,
}

impl Images {
    pub fn of(_config: &Config, _host: &Host) -> Images {
        Images { dir: PathBuf::new() }
    }

    /// None: it is not here. An error: it is, and is corrupt.
    pub fn find(&self, _source: &Source, _platform: &Platform) -> Result<Option<Stored>> {
        Ok(None)
    }

    /// By the digest of its manifest.
    pub fn by_id(&self, _manifest: &Digest) -> Result<Option<Stored>> {
        Ok(None)
    }

    /// The folders of its layers as unpacked for these ids, the lowest first. None: not all of them are here.
    pub fn layers(&self, _stored: &Stored, _ids: &Ids) -> Result<Option<Vec<PathBuf>>> {
        Ok(None)
    }

    /// Keeps it from being removed as long as the descriptor is open.
    pub fn hold(&self, _stored: &Stored) -> Result<OwnedFd> {
        Err(Fail::new(Stage::Front, "no image"))
    }
}
