//! What the user wants the environment to be.

use kakuri_wire::Bytes;
use serde::{Deserialize, Serialize};

/// Layers of the environment; a later one wins: host, files, settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Environment {
    /// The caller's whole environment.
    pub host: bool,
    /// Files of `KEY=value` lines.
    pub files: Vec<Bytes>,
    /// `KEY=value`, or `KEY` for the caller's value.
    pub set: Vec<Bytes>,
}
