//! The name of an image.

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Registry(Reference),
    /// `oci:DIR[:TAG]`: a folder of the OCI image layout. The path is as typed.
    Layout {
        path: Bytes,
        tag: Option<String>,
    },
}

/// `host[:port]/repository[:tag][@digest]`, with what was left out filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// As people name it: `docker.io`, not the host that answers for it.
    pub host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub repository: String,
    /// None only where there is a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// It counts, where there are both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}
