//! Published ports, as this host itself and other containers reach them: each has a gate that listens on the host and
//! leads to the container's own address.

use std::net::{IpAddr, SocketAddr};

use kakuri_wire::{Result, Stage};

use super::folder::Lease;
use crate::nat::Forward;
use crate::nat::gate::{self, Gate};

const STAGE: Stage = Stage::Netns;

/// Opens all of them. Before anything is made: a port that is taken ends it here.
pub fn open(ports: &[Forward]) -> Result<Vec<(Gate, u16)>> {
    let mut gates = Vec::new();
    for forward in ports {
        for (host, inside) in forward.pairs() {
            let (address, protocol) = (SocketAddr::new(forward.address, host), forward.protocol);
            let socket = gate::open(address, protocol).map_err(|e| gate::refused(STAGE, address, protocol, e))?;
            gates.push((Gate { socket, protocol, inward: false, targets: Vec::new() }, inside));
        }
    }
    Ok(gates)
}

/// Where they lead, once that is known. Who comes by IPv6 reaches what listens for IPv4, in the end.
pub fn lead(gates: Vec<(Gate, u16)>, lease: &Lease) -> Vec<Gate> {
    let to = |gate: Gate, inside: u16, v6: bool| {
        let own: Vec<IpAddr> = match v6 {
            true => lease.v6.map(IpAddr::V6).into_iter().chain([lease.v4.to_ipv6_mapped().into()]).collect(),
            false => vec![lease.v4.into()],
        };
        Gate { targets: own.into_iter().map(|ip| SocketAddr::new(ip, inside)).collect(), ..gate }
    };
    let is_v6 =
        |gate: &Gate| rustix::net::sockopt::socket_domain(&gate.socket) == Ok(rustix::net::AddressFamily::INET6);
    gates
        .into_iter()
        .map(|(gate, inside)| (is_v6(&gate), gate, inside))
        .map(|(v6, gate, inside)| to(gate, inside, v6))
        .collect()
}
