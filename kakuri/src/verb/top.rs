//! `kakuri container top`.

use kakuri_wire::Fail;
use kakuri_wire::fail::{Result, Stage};

pub fn run(_: &str, _: &crate::cli::General) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
