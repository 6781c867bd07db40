//! kakuri: run any command in a container that an ordinary user makes with the kernel alone.

pub mod base;
pub mod bind;
pub mod cell;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod doctor;
pub mod environment;
pub mod exit;
pub mod explain;
pub mod helper;
pub mod host;
pub mod identity;
pub mod idmap;
pub mod layout;
pub mod pathname;
pub mod phase;
pub mod plan;
pub mod run;
pub mod signals;
pub mod spec;
pub mod status;
pub mod supervise;
pub mod terminal;
pub mod userns;
pub mod version;
