//! kakuri: run any command in a container that an ordinary user makes with the kernel alone.
//! doc
#![warn(missing_docs)]

mod library;

pub use library::*;

#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod account;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod base;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod bind;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod cell;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod client;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod config;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod confine;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod control;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod copy;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod doctor;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod environment;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod exit;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod explain;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod helper;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod host;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod identity;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod idmap;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod image;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod layer;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod layout;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod logs;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod network;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod output;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod pathname;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod phase;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod plan;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod process;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod rights;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod run;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod signals;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod spec;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod status;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod store;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod supervise;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod supervisor;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod terminal;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod userns;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod verb;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod version;
#[cfg(feature = "programs")]
#[doc(hidden)]
pub mod vpn;
