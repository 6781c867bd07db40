//! Whose the files of an unpacked layer are.

use serde::{Deserialize, Serialize};

/// A layer is unpacked by root of a namespace with the very ids its containers have, so that an owner needs no
/// translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owners {
    /// There is one id, and all of it is the caller's.
    Squashed,
    /// As the archive has them. An id the namespace has not is refused.
    Kept,
}
