//! Which of a command's descriptors are a terminal of the container's own.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Terminal {
    /// Whatever terminals are among 0-2 are replaced.
    Auto,
    /// 0-2 are all the container's terminal.
    Always,
    Never,
}
