//! Names of endpoints become addresses, on the host and before anything is made.

use std::net::SocketAddr;

use kakuri_netns::conf::{self, Conf};
use kakuri_netns::tunnel::Endpoint;
use kakuri_netns::{Tunnel, Uplink};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::net::sockopt;

use crate::host::Host;
use crate::network::{Wiring, kernel, tun};

/// What a start with a VPN asks of the host at last: a TUN device, addresses, and how large a packet may be.
pub fn resolve(wiring: &mut Wiring, host: &Host) -> Result<()> {
    let Some(Uplink::Tunnel(tunnel)) = &mut wiring.uplink else { return Ok(()) };
    // Only root may give a link of the kernel's a socket on the host.
    let by_kernel = host.is_real_root()
        && match kernel::probe() {
            Ok(()) => true,
            Err(fail) => {
                let why = fail.reason().unwrap_or_default();
                wiring.notes.push(format!("the VPN is carried by kakuri itself, not by the kernel: {why}"));
                false
            }
        };
    if !by_kernel {
        tun::check("a VPN")?;
    }
    let outer = endpoints(tunnel, &wiring.label, &mut wiring.notes)?;
    for link in wiring.netns.iter_mut().flat_map(|plan| &mut plan.links) {
        if link.name == conf::DEVICE && link.mtu.is_none() {
            let v6 = link.addresses.iter().any(|address| !address.is_v4());
            tunnel.mtu = outer.map_or(conf::USUAL_MTU, |outer| conf::mtu_on(outer, v6));
            link.mtu = Some(tunnel.mtu);
        }
    }
    if by_kernel {
        kernel::take_over(wiring);
    }
    Ok(())
}

/// An address for each endpoint. The answer: the smallest of the packets the ways to them let through, where one is known.
pub fn endpoints(tunnel: &mut Tunnel, label: &str, notes: &mut Vec<String>) -> Result<Option<u32>> {
    let mut outer: Option<u32> = None;
    for endpoint in tunnel.peers.iter_mut().filter_map(|peer| peer.endpoint.as_mut()) {
        let known = addresses(endpoint, label)?;
        let way = known.iter().find_map(|address| Some((*address, way_to(*address)?)));
        match way {
            Some((address, mtu)) => {
                endpoint.address = Some(address);
                outer = mtu.into_iter().chain(outer).min();
            }
            None => {
                endpoint.address = known.first().copied();
                let host = Bytes::from(&endpoint.host);
                notes.push(format!("the host has no route to {host} now: the VPN waits until there is one"));
            }
        }
    }
    Ok(outer)
}

/// The same for a configuration that is only looked at: what each endpoint's address would be.
pub fn look_up(conf: &Conf, label: &str) -> (Tunnel, Result<()>, Vec<String>) {
    let mut tunnel = conf.tunnel();
    let mut notes = Vec::new();
    let done = endpoints(&mut tunnel, label, &mut notes).map(drop);
    (tunnel, done, notes)
}

/// Every address, the best first (RFC 6724).
fn addresses(endpoint: &Endpoint, label: &str) -> Result<Vec<SocketAddr>> {
    if let Some(address) = endpoint.address {
        return Ok(vec![address]);
    }
    let host = Bytes::from(&endpoint.host);
    let what = || format!("Endpoint {host}:{} of '{label}' has no address", endpoint.port);
    let hint = format!("see whether the host finds it: getent ahosts {host}; an address in its place needs no look-up");
    match kakuri_netns::resolve::resolve(&endpoint.host, endpoint.port) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Fail::new(Stage::Front, what()).why("the name has none").hint(hint)),
        Err(fail) => Err(Fail::new(Stage::Front, what()).why(fail.reason().unwrap_or_default()).hint(hint)),
    }
}

/// Whether the host has a route there, and how large a packet may be on it. Nothing is sent.
fn way_to(address: SocketAddr) -> Option<Option<u32>> {
    let socket = kakuri_netns::resolve::way_to(address).ok()?;
    Some(match address {
        SocketAddr::V4(_) => sockopt::ip_mtu(&socket).ok(),
        SocketAddr::V6(_) => sockopt::ipv6_mtu(&socket).ok(),
    })
}
