//! kakuri-image's roles `unpack` and `settle`: honest images against what umoci makes of them, and all that an archive can
//! be that nobody honest has made. The test plays the front.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "unpack/archive.rs"]
mod archive;
mod common;
#[path = "unpack/damaged.rs"]
mod damaged;
#[path = "unpack/documents.rs"]
mod documents;
#[path = "unpack/hostile.rs"]
mod hostile;
#[path = "unpack/limits.rs"]
mod limits;
#[path = "unpack/oracle.rs"]
mod oracle;
#[path = "unpack/role.rs"]
mod role;
#[path = "unpack/settled.rs"]
mod settled;
#[path = "unpack/started.rs"]
mod started;
