//! The role with the network: it speaks with registries, and can open nothing once it has heard one.
//!
//! One thread hears the front, and one is started for each thing it asks for. Names are resolved by the front's own
//! helpers, because a resolver reads files; certificates are read before the confinement.

mod agent;
mod blob;
mod body;
mod cancel;
mod certificate;
mod challenge;
mod confine;
mod credentials;
mod endpoint;
mod exchange;
mod filter;
mod login;
mod manifest;
mod redirect;
mod resolve;
mod retry;
mod serve;
mod status;
mod token;
mod transport;
mod trouble;

pub use serve::serve;

use kakuri_wire::fail::Stage;

const STAGE: Stage = Stage::Fetch;
