//! Images: found, fetched, kept, and made the root of containers.
//!
//! The work on what strangers have made is done by kakuri-image, by processes that have either the network or a folder;
//! this is the hub between them, the store, and what a start needs to know of an image.

pub mod access;
pub mod fetcher;
pub mod load;
pub mod pull;
pub mod ready;
pub mod save;
pub mod store;
pub mod unpacker;
