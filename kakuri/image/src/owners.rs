//! Whose the files of an unpacked layer are.

use serde::{Deserialize, Serialize};

/// How an image's ids lie in the ids of the namespace a layer is unpacked in, where 0 is the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// All of it is the caller's.
    Single,
    /// The image's 0 is the caller, n is n.
    Low,
    /// The image's n is n + 1, and nothing is the caller's own.
    High,
}

/// The form, and how many ids there are: an id that is not below is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    pub form: Form,
    pub uids: u32,
    pub gids: u32,
}
