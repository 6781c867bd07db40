//! `kakuri container cp`.

use kakuri_wire::Fail;
use kakuri_wire::fail::{Result, Stage};

pub fn run(_: &crate::cli::Copy) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
