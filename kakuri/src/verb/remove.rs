//! `kakuri remove` and `kakuri container rename`.

use kakuri_wire::Fail;
use kakuri_wire::fail::{Result, Stage};

pub fn run(_: &crate::cli::Remove) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
pub fn rename(_: &str, _: &str, _: &crate::cli::General) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
