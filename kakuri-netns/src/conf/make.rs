//! What is made of a configuration: the container's side and the tunnel's.

use std::collections::HashSet;

use super::{Conf, DEVICE, Table};
use crate::{Cidr, Link, PLAN_VERSION, Plan, Route, Tunnel, tunnel};

/// Of the TUN device where nothing is known of the way out: Ethernet's 1500 less what WireGuard adds over IPv6, as
/// wg-quick has it.
pub const USUAL_MTU: u32 = 1500 - OVERHEAD;
/// IPv6 and UDP headers, WireGuard's own, and its padding.
const OVERHEAD: u32 = 80;
/// IPv6 asks for so many bytes of every link (RFC 8200).
const LEAST_WITH_V6: u32 = 1280;
/// IPv4 asks every host to take in so many (RFC 791).
const LEAST: u32 = 576;

/// Of the TUN device where the way to the endpoints lets through packets of so many bytes. Never more than usual: a wide
/// first link says nothing of those behind it.
pub fn mtu_on(outer: u32, v6: bool) -> u32 {
    let least = if v6 { LEAST_WITH_V6 } else { LEAST };
    outer.saturating_sub(OVERHEAD).clamp(least, USUAL_MTU)
}

impl Conf {
    /// Bytes the TUN device takes at once.
    pub fn device_mtu(&self) -> u32 {
        self.mtu.unwrap_or(USUAL_MTU)
    }

    /// Whether the container has an IPv6 address. Without one IPv6 is off inside.
    pub fn has_v6(&self) -> bool {
        self.addresses.iter().any(|address| !address.is_v4())
    }

    fn has_v4(&self) -> bool {
        self.addresses.iter().any(Cidr::is_v4)
    }

    /// The container's side: its one device, and routes for what goes through it and for nothing else.
    pub fn plan(&self) -> Plan {
        let device = Link {
            mtu: Some(self.device_mtu()),
            no_own_address: true,
            addresses: self.addresses.clone(),
            ..Link::up(DEVICE)
        };
        let mut routes: Vec<Route> = self.routed().into_iter().map(through).collect();
        // What no route leads to is refused at once, and said to be. Without these the kernel would say the same of
        // IPv4, and look for IPv6 on every link.
        for all in ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse::<Cidr>().ok()) {
            if !routes.iter().any(|route| route.to() == &all) {
                routes.push(Route::Unreachable { to: all, metric: None });
            }
        }
        Plan { version: PLAN_VERSION, tun: Some(DEVICE.into()), links: vec![Link::up("lo"), device], routes }
    }

    /// Networks that need a route: those of all peers, once each, but for what the kernel routes by itself.
    fn routed(&self) -> Vec<Cidr> {
        if self.table == Table::Off {
            return Vec::new();
        }
        // The kernel makes a route of an address's own network as soon as the link is up, and takes no second one of IPv4.
        let own = |network: &Cidr| {
            network.is_v4()
                && self.addresses.iter().any(|a| a.prefix() < 32 && a.network() == *network && a.prefix() > 0)
        };
        let mut seen = HashSet::new();
        let all = self.peers.iter().flat_map(|peer| &peer.allowed);
        all.filter(|network| if network.is_v4() { self.has_v4() } else { self.has_v6() })
            .filter(|network| !own(network) && seen.insert(**network))
            .copied()
            .collect()
    }

    /// The tunnel's side. An endpoint that is an address has it already; a name is still to be resolved.
    pub fn tunnel(&self) -> Tunnel {
        let peers = self.peers.iter().map(|peer| tunnel::Peer {
            public_key: peer.public_key,
            preshared_key: peer.preshared_key.clone(),
            endpoint: peer.endpoint.clone(),
            allowed: peer.allowed.clone(),
            keepalive: peer.keepalive,
        });
        Tunnel {
            private_key: self.private_key.clone(),
            listen_port: self.listen_port,
            mtu: self.device_mtu(),
            peers: peers.collect(),
        }
    }
}

fn through(to: Cidr) -> Route {
    Route::Unicast { to, link: DEVICE.into(), via: None, source: None, metric: None }
}
