//! `kakuri stop`, `restart`, and docker's kill and wait.

use kakuri_wire::Fail;
use kakuri_wire::fail::{Result, Stage};

pub fn run(_: &crate::cli::Halt) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
pub fn restart(_: &crate::cli::Halt, _: bool) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
pub fn kill(_: &[String], _: i32, _: &crate::cli::General) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
pub fn wait(_: &[String], _: &crate::cli::General) -> Result<u8> {
    Err(Fail::new(Stage::Front, "not built"))
}
