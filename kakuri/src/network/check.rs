//! Which wishes about the network go together. Makes no system call.

use std::net::SocketAddr;

use kakuri_wire::fail::{Fail, Result, Stage};

use crate::spec::{Network, Protocol, Publish, Spec};

fn wrong(what: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, what)
}

/// What goes wrong only together, and why. Every start passes here: what a record says and what one run says may be two.
pub fn check(spec: &Spec) -> Result<()> {
    if let Some(vpn) = &spec.vpn {
        if vpn.config.as_bytes().is_empty() {
            return Err(wrong("there is no VPN to say this of").hint("--vpn CONF, a WireGuard configuration"));
        }
        return vpn_alone(spec);
    }
    if let Some(publish) = spec.publish.first() {
        let shown = shown_publish(publish);
        let why = match &spec.network {
            None | Some(Network::None) => "the container has no network",
            Some(Network::Host) => "the container has the host's network: what it listens on is the host's already",
            Some(Network::Namespace(_) | Network::Container(_)) => "its network is somebody else's",
            Some(Network::Nat | Network::Pasta | Network::Slirp4netns | Network::Bridge) => return Ok(()),
        };
        return Err(wrong(format!("cannot publish {shown}")).why(why).hint(format!("--network nat -p {shown}")));
    }
    let nat = matches!(spec.network, Some(Network::Nat | Network::Pasta | Network::Slirp4netns));
    match spec.host_ports.first() {
        Some(port) if !nat => Err(wrong(format!("--allow-host-port {port} is for --network nat"))
            .why("only there is the host's loopback kept apart and within reach")
            .hint(format!("--network nat --allow-host-port {port}"))),
        _ => Ok(()),
    }
}

/// What a VPN does not go with: each would be a second way out, or is the configuration's to say.
fn vpn_alone(spec: &Spec) -> Result<()> {
    let (with, why) = if spec.network.is_some() {
        ("--network or --allow-network", "a VPN is the container's whole network")
    } else if let Some(publish) = spec.publish.first() {
        let shown = shown_publish(publish);
        return Err(wrong(format!("cannot publish {shown} with --vpn"))
            .why("it would be a second way in and out beside the tunnel")
            .hint("reach the container through the VPN, at its address there"));
    } else if !spec.dns.is_empty() {
        ("--dns", "the resolvers are those of the configuration (DNS =), so that no question leaks")
    } else if !spec.host_ports.is_empty() {
        ("--allow-host-port", "it would be a second way out beside the tunnel")
    } else {
        return Ok(());
    };
    Err(wrong(format!("--vpn with {with}")).why(why).hint("leave one of them out"))
}

/// As it may be typed.
pub fn shown_publish(publish: &Publish) -> String {
    let run = |first: u16| match publish.count {
        1 => first.to_string(),
        n => format!("{first}-{}", u32::from(first) + u32::from(n) - 1),
    };
    let host = match (publish.address, publish.host) {
        (None, None) => String::new(),
        (None, Some(port)) => format!("{}:", run(port)),
        (Some(ip), port) => {
            // As a socket's address is written, for its brackets.
            let ip = SocketAddr::new(ip, 0).to_string();
            format!("{}:{}:", ip.strip_suffix(":0").unwrap_or_default(), port.map(run).unwrap_or_default())
        }
    };
    let protocol = if publish.protocol == Protocol::Udp { "/udp" } else { "" };
    format!("{host}{}{protocol}", run(publish.inside))
}
