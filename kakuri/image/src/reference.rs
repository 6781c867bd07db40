//! The name of an image.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use kakuri_wire::{Bytes, Result};
pub use parse::{host_and_port, is_short, name_length};
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
    /// As people name it: `docker.io`, not the host that answers for it. In lower case; an IPv6 address has its
    /// brackets.
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

/// The registry of names without one.
pub const DEFAULT_HOST: &str = "docker.io";
/// Where its official images are, which are named without it.
pub const OFFICIAL: &str = "library/";
/// The tag of names with neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

impl Source {
    /// As docker reads it: `alpine` is `docker.io/library/alpine:latest`, and the first part of a name is a host where
    /// it has a dot or a colon, or is `localhost` (distribution's reference grammar). `oci:DIR[:TAG]` is a folder.
    ///
    /// # Errors
    /// Names what was typed, why it is no name, and one that is.
    pub fn parse(typed: &[u8]) -> Result<Source> {
        parse::source(typed)
    }
}

impl Reference {
    /// `host[:port]`.
    pub fn registry(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `host[:port]/repository`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository)
    }

    /// As people type it: without the registry that is meant anyway.
    pub fn familiar(&self) -> String {
        let official = self.repository.strip_prefix(OFFICIAL).filter(|rest| !rest.contains('/'));
        let short = format!("{}{}", official.unwrap_or(&self.repository), self.version());
        // `docker.io/localhost/x` and `docker.io/library/oci:x` would be read as something else.
        let same = |short: &String| match Source::parse(short.as_bytes()) {
            Ok(Source::Registry(read)) => read == *self,
            _ => false,
        };
        Some(short).filter(same).unwrap_or_else(|| self.to_string())
    }

    /// `:tag@digest`, what there is of it.
    fn version(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

/// In full: `docker.io/library/alpine:latest`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.version())
    }
}

/// As it would be typed, in full.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Source::Registry(reference) => reference.fmt(f),
            Source::Layout { path, tag: None } => write!(f, "oci:{path}"),
            Source::Layout { path, tag: Some(tag) } => write!(f, "oci:{path}:{tag}"),
        }
    }
}
