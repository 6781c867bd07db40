//! Which wishes about the network go together. Makes no system call.

use std::net::SocketAddr;

use kakuri_wire::fail::{Fail, Result, Stage};

use super::nat;
use crate::spec::{Network, Protocol, Publish, Spec};

fn wrong(what: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, what)
}

/// What goes wrong only together, and why. Every start passes here: what a record says and what one run says may be two.
pub fn check(spec: &Spec) -> Result<()> {
    if let Some(vpn) = &spec.vpn {
        if vpn.config.as_bytes().is_empty() {
            let said = if vpn.ignore_hooks { "--vpn-ignore-hooks" } else { "--vpn-on-failure" };
            return Err(wrong(format!("no VPN is named for {said}")).hint("--vpn CONF, a WireGuard configuration"));
        }
        return vpn_alone(spec);
    }
    if let Some(publish) = spec.publish.first() {
        let shown = shown_publish(publish);
        let why = match &spec.network {
            None | Some(Network::None) => "the container has no network",
            Some(Network::Host) => "the container has the host's network: what it listens on is the host's already",
            Some(Network::Namespace(_) | Network::Container(_)) => "its network is somebody else's",
            Some(Network::Nat | Network::Pasta | Network::Slirp4netns | Network::Bridge) => return once(&spec.publish),
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

/// No two may want one port of the host's.
fn once(publish: &[Publish]) -> Result<()> {
    for (at, this) in publish.iter().enumerate() {
        let wanted = nat::forward(this);
        let taken = |before: &&Publish| before.host.is_some() && nat::overlap(&nat::forward(before), &wanted);
        if this.host.is_some()
            && let Some(before) = publish[..at].iter().find(taken)
        {
            let (this, before) = (shown_publish(this), shown_publish(before));
            return Err(wrong(format!("cannot publish {this}"))
                .why(format!("-p {before} has that port of the host already"))
                .hint("another port of the host, or none for one that is free"));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::network::publish;

    fn with(network: Option<Network>, ports: &[&str], host_ports: &[u16]) -> String {
        let publish = ports.iter().map(|typed| publish("-p", typed.as_bytes()).expect("parses")).collect();
        let spec = Spec { network, publish, host_ports: host_ports.to_vec(), ..Spec::default() };
        check(&spec).map_or_else(|fail| fail.to_string(), |()| "fine".into())
    }

    #[test]
    fn a_port_of_the_hosts_is_published_once() {
        let nat = |ports: &[&str]| with(Some(Network::Nat), ports, &[]);
        assert_eq!(nat(&["8080:80", "8080:80/udp", "[::1]:8080:80", "80", "80", "8081:80"]), "fine");
        for twice in [["8080:80", "8080:81"], ["8000-8010:80-90", "8005:1"], ["0.0.0.0:8080:80", "8080:80"]] {
            let said = nat(&twice);
            let words = format!("cannot publish {}: -p {} has that port", twice[1], twice[0]);
            assert!(said.starts_with(&words), "{said}");
        }
    }

    #[test]
    fn ports_go_with_a_nat_alone() {
        for (network, why) in [(None, "no network"), (Some(Network::Host), "the host's already")] {
            let said = with(network, &["8080:80"], &[]);
            assert!(said.contains(why) && said.ends_with("--network nat -p 8080:80"), "{said}");
        }
        assert!(with(Some(Network::None), &[], &[5432]).contains("is for --network nat"));
        assert_eq!(with(Some(Network::Pasta), &["80"], &[5432]), "fine");
    }
}
