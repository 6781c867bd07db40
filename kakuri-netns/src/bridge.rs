//! A bridge that containers share, made by root: described, and minded.
//!
//! ```text
//!  container a        container b              each container has a process of ours, and that one
//!   eth0 10.213.0.2    eth0 10.213.0.3         - a lease: its address and its names ([`folder`])
//!     |                  |                     - a veth pair, one end in the container ([`ground`])
//!   vk2-41             vk3-57                  - a table of rules that ends with it ([`rules`])
//!     '------ kakuri0 ---'                     - gates for published ports ([`ports`])
//!           10.213.0.1   ---- the world        - a resolver at 127.0.0.11 inside ([`names`])
//! ```
//!
//! The rules and the lease are held open, so that the kernel takes them back however that process ends. Links are not:
//! a second process, begun before there is any, waits for the end of the first and clears up ([`crate::janitor`]). It alone
//! keeps a right, CAP_NET_ADMIN; the first has none left when the container begins.

mod folder;
mod ground;
mod names;
mod ports;
mod question;
mod rules;
mod serve;
mod subnet;

use std::net::IpAddr;

use kakuri_wire::caps::Set;
use serde::{Deserialize, Serialize};

use crate::nat::Forward;

pub use serve::serve;

/// The bridge's name on the host.
pub const NAME: &str = "kakuri0";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// What other containers on the bridge find it by.
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub ports: Vec<Forward>,
    /// Who is asked about names that are no container's.
    #[serde(default)]
    pub resolvers: Vec<IpAddr>,
}

/// What it may do over the host until the container begins: make links and rules, and open ports below 1024.
pub fn rights() -> Set {
    Set::NET_ADMIN | Set::NET_BIND_SERVICE
}
