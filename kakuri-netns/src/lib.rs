//! kakuri-netns's vocabulary: what it is told, what it answers, and the plan it carries out.
//!
//! The plan is plain data. Checking ([`check`]) and explaining ([`explain`]) make no system call, and
//! neither does the wire format of rtnetlink ([`netlink`]); carrying it out ([`link`]) makes no decision.

pub mod byhand;
pub mod check;
pub mod cidr;
pub mod explain;
pub mod link;
pub mod netlink;
mod sys;

use std::net::IpAddr;

use kakuri_wire::handshake::Version;
use kakuri_wire::{Fail, Message};
use serde::{Deserialize, Serialize};

pub use cidr::Cidr;

/// The front speaks. Each once, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToNetns {
    /// Carries the plan as a document.
    Plan(Version),
    /// Carries PID 1's pidfd: join its user and network namespaces and configure.
    Join,
}

impl Message for ToNetns {
    fn descriptors(&self) -> usize {
        1
    }
}

/// kakuri-netns answers, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromNetns {
    /// Every link and route of the plan stands.
    Up,
    Failed(Fail),
}

impl Message for FromNetns {
    fn descriptors(&self) -> usize {
        0
    }
}

/// The version of the plan's form.
pub const PLAN_VERSION: u32 = 1;

/// A network namespace, described: its links in order, then its routes in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    pub links: Vec<Link>,
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// A link that exists already, and what to make of it, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is called now.
    pub name: String,
    /// What it is to be called; the routes use this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The kernel gives it no IPv6 address of its own (addr-gen-mode none).
    #[serde(default)]
    pub no_own_address: bool,
    #[serde(default)]
    pub addresses: Vec<Cidr>,
    pub up: bool,
}

/// One entry of the main routing table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Route {
    /// Through a link of the plan.
    Unicast {
        /// `0.0.0.0/0` and `::/0` are the default routes.
        to: Cidr,
        link: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metric: Option<u32>,
    },
    /// Refused at once, with "network is unreachable" or "no route to host".
    Unreachable {
        to: Cidr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metric: Option<u32>,
    },
    /// Swallowed without a word.
    Blackhole {
        to: Cidr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metric: Option<u32>,
    },
}

impl Link {
    /// A link of this name that is only to be up.
    pub fn up(name: impl Into<String>) -> Link {
        Link { name: name.into(), rename: None, mtu: None, no_own_address: false, addresses: Vec::new(), up: true }
    }

    /// What it is called in the end.
    pub fn final_name(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }
}

impl Route {
    pub fn to(&self) -> &Cidr {
        match self {
            Route::Unicast { to, .. } | Route::Unreachable { to, .. } | Route::Blackhole { to, .. } => to,
        }
    }
}
