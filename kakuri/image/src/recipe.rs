//! What an image is, once its documents have been verified and read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Platform};

/// All that the front believes of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Of the manifest: what the image is named by.
    pub manifest: Digest,
    pub config: Digest,
    pub platform: Platform,
    /// The lowest first.
    pub layers: Vec<Layer>,
    pub run: RunConfig,
    /// RFC 3339, as the image has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Of the blob as it comes.
    pub digest: Digest,
    /// Of the blob, bytes.
    pub size: u64,
    pub packing: Packing,
    /// Of the archive in it.
    pub diff_id: Digest,
    /// Of it and all below it.
    pub chain: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// How the image wants to be run (OCI image specification, config.md, `config`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// `NAME`, `UID`, `NAME:GROUP`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `SIGTERM`, `15`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    pub volumes: Vec<String>,
    /// `80/tcp`.
    pub ports: Vec<String>,
    pub labels: BTreeMap<String, String>,
}
