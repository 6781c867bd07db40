//! kakuri-image's vocabulary: what an image is once it has been checked, and what the four roles of this program are
//! told and report.
//!
//! The front parses no manifest, no configuration, no archive and no byte of a server's. One process has the network and no
//! folder ([`fetch`]), the others a folder and no network ([`archive`], [`unpack`], [`settle`]); what the front believes of an
//! image is the [`Recipe`], which `unpack` has made of documents it has verified.

pub mod archive;
pub mod digest;
pub mod fetch;
pub mod owners;
pub mod platform;
pub mod recipe;
pub mod reference;
pub mod settle;
pub mod talk;
pub mod tar;
pub mod unpack;

pub use digest::{Algorithm, Digest, Hasher};
pub use owners::Owners;
pub use platform::Platform;
pub use recipe::{Layer, Packing, Recipe, RunConfig};
pub use reference::{Reference, Source};
