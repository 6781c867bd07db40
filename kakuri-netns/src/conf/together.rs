//! What goes wrong only together, in two lines or two sections.

use std::collections::HashMap;

use super::MAX_ALLOWED;
use super::interface::Interface;
use super::peer::Peer;
use super::report::Report;
use crate::{Cidr, PublicKey};

/// IPv6 asks for 1280 bytes of every link (RFC 8200).
pub(super) fn mtu_fits(interface: &Interface, report: &mut Report) {
    let v6 = interface.addresses.iter().find(|(_, address)| !address.is_v4());
    if let (Some((line, mtu)), Some((_, address))) = (interface.mtu, v6)
        && mtu < 1280
    {
        report.error(
            line,
            format_args!("MTU = {mtu}"),
            format!("IPv6 takes no less than 1280, and there is {address}"),
            "MTU = 1280",
        );
    }
}

pub(super) fn peers_differ(peers: &[Peer], interface: &Interface, report: &mut Report) {
    let mut seen: HashMap<PublicKey, usize> = HashMap::new();
    for (line, key) in peers.iter().filter_map(|peer| peer.public_key) {
        if interface.private_key.as_ref().is_some_and(|(_, private)| private.bytes() == key.bytes()) {
            report.error(line, "PublicKey", "it is our own private key", "the server's public key stands here");
        } else if let Some(first) = seen.insert(key, line) {
            report.error(
                line,
                "PublicKey",
                format!("line {first} has it already"),
                "one [Peer] for each key, with all its AllowedIPs",
            );
        }
    }
}

/// wg would give a network to the last peer that names it, without a word.
pub(super) fn allowed_once(peers: &[Peer], report: &mut Report) {
    let total: usize = peers.iter().map(|peer| peer.allowed.len()).sum();
    if total > MAX_ALLOWED
        && let Some((line, _)) = peers.iter().rev().find_map(|peer| peer.allowed.last())
    {
        report.error(
            *line,
            "AllowedIPs",
            format!("there are {total} networks, more than {MAX_ALLOWED}"),
            "put some together",
        );
    }
    let mut seen: HashMap<Cidr, (usize, usize)> = HashMap::new();
    for (number, peer) in peers.iter().enumerate() {
        for (line, network) in &peer.allowed {
            let (owner, first) = *seen.entry(*network).or_insert((number, *line));
            if owner != number {
                let why = format!("line {first} gives it to another peer");
                report.error(
                    *line,
                    format_args!("AllowedIPs = {network}"),
                    why,
                    "a network leads to one peer: keep one of the two",
                );
            }
        }
    }
}

/// What holds no container up and is still worth a word.
pub(super) fn remarks(interface: &Interface, peers: &[Peer], report: &mut Report) {
    let reached = |ip: std::net::IpAddr| peers.iter().flat_map(|p| &p.allowed).any(|(_, network)| network.contains(ip));
    if interface.dns.is_empty() {
        report.warn_of_all("there is no DNS: names do not resolve inside, because no other resolver is asked");
    }
    for (line, server) in &interface.dns {
        if server.is_loopback() {
            report.warn(*line, format_args!("DNS {server} is the container's own loopback, where no resolver listens"));
        } else if !reached(*server) {
            report.warn(*line, format_args!("DNS {server} is in no peer's AllowedIPs: it cannot be reached"));
        }
    }
    if let Some((line, server)) = interface.dns.get(3) {
        report.warn(*line, format_args!("DNS {server} is not asked: programs ask the first three"));
    }
    for peer in peers.iter().filter(|peer| peer.allowed.is_empty()) {
        report.warn(peer.line, "the peer has no AllowedIPs: nothing goes to it, and nothing of it is let in");
    }
    let listens = interface.listen_port.as_ref().is_some_and(|(_, port)| port.is_some());
    for peer in peers.iter().filter(|peer| peer.endpoint.is_none() && !listens) {
        report.warn(peer.line, "the peer has no Endpoint, and there is no ListenPort where it could call");
    }
    let v6 = interface.addresses.iter().any(|(_, address)| !address.is_v4());
    let wanted = peers.iter().flat_map(|p| &p.allowed).find(|(_, network)| !network.is_v4());
    if let (false, Some((line, network))) = (v6, wanted) {
        report.warn(
            *line,
            format_args!("AllowedIPs {network} has no route: without an IPv6 Address, IPv6 is off inside"),
        );
    }
    let v4 = interface.addresses.iter().any(|(_, address)| address.is_v4());
    let wanted = peers.iter().flat_map(|p| &p.allowed).find(|(_, network)| network.is_v4());
    if let (false, Some((line, network))) = (v4, wanted) {
        report.warn(*line, format_args!("AllowedIPs {network} has no route: there is no IPv4 Address"));
    }
}
