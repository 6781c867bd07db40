//! Which system calls a container may make, as a program for seccomp(2). Pure: nothing here asks the kernel anything.
//!
//! A [`Profile`] says what becomes of each call, by its name. [`compile`] makes one program of it for a machine and the
//! older one its kernel also speaks for: the number of the call is found in a tree, because the kernel runs the program once for
//! every number there is when it is installed. [`standard()`] is the profile of a container; [`oci`] reads the form that
//! docker, podman and the OCI runtime specification share.

mod build;
mod compile;
pub mod describe;
mod judge;
pub mod machine;
pub mod oci;
pub mod profile;
pub mod source;
pub mod standard;

#[cfg(test)]
mod tests;
mod tree;
mod verdict;

pub use compile::{TooLarge, compile, compile_against, to_bytes};
pub use judge::{Call, judge};
pub use machine::Machine;
pub use profile::{Action, Case, Profile, Test, Verdict};
pub use standard::{Standard, standard};

/// struct sock_filter of linux/filter.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}
