//! The image a container is made from.

use kakuri_image::{Digest, Platform};
use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

use crate::image::access::Access;
use crate::image::pull::Policy;

/// `--image`, and what is said with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// As typed.
    pub reference: Bytes,
    /// What it was when the container was made, by the digest of its manifest: whatever the name means since, this is
    /// what it starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Digest>,
    /// And its name in full then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// None: this machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default)]
    pub policy: Policy,
    #[serde(default)]
    pub access: Access,
    /// In the place of the image's own, whose arguments go with it. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<Bytes>>,
}

impl Image {
    /// Nothing said of it but its name.
    pub fn named(reference: impl Into<Bytes>) -> Image {
        Image {
            reference: reference.into(),
            id: None,
            name: None,
            platform: None,
            policy: Policy::default(),
            access: Access::default(),
            entrypoint: None,
        }
    }
}
