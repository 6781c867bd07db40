//! Who runs a named container: its death and everybody else's at any moment, what it keeps, where it is found.
//! KAKURI_TEST_KILLS sets the rounds; the moments come from KAKURI_TEST_SEED, which a failure prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "supervisor/hostile.rs"]
mod hostile;
#[path = "supervisor/killed.rs"]
mod killed;
#[path = "supervisor/leaves.rs"]
mod leaves;
#[path = "supervisor/runtime.rs"]
mod runtime;
