//! What says which images are in an archive, in the words of each form.

use kakuri_wire::fail::{Fail, Result, Stage};
use serde_json::{Value, json};

use super::Saved;
use kakuri_image::Digest;

/// The forms of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    Oci,
    /// What `docker load` of any version reads; and all that Oci is.
    #[default]
    Docker,
}

/// Their names and what is in them, in the order they are written.
pub fn of(images: &[Saved], format: Format) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = vec![
        ("oci-layout".to_string(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_string(), encode(&index(images))?),
    ];
    if format == Format::Docker {
        all.push(("manifest.json".to_string(), encode(&manifest(images))?));
    }
    Ok(all)
}

fn encode(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Fail::new(Stage::Front, "cannot write an index").why(e.to_string()))
}

/// An entry for each name. podman and skopeo look for the name in the one annotation, docker and containerd in the other.
fn index(images: &[Saved]) -> Value {
    let mut manifests = Vec::new();
    for image in images {
        let platform = &image.recipe.platform;
        let mut machine = json!({ "architecture": platform.architecture, "os": platform.os });
        if let Some(variant) = &platform.variant {
            machine["variant"] = json!(variant);
        }
        let entry = json!({ "mediaType": image.media, "digest": image.recipe.manifest, "size": image.size,
            "platform": machine });
        if image.names.is_empty() {
            manifests.push(entry.clone());
        }
        manifests.extend(image.names.iter().map(|name| {
            let mut entry = entry.clone();
            entry["annotations"] =
                json!({ "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name });
            entry
        }));
    }
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests })
}

/// docker's list. Its layers may be compressed: whoever reads it looks.
fn manifest(images: &[Saved]) -> Value {
    let entry = |image: &Saved| {
        let layers: Vec<String> = image.recipe.layers.iter().map(|layer| path(&layer.digest)).collect();
        // null where there are none, as docker has it.
        let names = (!image.names.is_empty()).then_some(&image.names);
        json!({ "Config": path(&image.recipe.config), "RepoTags": names, "Layers": layers })
    };
    images.iter().map(entry).collect()
}

/// Where a blob is in the archive.
pub fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
