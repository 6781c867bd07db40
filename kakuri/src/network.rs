//! How a container reaches the world: decided from the user's wishes, before anything is made.

pub mod bridge;
pub mod check;
pub mod join;
pub mod kernel;
pub mod nat;
pub mod tun;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use kakuri_netns::Uplink;
use kakuri_netns::nat::Forward;
use kakuri_wire::fail::Result;

use crate::config::Config;
use crate::host::Host;
use crate::spec::{Network, OnFailure, Spec};
use crate::vpn;
use join::Joined;

/// Decided. Making it makes no further decision, but for names that are still to be resolved ([`Wiring::resolve`]).
#[derive(Clone, Debug)]
pub struct Wiring {
    /// For people: `none`, `host`, `nat`, `vpn work`, ...
    pub label: String,
    /// What /etc and the file systems are made by.
    pub kind: Kind,
    /// kakuri-netns' part as the configurator; None: what PID 1 makes is all.
    pub netns: Option<kakuri_netns::Plan>,
    /// What minds the way out as long as the container lives.
    pub uplink: Option<Uplink>,
    pub on_failure: OnFailure,
    /// What resolv.conf names; None: the host's own file, or nothing, as the kind says.
    pub resolvers: Option<Vec<IpAddr>>,
    /// Domains that short names are looked for in.
    pub search: Vec<String>,
    /// More lines of /etc/hosts.
    pub hosts: Vec<(String, IpAddr)>,
    /// A network namespace that is there already, held open from the resolution on.
    pub joined: Option<Arc<Joined>>,
    /// What is weaker or other than the user may expect, a sentence each.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its own loopback only.
    None,
    /// The host's.
    Host,
    /// A network namespace of its own that leads somewhere: NAT, VPN, bridge.
    Own,
    /// A network namespace that somebody else made.
    Joined,
}

impl Wiring {
    /// A network namespace in which there is lo, and nobody else's hand.
    pub fn alone() -> Wiring {
        Wiring {
            label: "none".into(),
            kind: Kind::None,
            netns: None,
            uplink: None,
            on_failure: OnFailure::Stop,
            resolvers: None,
            search: Vec::new(),
            hosts: Vec::new(),
            joined: None,
            notes: Vec::new(),
        }
    }

    /// Decides everything. `folder`: where a container with a name lies, which may hold its VPN's configuration.
    pub fn decide(spec: &Spec, host: &Host, config: &Config, folder: Option<&Path>) -> Result<Wiring> {
        check::check(spec)?;
        if let Some(vpn) = &spec.vpn {
            return vpn::wire(spec, vpn, host, folder);
        }
        let kind = match mode(spec, config) {
            Network::None => Kind::None,
            Network::Host => Kind::Host,
            Network::Namespace(_) | Network::Container(_) => Kind::Joined,
            nat @ (Network::Nat | Network::Pasta | Network::Slirp4netns) => return nat::wire(spec, &nat, host),
            Network::Bridge => return bridge::wire(spec, host, folder),
        };
        Ok(Wiring {
            label: label(spec, config),
            kind,
            resolvers: (!spec.dns.is_empty()).then(|| spec.dns.clone()),
            search: spec.dns_search.clone(),
            hosts: spec.hosts.clone(),
            ..Wiring::alone()
        })
    }

    /// What holds keys, once it has been handed on.
    pub fn forget_secrets(&mut self) {
        if self.uplink.as_ref().is_some_and(|uplink| uplink.tunnel().is_some()) {
            self.uplink = None;
        }
    }

    /// The ports of the host that lead into the container.
    pub fn ports(&self) -> &[Forward] {
        match &self.uplink {
            Some(Uplink::Nat(nat)) => &nat.ports,
            Some(Uplink::Bridge(bridge)) => &bridge.ports,
            _ => &[],
        }
    }

    /// Looks names up that the decision left open, and tries the ports. May wait for the host's network.
    pub fn resolve(&mut self, spec: &Spec, host: &Host) -> Result<()> {
        if let (Some(Network::Namespace(path)), None) = (&spec.network, &spec.vpn) {
            self.joined = Some(Arc::new(join::open(path, host)?));
        }
        match &mut self.uplink {
            Some(Uplink::Nat(nat)) => {
                tun::check("--network nat")?;
                nat::settle(&mut nat.ports)?;
            }
            Some(Uplink::Bridge(bridge)) => {
                nat::settle(&mut bridge.ports)?;
                bridge::tell();
            }
            _ => {}
        }
        vpn::resolve(self, host)
    }
}

/// What was asked for, else what the configuration says.
pub fn mode(spec: &Spec, config: &Config) -> Network {
    spec.network.clone().unwrap_or(if config.allow_network { Network::Host } else { Network::None })
}

/// What a network is called, for people.
pub fn label(spec: &Spec, config: &Config) -> String {
    if let Some(vpn) = &spec.vpn {
        return vpn::label(vpn);
    }
    match mode(spec, config) {
        Network::None => "none".into(),
        Network::Host => "host".into(),
        Network::Nat | Network::Pasta | Network::Slirp4netns => "nat".into(),
        other => word(&other),
    }
}

/// As it is typed.
pub fn word(mode: &Network) -> String {
    match mode {
        Network::None => "none".into(),
        Network::Host => "host".into(),
        Network::Nat => "nat".into(),
        Network::Pasta => "pasta".into(),
        Network::Slirp4netns => "slirp4netns".into(),
        Network::Bridge => "bridge".into(),
        Network::Namespace(path) => format!("ns:{path}"),
        Network::Container(name) => format!("container:{name}"),
    }
}
