//! manifest.json, docker's own list of what is in an archive. It names files, and has no digests: the layers' are in
//! the configuration, and an OCI manifest is made here for each image, the same whenever it is made.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::layout::Found;
use super::shelf::{Item, Shelf};
use super::{Result, encode, parse, refused};
use crate::talk::Limits;
use crate::{Digest, Packing};

pub const MANIFEST: &str = "manifest.json";
const MEDIA: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    /// docker writes null where there are none.
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

fn described(media_type: String, item: &Item) -> Descriptor {
    Descriptor { media_type, digest: item.digest.clone(), size: item.size }
}

pub fn read(shelf: &mut Shelf) -> Result<Vec<Found>> {
    let images: Vec<Image> = parse(shelf, MANIFEST)?;
    let mut found = Vec::new();
    for image in images {
        let layers = image.layers.unwrap_or_default();
        let most = Limits::default().layers as usize;
        if layers.len() > most {
            return Err(refused(format!("an image in it has {} layers, and {most} can be used", layers.len())));
        }
        let layer = |name: &String| {
            let item = shelf.item(name)?;
            let packed = match item.packing {
                Packing::Plain => "",
                Packing::Gzip => "+gzip",
                Packing::Zstd => "+zstd",
            };
            Ok(described(format!("{LAYER}{packed}"), item))
        };
        let layers = layers.iter().map(layer).collect::<Result<Vec<Descriptor>>>()?;
        let config = described(CONFIG.into(), shelf.item(&image.config)?);
        let bytes = encode(&Manifest { schema_version: 2, media_type: MEDIA, config, layers })?;
        let digest = shelf.add(&bytes)?;
        let mut descriptor = Map::new();
        descriptor.insert("mediaType".into(), MEDIA.into());
        descriptor.insert("digest".into(), digest.to_string().into());
        descriptor.insert("size".into(), bytes.len().into());
        let mut names: Vec<Option<String>> = image.repo_tags.unwrap_or_default().into_iter().map(Some).collect();
        // `docker save ID` gives it none.
        if names.is_empty() {
            names.push(None);
        }
        found.extend(names.into_iter().map(|name| Found {
            name,
            descriptor: descriptor.clone(),
            digest: digest.clone(),
        }));
    }
    Ok(found)
}
