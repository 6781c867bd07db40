//! What nothing refers to goes: images without a name that no container was made from and nothing runs from, and the
//! layers and blobs that no image and no living pull has.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kakuri_image::{Digest, Recipe};
use kakuri_wire::fail::Result;
use rustix::fs::{AtFlags, statat, unlinkat};

use super::place::{BLOBS, LAYERS, PARTIAL, READY, RECORDS, WORK, blob};
use super::{Images, file, hold, layer, names_in, record, refs, work};
use crate::spec::Spec;
use crate::store::Store;

/// How long the beginning of a layer waits for somebody who goes on with it.
const LASTING: Duration = Duration::from_secs(24 * 60 * 60);

/// What is kept, by its digits.
#[derive(Default)]
struct Kept {
    images: BTreeSet<String>,
    chains: BTreeSet<String>,
    /// `sha256/DIGITS`
    blobs: BTreeSet<String>,
    /// Digits of layers that are being fetched.
    coming: BTreeSet<String>,
}

impl Kept {
    fn keep(&mut self, recipe: &Recipe, index: Option<&Digest>) {
        self.images.insert(recipe.manifest.hex().into());
        self.blobs.extend([&recipe.manifest, &recipe.config].into_iter().chain(index).map(blob));
        for layer in &recipe.layers {
            self.chains.insert(layer.chain.hex().into());
            self.blobs.insert(blob(&layer.digest));
        }
    }
}

/// The image a container was made from.
pub fn image_of(spec: &Spec) -> Option<Digest> {
    spec.image.as_ref()?.id.clone()
}

impl Images {
    /// Removes what nothing refers to. Where something cannot be read that might refer to it, nothing is.
    pub fn collect(&self, containers: &Store) -> Result<()> {
        let Some(top) = self.open()? else { return Ok(()) };
        {
            let _store = self.lock(&top)?;
            self.collect_locked(&top, containers, None)?;
        }
        self.erase_old(&top);
        Ok(())
    }

    /// The same by who has the lock. `doomed`: an image whose own lock he has, too, so that it is not in use.
    pub(super) fn collect_locked(&self, top: &OwnedFd, containers: &Store, doomed: Option<&Digest>) -> Result<()> {
        let mut named = BTreeSet::new();
        for found in refs::all(top)? {
            match found {
                Ok(found) => drop(named.insert(found.image.hex().to_string())),
                Err(why) => return Ok(stay(&why)),
            }
        }
        for (name, entry) in containers.all()? {
            match entry {
                Ok(entry) => named.extend(image_of(&entry.record.spec).map(|image| image.hex().to_string())),
                Err(_) => return Ok(stay(&format!("the container '{name}' cannot be read"))),
            }
        }
        if let Some(doomed) = doomed {
            named.remove(doomed.hex());
        }
        let mut kept = Kept::default();
        for name in names_in(top, WORK)? {
            if let Some(folder) = work::open(top, &name).filter(work::is_alive)
                && let Some(pins) = work::pins(&folder)
            {
                kept.keep(&pins.recipe, pins.index.as_ref());
                kept.coming.extend(pins.recipe.layers.iter().map(|layer| layer.digest.hex().to_string()));
            }
        }
        // Held until what is theirs is gone, so that nothing begins to run from them.
        let mut gone = Vec::new();
        for digits in record::all(top)? {
            let Some(image) = digest_of(&digits) else { continue };
            let found = record::read(top, &image);
            let wanted = named.contains(&digits) || kept.images.contains(&digits);
            match (wanted, found) {
                (true, Ok(Some(found))) => kept.keep(&found.recipe, found.index.as_ref()),
                // Which layers it has nobody knows.
                (true, Err(why)) => return Ok(stay(&why)),
                (_, Ok(None)) => {}
                (false, found) => {
                    let own = if doomed == Some(&image) { None } else { hold::take(top, &image)? };
                    match found {
                        Ok(Some(found)) if own.is_none() && doomed != Some(&image) => {
                            kept.keep(&found.recipe, found.index.as_ref());
                        }
                        _ => gone.push((image, own)),
                    }
                }
            }
        }
        for (image, _own) in &gone {
            let _ = unlinkat(top, record::path(image), AtFlags::empty());
            hold::remove(top, image);
        }
        clear(top, &kept)
    }
}

/// Nothing is removed, and why.
fn stay(why: &str) {
    log::info!("nothing is removed of what images have left: {why}");
}

pub fn digest_of(digits: &str) -> Option<Digest> {
    let name = if digits.len() == 64 { "sha256" } else { "sha512" };
    format!("{name}:{digits}").parse().ok()
}

/// All that is not kept.
fn clear(top: &OwnedFd, kept: &Kept) -> Result<()> {
    // First what says that layers are there, then these.
    for key in names_in(top, READY)? {
        for image in names_in(top, &format!("{READY}/{key}"))?.iter().filter(|image| !kept.images.contains(*image)) {
            let _ = unlinkat(top, format!("{READY}/{key}/{image}"), AtFlags::empty());
        }
    }
    for key in names_in(top, LAYERS)? {
        for chain in names_in(top, &format!("{LAYERS}/{key}"))?.iter().filter(|chain| !kept.chains.contains(*chain)) {
            let _ = layer::set_aside(top, &format!("{LAYERS}/{key}/{chain}"));
        }
    }
    for algorithm in names_in(top, BLOBS)? {
        for digits in names_in(top, &format!("{BLOBS}/{algorithm}"))? {
            let name = format!("{algorithm}/{digits}");
            if !kept.blobs.contains(&name) {
                let _ = unlinkat(top, format!("{BLOBS}/{name}"), AtFlags::empty());
            }
        }
    }
    for digits in names_in(top, PARTIAL)?.iter().filter(|digits| !kept.coming.contains(*digits)) {
        let path = format!("{PARTIAL}/{digits}");
        let touched = statat(top, &path, AtFlags::SYMLINK_NOFOLLOW).ok().and_then(|s| u64::try_from(s.st_mtime).ok());
        let age = touched.and_then(|s| SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(s)).ok());
        if age.is_some_and(|age| age > LASTING) {
            let _ = unlinkat(top, &path, AtFlags::empty());
        }
    }
    // Locks of images that are gone are harmless, and go where nobody has them.
    for name in names_in(top, RECORDS)? {
        if let Some(image) = name.strip_suffix(".use").and_then(digest_of)
            && !matches!(file::read::<record::Record>(top, &record::path(&image)), Ok(Some(_)) | Err(_))
            && let Ok(Some(_own)) = hold::take(top, &image)
        {
            hold::remove(top, &image);
        }
    }
    Ok(())
}
