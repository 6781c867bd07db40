//! Commands in a running container: they start with what the first one has, and their bytes and codes arrive exactly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "exec/many.rs"]
mod many;
#[path = "exec/options.rs"]
mod options;
#[path = "exec/pipes.rs"]
mod pipes;
#[path = "exec/same.rs"]
mod same;
