//! The rules of one container, as a table of its own. It belongs to a socket and ends with it, whatever that ends by.
//!
//! - What leaves the bridge from the container has the host's address.
//! - What comes from another network reaches the container as an answer, or by a published port, and not otherwise.
//! - A published port leads from other machines straight to the container, which sees who calls. From this host, and from
//!   containers, it leads through a gate ([`super::ports`]), and so does every one of the loopback.
//!
//! Accepting is not ours: where the host has rules that drop what is forwarded, they stand.

use std::net::IpAddr;

use kakuri_wire::Result;

use super::NAME;
use super::folder::Lease;
use super::ground::Forwards;
use crate::link::{self, Kernel};
use crate::nat::{Forward, Protocol};
use crate::netlink::nftables::{
    Base, Connection, FORWARD, IPV4, IPV6, KNOWN, LOCAL, Meta, POSTROUTING, PREROUTING, REDIRECTED, Step, Table,
};

/// More ports than this are not redirected one by one: their gates serve everybody.
const MOST: usize = 256;

/// Puts them in place. They stand as long as what this gives.
pub fn put(lease: &Lease, ports: &[Forward], forwards: Forwards) -> Result<Kernel> {
    let socket = link::socket(Some(rustix::net::netlink::NETFILTER))?;
    let mut kernel = Kernel::over(socket);
    let name = format!("kakuri-{}", lease.link);
    let table = Table {
        name: &name,
        chains: vec![
            ("out", POSTROUTING, own(lease).map(leaves).collect()),
            ("guard", FORWARD, own(lease).map(enters).collect()),
            ("in", PREROUTING, redirects(lease, ports, forwards)),
        ],
    };
    kernel.order_all(table.batch()).map_err(|e| {
        let missing = e.is(libc::ENOENT) || e.is(libc::EOPNOTSUPP) || e.is(libc::EPROTONOSUPPORT);
        let fail = e.fail("rules of nf_tables for the container".into());
        if missing {
            fail.hint("the kernel lacks a part of it: modprobe -a nf_tables nft_nat nft_masq nft_fib_inet")
        } else {
            fail
        }
    })?;
    Ok(kernel)
}

fn own(lease: &Lease) -> impl Iterator<Item = IpAddr> {
    std::iter::once(IpAddr::V4(lease.v4)).chain(lease.v6.map(IpAddr::V6))
}

fn leaves(ip: IpAddr) -> Vec<Step> {
    [version(ip), address(ip, false), elsewhere(Meta::OutName), vec![Step::Masquerade]].concat()
}

fn enters(ip: IpAddr) -> Vec<Step> {
    let zero = || Step::Is(0_u32.to_ne_bytes().to_vec());
    let stranger = [
        vec![Step::Connection(Connection::State), Step::And(KNOWN), zero()],
        vec![Step::Connection(Connection::Status), Step::And(REDIRECTED), zero()],
    ];
    [version(ip), address(ip, true), elsewhere(Meta::InName), stranger.concat(), vec![Step::Drop]].concat()
}

fn version(ip: IpAddr) -> Vec<Step> {
    vec![Step::Meta(Meta::Version), Step::Is(vec![if ip.is_ipv4() { IPV4 } else { IPV6 }])]
}

/// A header's address is this one.
fn address(ip: IpAddr, destination: bool) -> Vec<Step> {
    let (bytes, source) = match ip {
        IpAddr::V4(ip) => (ip.octets().to_vec(), 12),
        IpAddr::V6(ip) => (ip.octets().to_vec(), 8),
    };
    let length = bytes.len() as u32;
    let offset = if destination { source + length } else { source };
    vec![Step::Header { base: Base::Network, offset, length }, Step::Is(bytes)]
}

/// Through another link than the bridge.
fn elsewhere(which: Meta) -> Vec<Step> {
    let mut name = [0; 16];
    name[..NAME.len()].copy_from_slice(NAME.as_bytes());
    vec![Step::Meta(which), Step::IsNot(name.to_vec())]
}

fn redirects(lease: &Lease, ports: &[Forward], forwards: Forwards) -> Vec<Vec<Step>> {
    let mut rules = Vec::new();
    for forward in ports.iter().filter(|forward| !forward.address.is_loopback()) {
        let (to, on) = match forward.address {
            IpAddr::V4(_) => (Some(IpAddr::V4(lease.v4)), forwards.v4),
            IpAddr::V6(_) => (lease.v6.map(IpAddr::V6), forwards.v6),
        };
        let Some(to) = to.filter(|_| on) else { continue };
        if forward.host == forward.inside {
            let last = forward.host.saturating_add(forward.count - 1);
            rules.push(redirect(forward, (forward.host, last), to, None));
            continue;
        }
        let left = MOST.saturating_sub(rules.len());
        rules
            .extend(forward.pairs().take(left).map(|(host, inside)| redirect(forward, (host, host), to, Some(inside))));
    }
    rules
}

fn redirect(forward: &Forward, (first, last): (u16, u16), to: IpAddr, port: Option<u16>) -> Vec<Step> {
    let local = match forward.address {
        ip if ip.is_unspecified() => vec![Step::DestinationType, Step::Is(LOCAL.to_ne_bytes().to_vec())],
        ip => address(ip, true),
    };
    let transport = match forward.protocol {
        Protocol::Tcp => libc::IPPROTO_TCP,
        Protocol::Udp => libc::IPPROTO_UDP,
    };
    let there = match to {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut rule = [elsewhere(Meta::InName), version(to), local].concat();
    rule.extend([Step::Meta(Meta::Transport), Step::Is(vec![transport as u8])]);
    rule.push(Step::Header { base: Base::Transport, offset: 2, length: 2 });
    rule.extend([Step::AtLeast(first.to_be_bytes().to_vec()), Step::AtMost(last.to_be_bytes().to_vec())]);
    rule.push(Step::Put { second: false, value: there });
    if let Some(port) = port {
        rule.push(Step::Put { second: true, value: port.to_be_bytes().to_vec() });
    }
    rule.push(Step::Redirect { v4: to.is_ipv4(), port: port.is_some() });
    rule
}
