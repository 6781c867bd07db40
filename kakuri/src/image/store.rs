//! The images on disk: `~/.local/kakuri/images`, the caller's alone.
//!
//! ```text
//! refs/HASH.json            which image a name means, for a platform
//! records/IMAGE.json        what is known of an image, by the digest of its manifest
//! records/IMAGE.use         shared by what runs from it
//! blobs/sha256/DIGEST       manifests, configurations and layers as they came
//! partial/DIGEST            the beginning of a layer
//! layers/KEY/CHAIN/fs       a layer unpacked upon those below it, for some ids
//! layers/KEY/CHAIN/done     that it is whole
//! ready/KEY/IMAGE           that all layers of an image are there
//! work/RANDOM/              of one pull: its lock, what it is about to make, and what it makes
//! lock                      held for the moments in which is decided what is kept
//! ```
//! A name is given by a rename when what it names is whole, and in the order blob, layer, record, ready, ref: what is
//! killed in between leaves something whole, or something nobody refers to. A start reads three small files.

mod blob;
mod collect;
mod file;
mod hold;
mod layer;
mod list;
mod place;
mod ready;
mod record;
pub mod refs;
mod remove;
mod sweep;
mod work;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use kakuri_image::{Digest, Platform, Recipe, Source};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::config::Config;
use crate::host::{Host, as_path};
use crate::idmap::Ids;
use crate::pathname;
pub use list::Listed;
pub use place::{full, key};
pub use remove::Removed;
pub use work::{Came, Need, Turn, Work};

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
    pub fn of(_config: &Config, host: &Host) -> Images {
        Images { dir: as_path(&pathname::join(&host.home, b".local/kakuri/images")).to_path_buf() }
    }

    /// None: it is not here. An error: it is, and is corrupt.
    pub fn find(&self, source: &Source, platform: &Platform) -> Result<Option<Stored>> {
        let Some(top) = self.open()? else { return Ok(None) };
        let name = refs::name_of(source)?;
        let corrupt = |why: String| corrupt(&name, why);
        let image = match (refs::read(&top, &name, platform).map_err(corrupt)?, source) {
            (Some(found), _) => found.image,
            // Its digest says all, whatever it was pulled as.
            (None, Source::Registry(kakuri_image::Reference { digest: Some(digest), .. })) => digest.clone(),
            (None, _) => return Ok(None),
        };
        match record::read(&top, &image).map_err(corrupt)? {
            Some(record) => Ok(Some(Stored { name, recipe: record.recipe })),
            None if matches!(source, Source::Registry(reference) if reference.digest.is_some()) => Ok(None),
            None => Err(corrupt(format!("{} is missing", record::path(&image)))),
        }
    }

    /// By the digest of its manifest.
    pub fn by_id(&self, manifest: &Digest) -> Result<Option<Stored>> {
        let Some(top) = self.open()? else { return Ok(None) };
        let record = record::read(&top, manifest).map_err(|why| corrupt(&manifest.to_string(), why))?;
        Ok(record.map(|record| Stored { name: record.name, recipe: record.recipe }))
    }

    /// The folders of its layers as unpacked for these ids, the lowest first. None: not all of them are here.
    pub fn layers(&self, stored: &Stored, ids: &Ids) -> Result<Option<Vec<PathBuf>>> {
        let Some(top) = self.open()? else { return Ok(None) };
        let key = place::key(ids);
        if !ready::is(&top, &key, &stored.recipe) {
            return Ok(None);
        }
        let paths: Vec<String> = stored.recipe.layers.iter().map(|layer| place::layer(&key, &layer.chain)).collect();
        // One that was removed by hand is made again by who asks.
        let all = paths.iter().all(|path| layer::has_tree(&top, path));
        Ok(all.then(|| paths.iter().map(|path| self.dir.join(path).join(layer::TREE)).collect()))
    }

    /// Keeps it from being removed as long as the descriptor is open.
    pub fn hold(&self, stored: &Stored) -> Result<OwnedFd> {
        let top = self.open()?.ok_or_else(|| hold::no_image(&stored.name))?;
        hold::share(&top, &stored.recipe.manifest)?.ok_or_else(|| hold::no_image(&stored.name))
    }
}

fn corrupt(name: &str, why: String) -> Fail {
    Fail::new(Stage::Front, format!("cannot read what is stored of the image {name}"))
        .why(why)
        .hint(format!("kakuri pull {name} mends it"))
}

/// The names in a folder of the store, without those that begin with a dot. A folder that is missing holds none.
fn names_in(top: &OwnedFd, path: &str) -> Result<Vec<String>> {
    let cannot = |e: Errno| Fail::new(Stage::Front, format!("cannot read {path} in the folder of images")).errno(e);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match openat(top, path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(e) => return Err(cannot(e)),
    };
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder).map_err(cannot)? {
        match entry.map_err(cannot)?.file_name().to_str() {
            Ok(name) if !name.starts_with('.') => names.push(name.to_string()),
            _ => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}
