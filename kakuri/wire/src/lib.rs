//! What kakuri's five programs share: links, documents, error records, privileges.
//!
//! Nothing here decides anything about containers. A *link* is a SOCK_SEQPACKET pair with exactly two
//! holders ([`channel`]); what grows with user input crosses it as a sealed memfd ([`document`]); a failure
//! crosses as a record and is rendered once, by the front ([`fail`]).

pub mod byhand;
pub mod bytes;
pub mod caps;
pub mod channel;
pub mod confine;
pub mod document;
pub mod exec;
pub mod fail;
pub mod handshake;
pub mod kernelfs;
pub mod lifeline;
pub mod namespace;
pub mod sys;

pub use bytes::Bytes;
pub use channel::{Channel, Message};
pub use exec::Exec;
pub use fail::{Fail, Result, Stage};
pub use kernelfs::Kernelfs;
