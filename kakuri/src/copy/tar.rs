//! Tar archives: read as [`kakuri_image::tar`] reads them, and written.
//!
//! Only what is copied exists here: files, folders, and links of both kinds.

mod write;

pub use kakuri_image::tar::{BLOCK, Broken, Entry, Kind, Reader, header, padding, pax};
pub use write::{Owner, Writer};
