//! Images as an archive: the blobs as they came, and what says which image they make.
//!
//! It has the OCI image layout (image-layout.md), in which every file is named by its digest; docker's form has a
//! manifest.json beside, as docker's own have since its version 25, so that one file is both. Nothing of an image's is
//! parsed for that, and every blob's digest is checked while it is copied.

mod documents;
mod output;
mod write;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use kakuri_image::talk::LARGEST_MANIFEST;
use kakuri_image::{Digest, Recipe, Source};
use kakuri_wire::fail::{Fail, Result, Stage};

use super::store::Images;
use crate::copy::Progress;
pub use documents::Format;
pub use output::Output;
use write::Writer;

/// What is to be in it.
pub struct Wanted {
    /// As typed.
    pub typed: String,
    pub image: Digest,
    /// In full; None: it was named by its id.
    pub name: Option<String>,
}

/// One of them, kept from being removed as long as this is there.
struct Saved {
    recipe: Recipe,
    /// As it is told to docker: none that has a digest or is a folder's.
    names: Vec<String>,
    /// How it is pulled again.
    again: String,
    /// Of the manifest, bytes.
    size: u64,
    /// What kind of manifest it is.
    media: &'static str,
    _hold: OwnedFd,
}

pub fn save(wanted: &[Wanted], format: Format, quiet: bool, images: &Images, output: &mut Output) -> Result<()> {
    let saved = find(wanted, images)?;
    let mut progress = (!quiet).then(Progress::begin);
    let mut writer = Writer::new(output, progress.as_mut());
    for (name, bytes) in documents::of(&saved, format)? {
        writer.document(&name, &bytes)?;
    }
    let mut written = BTreeSet::new();
    for image in &saved {
        for (digest, size) in blobs(image, images)? {
            if written.insert(digest.clone()) {
                let file = blob(images, image, &digest, size)?;
                writer.blob(&digest, size, file).map_err(|wrong| match wrong {
                    write::Wrong::Fail(fail) => fail,
                    write::Wrong::Blob(why) => damaged(images, image, &digest, &why),
                })?;
            }
        }
    }
    writer.finish()
}

fn find(wanted: &[Wanted], images: &Images) -> Result<Vec<Saved>> {
    let mut saved: Vec<Saved> = Vec::new();
    for Wanted { typed, image, name } in wanted {
        let tag = name.as_deref().and_then(tagged);
        if let Some(same) = saved.iter_mut().find(|other| other.recipe.manifest == *image) {
            same.names.extend(tag.filter(|tag| !same.names.contains(tag)));
            continue;
        }
        let stored = images.by_id(image)?.ok_or_else(|| {
            Fail::new(Stage::Front, format!("the image {typed} is not here any more"))
                .hint("kakuri images shows what is")
        })?;
        let hold = images.hold(&stored)?;
        let again = name.clone().unwrap_or(stored.name);
        let size = images.blob_size(image).ok_or_else(|| gone(&again, image))?;
        let mut manifest = Vec::new();
        if let Some(file) = images.blob(image, size) {
            let read = file.take(LARGEST_MANIFEST).read_to_end(&mut manifest);
            read.map_err(|e| Fail::new(Stage::Front, format!("cannot save the image {again}")).errno(e))?;
        }
        let names = tag.into_iter().collect();
        saved.push(Saved { recipe: stored.recipe, names, again, size, media: media(&manifest), _hold: hold });
    }
    Ok(saved)
}

/// Docker's manifests have to say what they are, and those of the specification nearly always do. Nothing is parsed for
/// that here: whoever reads the archive does, and finds out were it said wrongly.
fn media(manifest: &[u8]) -> &'static str {
    const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
    if manifest.windows(DOCKER.len()).any(|word| word == DOCKER.as_bytes()) {
        DOCKER
    } else {
        "application/vnd.oci.image.manifest.v1+json"
    }
}

/// A name others take.
fn tagged(name: &str) -> Option<String> {
    match Source::parse(name.as_bytes()) {
        Ok(Source::Registry(reference)) if reference.digest.is_none() => Some(reference.to_string()),
        _ => None,
    }
}

/// All an image is made of: manifest, configuration, layers.
fn blobs(image: &Saved, images: &Images) -> Result<Vec<(Digest, u64)>> {
    let Recipe { manifest, config, layers, .. } = &image.recipe;
    let config_size = images.blob_size(config).ok_or_else(|| gone(&image.again, config))?;
    let mut all = vec![(manifest.clone(), image.size), (config.clone(), config_size)];
    all.extend(layers.iter().map(|layer| (layer.digest.clone(), layer.size)));
    Ok(all)
}

fn blob(images: &Images, image: &Saved, digest: &Digest, size: u64) -> Result<File> {
    images.blob(digest, size).ok_or_else(|| gone(&image.again, digest))
}

fn gone(name: &str, digest: &Digest) -> Fail {
    Fail::new(Stage::Front, format!("cannot save the image {name}"))
        .why(format!("{digest} of it is not stored any more"))
        .hint(format!("kakuri pull {name} brings it back, or loading it again"))
}

fn damaged(images: &Images, image: &Saved, digest: &Digest, why: &str) -> Fail {
    // So that the pull does not take it for what it was.
    images.drop_blob(digest);
    let name = &image.again;
    Fail::new(Stage::Front, format!("cannot save the image {name}"))
        .why(format!("what is stored of it as {digest} {why}"))
        .hint(format!("kakuri pull {name} brings it back, or loading it again"))
}
