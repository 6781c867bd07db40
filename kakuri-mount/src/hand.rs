//! By hand.
use std::ffi::OsString;
pub fn run(_arguments: &[OsString]) -> u8 {
    125
}
