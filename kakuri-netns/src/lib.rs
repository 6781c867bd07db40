//! kakuri-netns's vocabulary: what it is told, what it answers, and the plan it carries out.
//!
//! One program, three jobs, a process each: the configurator of a network namespace, what minds the container's way out
//! (a WireGuard tunnel, or a NAT program), and the look-up of a name.
//!
//! The plan is plain data. Checking ([`check`]) and explaining ([`explain`]) make no system call, and
//! neither does the wire format of rtnetlink ([`netlink`]); carrying it out ([`link`]) makes no decision.

pub mod bridge;
pub mod byhand;
pub mod check;
pub mod cidr;
pub mod conf;
pub mod configure;
pub mod explain;
mod janitor;
pub mod key;
pub mod link;
pub mod nat;
pub mod netlink;
pub mod resolve;
pub mod status;
mod sys;
pub mod tun;
pub mod tunnel;
mod uplink;
mod visitor;
pub mod wireguard;

use std::net::{IpAddr, SocketAddr};

use kakuri_wire::handshake::Version;
use kakuri_wire::{Fail, Message};
use serde::{Deserialize, Serialize};

pub use bridge::Bridge;
pub use cidr::Cidr;
pub use key::{Key, PublicKey};
pub use nat::Nat;
pub use status::Status;
pub use sys::pool::Pool;
pub use tunnel::Tunnel;
pub use uplink::Uplink;
pub use visitor::RESOLVER;
pub use wireguard::Wireguard;

/// The front speaks. The first word says what this process is to be; what may follow hangs on that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToNetns {
    /// Be the configurator, which ends when all stands. Carries a [`Plan`] as a document; Join follows.
    Plan(Version),
    /// Be what minds the container's way out for as long as it lives. Carries an [`Uplink`] as a document; Join
    /// follows, and for a tunnel Tun.
    Uplink(Version),
    /// Be a look-up of a name on the host, which answers and ends.
    Resolve { version: Version, host: String, port: u16 },
    /// Carries PID 1's pidfd: its user and network namespaces are the container's.
    Join,
    /// Carries the TUN device the tunnel is to serve. Nobody else keeps it.
    Tun,
    /// To a running tunnel: where a peer, by its place in the configuration, is now.
    Endpoint { peer: u32, address: SocketAddr },
    /// To a running tunnel: how is it? Answered with Status.
    Status,
}

impl Message for ToNetns {
    fn descriptors(&self) -> usize {
        match self {
            ToNetns::Plan(_) | ToNetns::Uplink(_) | ToNetns::Join | ToNetns::Tun => 1,
            ToNetns::Resolve { .. } | ToNetns::Endpoint { .. } | ToNetns::Status => 0,
        }
    }
}

/// kakuri-netns answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromNetns {
    /// The configurator, once: every link and route of the plan stands. Carries the plan's TUN device where it has one.
    Up {
        tun: bool,
    },
    /// What minds the way out, once: packets pass from now on. A tunnel has not waited for its peers.
    Running,
    /// A tunnel: the peer at this place has been silent for long and has a name; its address is wanted anew.
    Lost {
        peer: u32,
    },
    /// Something the user should know, and the container goes on: told once a cause.
    Trouble(Fail),
    Status(Box<Status>),
    /// The look-up, once; empty where the name has no address.
    Resolved(Vec<SocketAddr>),
    /// The last word of any of them.
    Failed(Fail),
}

impl Message for FromNetns {
    fn descriptors(&self) -> usize {
        usize::from(matches!(self, FromNetns::Up { tun: true }))
    }
}

/// The version of the plan's form.
pub const PLAN_VERSION: u32 = 1;

/// A network namespace, described: its TUN device, its links in order, then its routes in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    /// A TUN device made before the links, which name it; it is passed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tun: Option<String>,
    pub links: Vec<Link>,
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// A link that exists already (the TUN device does by then), and what to make of it, in the order of the fields.
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
