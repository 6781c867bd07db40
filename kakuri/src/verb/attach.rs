//! `kakuri attach`.

use kakuri_wire::Fail;
use kakuri_wire::fail::{Result, Stage};

pub fn run(_: &crate::cli::Attach) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
