//! Containers for other programs, as an ordinary user makes them with the kernel alone: without a daemon, without root.
//!
//! A [`Container`] says what commands see, who they are and what they may; [`Container::command`] gives a [`Command`],
//! which is used as [`std::process::Command`] is; what runs is a [`Child`], and how it ended an [`ExitStatus`].
//!
//! ```
//! use kakuri::Container;
//!
//! # fn main() -> kakuri::Result<()> {
//! let status = Container::new()       // the host's programs can be read, and nothing else
//!     // .bind("./src", "/src")       // show a folder
//!     // .tmpfs("/scratch")           // an empty one
//!     // .rlimit(..)                  // limit resources
//!     .command("/bin/sh")
//!     .args(["-c", "test $(id -u) = 0"])
//!     .status()?;
//! assert!(status.success());
//! # Ok(()) }
//! ```
//!
//! The library starts the program `kakuri` (see [`Container::program`] for how it is found) and is told by it what becomes
//! of the command. Nothing of a container is made in the calling process, and nothing is forked in it: threads,
//! asynchronous runtimes and signal handlers do not mind. A [`Child`] is a descriptor that can be polled.
//!
//! What cannot be had is an [`Error`] that names the call which asked for it, the reason, and what helps:
//!
//! ```
//! use kakuri::Container;
//!
//! let error = Container::new().bind_ro("/no/such", "/x").command("true").status().unwrap_err();
//! assert_eq!(error.call(), Some(r#"Container::bind_ro("/no/such", "/x")"#));
//! assert_eq!(error.reason(), Some("No such file or directory"));
//! ```
//!
//! Containers that stay, and can be entered while they run, are made by [`Container::create`]; see [`Persistent`]. What
//! commands changed in folders that are never touched is shown and carried over by [`Changes`].
//!
//! A program that uses the library does without what only the programs need:
//! `kakuri = { version = "0.1", default-features = false }`.

#![warn(missing_docs)]

mod library;

pub use library::*;

/// What the documents show in Rust runs.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
#[doc = include_str!("../docs/config-file.md")]
#[doc = include_str!("../../README.md")]
struct Documents;

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
pub mod cgroup;
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
pub mod door;
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
pub mod guarantee;
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
pub mod landlock;
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
pub mod refusals;
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
