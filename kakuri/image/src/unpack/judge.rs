//! Manifests and indexes: what strangers wrote, read until it is known which blobs an image is.

use std::collections::{BTreeMap, BTreeSet};

use kakuri_wire::fail::{Fail, Result, Stage};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::media::{self, Document as Media};
use crate::talk::{FromUnpack, LARGEST_CONFIG, LARGEST_MANIFEST, Limits};
use crate::{Algorithm, Digest, Packing, Platform, Recipe};

/// Entries of an index: more than there are machines.
const MOST: usize = 1000;
/// An index names another one at most, and that one manifests.
const INDEXES: usize = 2;
const TAG: &str = "org.opencontainers.image.ref.name";

/// Both forms in one: what a document is, its fields say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Machine>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Machine {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

/// A layer as its manifest has it.
pub struct Blob {
    pub digest: Digest,
    pub size: u64,
    pub packing: Packing,
}

/// A manifest that was found to be one.
pub struct Manifest {
    pub digest: Digest,
    pub config: Digest,
    pub config_size: u64,
    pub layers: Vec<Blob>,
    pub wanted: Platform,
}

/// Reads the documents of one image after the other.
pub struct Judge {
    limits: Limits,
    indexes: usize,
    manifest: Option<Manifest>,
}

pub fn refused(why: impl Into<String>) -> Fail {
    Fail::new(Stage::Unpack, "the image cannot be used")
        .why(why)
        .hint("name another tag of it, or ask those who made it")
}

impl Judge {
    pub fn new(limits: Limits) -> Judge {
        Judge { limits, indexes: 0, manifest: None }
    }

    pub fn judge(
        &mut self,
        bytes: &[u8],
        digest: Option<Digest>,
        tag: Option<String>,
        wanted: Platform,
    ) -> Result<Option<FromUnpack>> {
        self.manifest = None;
        if bytes.len() as u64 > LARGEST_MANIFEST {
            return Err(refused(format!("its manifest is larger than {} MiB", LARGEST_MANIFEST >> 20)));
        }
        if digest.as_ref().is_some_and(|digest| !digest.is_of(bytes)) {
            return Err(Fail::new(Stage::Unpack, "the image is not what it should be")
                .why("its manifest has another digest than was asked for")
                .hint("pull again; if it happens again, pull from another registry"));
        }
        let document: Document =
            serde_json::from_slice(bytes).map_err(|e| refused(format!("its manifest is none: {e}")))?;
        let said = document.media_type.as_deref().map_or(Media::Other, media::document);
        let is_first = document.schema_version == Some(1) || said == Media::Schema1 || document.fs_layers.is_some();
        if is_first {
            return Err(refused(
                "it is in Docker's image format 1 (manifest schema 1), in which nothing can be verified",
            )
            .hint("have it built or pushed again by a docker of this decade"));
        }
        match (document.manifests, document.config, document.layers) {
            // What is both at once would be another image to other readers.
            (Some(manifests), None, None) if said != Media::Manifest => self.choose(&manifests, tag, &wanted).map(Some),
            (None, Some(config), Some(layers)) if said != Media::Index => {
                let digest = digest.unwrap_or_else(|| Digest::of(Algorithm::Sha256, bytes));
                self.manifest(digest, &config, &layers, wanted).map(Some)
            }
            _ => Err(refused("its manifest is neither an image's nor an index of images")),
        }
    }

    /// The configuration the last manifest named.
    pub fn config(&mut self, bytes: &[u8]) -> Result<Recipe> {
        let manifest = self.manifest.take().ok_or_else(super::out_of_turn)?;
        self.indexes = 0;
        if bytes.len() as u64 != manifest.config_size || !manifest.config.is_of(bytes) {
            return Err(Fail::new(Stage::Unpack, "the image is not what it should be")
                .why("its configuration has another digest than its manifest says")
                .hint("pull again; if it happens again, pull from another registry"));
        }
        super::config::read(bytes, manifest)
    }

    fn manifest(
        &mut self,
        digest: Digest,
        config: &Descriptor,
        layers: &[Descriptor],
        wanted: Platform,
    ) -> Result<FromUnpack> {
        if !media::is_config(&config.media_type) {
            return Err(refused(format!(
                "it holds no root filesystem but something else ({})",
                cut(&config.media_type)
            ))
            .hint("name an image of a program or system"));
        }
        if layers.len() > self.limits.layers as usize {
            return Err(refused(format!("it has {} layers, and {} can be used", layers.len(), self.limits.layers)));
        }
        if config.size > LARGEST_CONFIG {
            return Err(refused(format!("its configuration is larger than {} MiB", LARGEST_CONFIG >> 20)));
        }
        let blob = |layer: &Descriptor| {
            let packing = media::packing(&layer.media_type).ok_or_else(|| {
                let encrypted = layer.media_type.ends_with("+encrypted");
                let why = if encrypted { "it is encrypted" } else { "nobody here can unpack that" };
                refused(format!("a layer of it is of the type {}: {why}", cut(&layer.media_type)))
            })?;
            Ok(Blob { digest: parsed(&layer.digest)?, size: layer.size, packing })
        };
        let layers = layers.iter().map(blob).collect::<Result<Vec<Blob>>>()?;
        let (named, config_size) = (parsed(&config.digest)?, config.size);
        self.manifest = Some(Manifest { digest, config: named.clone(), config_size, layers, wanted });
        Ok(FromUnpack::Manifest { config: named, size: config_size })
    }

    fn choose(&mut self, manifests: &[Descriptor], tag: Option<String>, wanted: &Platform) -> Result<FromUnpack> {
        self.indexes += 1;
        if self.indexes > INDEXES {
            return Err(refused("its index names an index that names an index"));
        }
        if manifests.len() > MOST {
            return Err(refused(format!("its index names {} images", manifests.len())));
        }
        let tagged = by_tag(manifests, tag.as_deref())?;
        let chosen = best(&tagged, wanted)?;
        if chosen.size > LARGEST_MANIFEST {
            return Err(refused(format!("its manifest is larger than {} MiB", LARGEST_MANIFEST >> 20)));
        }
        Ok(FromUnpack::Index { manifest: parsed(&chosen.digest)?, size: chosen.size })
    }
}

fn parsed(digest: &str) -> Result<Digest> {
    digest.parse().map_err(|why| refused(format!("'{}' is no digest: {why}", cut(digest))))
}

/// A stranger's word, for a message.
fn cut(word: &str) -> String {
    word.chars().take(80).collect()
}

fn tag_of(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations.as_ref()?.get(TAG).map(String::as_str)
}

/// Those of one name. Of several names `latest` is meant where none was typed.
fn by_tag<'a>(all: &'a [Descriptor], tag: Option<&str>) -> Result<Vec<&'a Descriptor>> {
    let names: BTreeSet<&str> = all.iter().filter_map(tag_of).collect();
    let wanted = match tag {
        Some(tag) => tag,
        None if names.len() > 1 => "latest",
        None => return Ok(all.iter().collect()),
    };
    if names.contains(wanted) {
        return Ok(all.iter().filter(|one| tag_of(one) == Some(wanted)).collect());
    }
    let shown: Vec<String> = names.iter().take(20).map(|name| cut(name)).collect();
    let there =
        if shown.is_empty() { "no image in it has a name".into() } else { format!("there are {}", shown.join(", ")) };
    let what = match tag {
        Some(tag) => format!("there is no image '{}' in the folder", cut(tag)),
        None => "there are several images in the folder".into(),
    };
    Err(Fail::new(Stage::Unpack, what).why(there).hint("name one of them: oci:FOLDER:NAME"))
}

/// What buildkit puts beside an image to tell how it was made.
fn is_attestation(descriptor: &Descriptor) -> bool {
    let unknown = |machine: &Machine| machine.os == "unknown" && machine.architecture == "unknown";
    descriptor.platform.as_ref().is_some_and(unknown)
        || descriptor.annotations.as_ref().is_some_and(|a| a.contains_key("vnd.docker.reference.type"))
}

fn best<'a>(all: &[&'a Descriptor], wanted: &Platform) -> Result<&'a Descriptor> {
    let mut there: Vec<String> = Vec::new();
    let mut found: Option<(u32, &Descriptor)> = None;
    let mut silent = None;
    for one in all.iter().filter(|one| !is_attestation(one)) {
        let of_image = one.media_type.is_empty() || !matches!(media::document(&one.media_type), Media::Other);
        if !of_image {
            continue;
        }
        let Some(machine) = one.platform.as_ref().filter(|machine| !machine.architecture.is_empty()) else {
            // One that does not say for which machine it is will tell by its configuration.
            silent.get_or_insert(*one);
            continue;
        };
        let platform = Platform::of(&machine.os, &machine.architecture, machine.variant.as_deref());
        match wanted.suits(&platform) {
            Some(rank) if found.is_none_or(|(best, _)| rank > best) => found = Some((rank, one)),
            _ => {}
        }
        let shown = cut(&platform.to_string());
        if there.len() < 30 && !there.contains(&shown) {
            there.push(shown);
        }
    }
    if let Some(chosen) = found.map(|(_, one)| one).or(silent) {
        return Ok(chosen);
    }
    let fail = Fail::new(Stage::Unpack, format!("the image is not there for {wanted}"));
    Err(match there.first() {
        Some(first) => fail
            .why(format!("it is there for {}", there.join(", ")))
            .hint(format!("name one of them: --platform {first}")),
        None => fail.why("its index names no image"),
    })
}
