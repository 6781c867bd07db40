//! The first word on every link: five programs will be out of step one day, and must say so.

use serde::{Deserialize, Serialize};

use crate::fail::{Fail, Result, Stage};

/// Raised with every change of a message that an older peer would misread.
pub const PROTOCOL: u32 = 6;
/// Which build this program is of.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// Who is speaking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub protocol: u32,
    pub build: String,
}

impl Version {
    pub fn ours() -> Version {
        Version { protocol: PROTOCOL, build: BUILD.into() }
    }

    /// Refuses a peer of another protocol or build, naming both.
    pub fn check(&self, stage: Stage) -> Result<()> {
        if *self == Version::ours() {
            return Ok(());
        }
        Err(Fail::new(stage, format!("{stage} and kakuri are not of one build"))
            .why(format!(
                "{stage} is {BUILD} (protocol {PROTOCOL}), kakuri is {} (protocol {})",
                self.build, self.protocol
            ))
            .hint(
                "install all five programs from one build: cargo install --path . --target x86_64-unknown-linux-musl",
            ))
    }
}
