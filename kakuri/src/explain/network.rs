//! How a container reaches the world, in words. Makes no system call, and no key is in any of it.

use std::net::IpAddr;

use kakuri_netns::bridge::NAME as BRIDGE;
use kakuri_netns::nat::{ADDRESS, ADDRESS6, Forward, GATEWAY, GATEWAY6, Program};
use kakuri_netns::tunnel::Peer;
use kakuri_netns::{Bridge, Nat, Uplink, Wireguard};

use crate::network::{Kind, Wiring};
use crate::spec::OnFailure;

/// A line a fact.
pub fn describe(wiring: &Wiring) -> Vec<String> {
    let mut lines = vec![match wiring.kind {
        Kind::None => "none: its own loopback only".into(),
        Kind::Host => "the host's, all of it".into(),
        Kind::Own => format!("{}, in a network namespace of its own", wiring.label),
        Kind::Joined => format!("{}, shared with it", wiring.label),
    }];
    if let Some(plan) = &wiring.netns {
        lines.extend(kakuri_netns::explain::explain(plan).lines().map(str::to_string));
    }
    match &wiring.uplink {
        Some(Uplink::Tunnel(tunnel) | Uplink::Kernel(Wireguard { tunnel, .. })) => {
            lines.extend(tunnel.peers.iter().map(peer));
            lines.push(match wiring.on_failure {
                OnFailure::Stop => "when the tunnel ends, the container is stopped".into(),
                OnFailure::Block => "when the tunnel ends, the container goes on with its loopback only".into(),
            });
        }
        Some(Uplink::Nat(nat)) => lines.extend(by_nat(nat)),
        Some(Uplink::Bridge(bridge)) => lines.extend(by_bridge(bridge)),
        None => {}
    }
    if let Some(resolvers) = &wiring.resolvers {
        let servers: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
        lines.push(format!("resolvers: {}", if servers.is_empty() { "none".into() } else { servers.join(" ") }));
    }
    if !wiring.search.is_empty() {
        lines.push(format!("search: {}", wiring.search.join(" ")));
    }
    lines.extend(wiring.hosts.iter().map(|(name, ip)| format!("host: {name} is {ip}")));
    lines
}

fn peer(peer: &Peer) -> String {
    let at = match &peer.endpoint {
        Some(endpoint) => format!(" at {endpoint}"),
        None => ", which calls first".into(),
    };
    let allowed: Vec<String> = peer.allowed.iter().map(ToString::to_string).collect();
    let for_what = if allowed.is_empty() { "nothing".into() } else { allowed.join(" ") };
    format!("peer {}{at}, for {for_what}", peer.public_key)
}

fn by_nat(nat: &Nat) -> Vec<String> {
    let mut lines = vec![format!("{} ({})", nat.program.name(), nat.path)];
    lines.push(format!(
        "address {ADDRESS}, gateway {GATEWAY}{}",
        match (nat.ipv6, nat.program) {
            (false, _) => "; no IPv6, which the host has no way out by".to_string(),
            (true, Program::Pasta) => format!("; {ADDRESS6}, gateway {GATEWAY6}"),
            (true, Program::Slirp4netns) => "; an address of fd00::/64, gateway fd00::2".to_string(),
        }
    ));
    lines.extend(published(&nat.ports));
    lines.extend(nat.host_ports.iter().map(|port| format!("127.0.0.1:{port} inside is that of the host")));
    lines
}

fn by_bridge(bridge: &Bridge) -> Vec<String> {
    let mut lines = vec![format!("an address of the bridge {BRIDGE}'s network, which is chosen at the start")];
    if !bridge.names.is_empty() {
        lines.push(format!("others on the bridge find it as {}", bridge.names.join(", ")));
    }
    lines.extend(published(&bridge.ports));
    let servers: Vec<String> = bridge.resolvers.iter().map(ToString::to_string).collect();
    if !servers.is_empty() {
        lines.push(format!("names of others are asked of {}", servers.join(" ")));
    }
    lines
}

fn published(ports: &[Forward]) -> Vec<String> {
    let mut lines = Vec::new();
    for forward in ports {
        let run = |first: u16| match forward.count {
            1 => first.to_string(),
            count => format!("{first}-{}", u32::from(first) + u32::from(count) - 1),
        };
        let port = match (forward.host, forward.count) {
            (0, 1) => "(a free port)".into(),
            (0, count) => format!("({count} free ports)"),
            (first, _) => run(first),
        };
        let host = match forward.address {
            IpAddr::V4(ip) => format!("{ip}:{port}"),
            IpAddr::V6(ip) => format!("[{ip}]:{port}"),
        };
        lines.push(format!("{host} leads to port {}/{} inside", run(forward.inside), forward.protocol));
    }
    lines
}
