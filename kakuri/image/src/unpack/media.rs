//! Media types, as OCI and Docker name the same things (OCI image specification, media-types.md, "Compatibility Matrix").

use crate::Packing;

/// What a document says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    Index,
    Manifest,
    /// Docker's first form, which has no digests one could verify.
    Schema1,
    Other,
}

pub fn document(media: &str) -> Document {
    match media {
        "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json" => {
            Document::Index
        }
        "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json" => {
            Document::Manifest
        }
        "application/vnd.docker.distribution.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v1+prettyjws" => Document::Schema1,
        _ => Document::Other,
    }
}

/// Whether a manifest with such a configuration is one of an image.
pub fn is_config(media: &str) -> bool {
    matches!(media, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
}

/// How a layer is packed; None where it is none.
pub fn packing(media: &str) -> Option<Packing> {
    let rest = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ]
    .iter()
    .find_map(|known| media.strip_prefix(known))?;
    match rest {
        "" => Some(Packing::Plain),
        "+gzip" | ".gzip" => Some(Packing::Gzip),
        "+zstd" | ".zstd" => Some(Packing::Zstd),
        _ => None,
    }
}
