//! The bridge and the links on it. Runs with CAP_NET_ADMIN over the host's network, under the folder's lock.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use kakuri_wire::{Fail, Result, Stage};

use super::NAME;
use super::folder::{Lease, Roll};
use super::subnet::{self, Subnet};
use crate::link::{self, Kernel};
use crate::netlink::links::{self, Far, Linked};
use crate::netlink::request::{RTM_NEWLINK, RTM_NEWROUTE};
use crate::{Cidr, Link, PLAN_VERSION, Plan, Route};

const STAGE: Stage = Stage::Netns;
/// Ports of ours begin so.
const PORT: &str = "vk";
/// Locally administered; given, because a bridge without one changes it with its ports.
const ADDRESS: [u8; 6] = [0x02, 0x6b, 0x61, 0x6b, 0x75, 0x72];
/// What the container's end is called.
const INSIDE: &str = "eth0";

/// A bridge that stands.
pub struct Ground {
    index: u32,
    pub subnet: Subnet,
}

/// Finds the bridge or makes it.
pub fn prepare(kernel: &mut Kernel) -> Result<Ground> {
    let there = all(kernel)?.into_iter().find(|link| link.name == NAME);
    if let Some(link) = there.as_ref().filter(|link| link.kind != "bridge") {
        return Err(Fail::new(STAGE, format!("cannot make the bridge '{NAME}'"))
            .why(format!("there is a link of that name, of kind '{}'", link.kind.escape_debug()))
            .hint(format!("give it another name: ip link set {NAME} down; ip link set {NAME} name OTHER")));
    }
    if there.is_none() {
        kernel.order(links::bridge(NAME, ADDRESS)).map_err(|e| {
            let unknown = e.is(libc::EOPNOTSUPP);
            let fail = e.fail(format!("bridge '{NAME}'"));
            if unknown { fail.hint("this kernel has no bridges yet: modprobe bridge") } else { fail }
        })?;
    }
    let index = index(kernel, NAME)?;
    let addresses = kernel.addresses().map_err(|e| e.fail("list of the addresses".into()))?;
    let own: Vec<Cidr> = addresses.iter().filter(|a| a.index == index).map(|a| a.address).collect();
    let subnet = match Subnet::of(&own) {
        Some(subnet) => subnet,
        None => subnet::choose(&routes(kernel, index)?, has_v6()).ok_or_else(|| {
            Fail::new(STAGE, "no network is free for the bridge")
                .why("the host has routes into 10.213.0.0/16, 172.16.0.0/12 and 192.168.213.0/24")
                .hint("take --network nat, which needs none; ip route shows the host's")
        })?,
    };
    // No container of ours could send one, but nobody else's word is worth more here.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{NAME}/accept_ra"), "0");
    let bridge = Link { no_own_address: subnet.v6.is_some(), addresses: subnet.own(), ..Link::up(NAME) };
    link::configure(&Plan { version: PLAN_VERSION, tun: None, links: vec![bridge], routes: Vec::new() })?;
    Ok(Ground { index, subnet })
}

/// Whether links of this host get IPv6 addresses.
fn has_v6() -> bool {
    is_on(&format!("conf/{NAME}/disable_ipv6")) == Some(false)
}

fn is_on(setting: &str) -> Option<bool> {
    Some(fs::read_to_string(format!("/proc/sys/net/ipv6/{setting}")).ok()?.trim() != "0")
}

/// Whether the host passes packets on, by version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwards {
    pub v4: bool,
    pub v6: bool,
}

/// IPv4 is switched on where it is off, which the front has told the user; it stays on, because others may count on it by
/// the end. IPv6 stays as it is: a host that forwards it takes its own address from no router any more.
pub fn forward() -> (Forwards, Option<Fail>) {
    const SETTING: &str = "/proc/sys/net/ipv4/ip_forward";
    let v6 = is_on("conf/all/forwarding") == Some(true);
    if fs::read_to_string(SETTING).is_ok_and(|text| text.trim() == "1") {
        return (Forwards { v4: true, v6 }, None);
    }
    match fs::write(SETTING, "1") {
        Ok(()) => (Forwards { v4: true, v6 }, None),
        Err(e) => {
            let told = Fail::new(STAGE, "containers on the bridge reach this host and each other, and nobody else")
                .why(format!("net.ipv4.ip_forward is 0 and cannot be set: {e}"))
                .hint("sysctl net.ipv4.ip_forward=1");
            (Forwards { v4: false, v6 }, Some(told))
        }
    }
}

/// The pair of a container: one end on the bridge, the other born inside.
pub fn attach(kernel: &mut Kernel, ground: &Ground, lease: &Lease, namespace: BorrowedFd) -> Result<()> {
    let name = &lease.link;
    let far = Far { name: INSIDE, address: hardware(lease.v4), namespace: namespace.as_raw_fd() };
    let made = kernel.order(links::veth(name, ground.index, &far));
    made.map_err(|e| e.fail(format!("link '{name}' to the container")))?;
    let port = Link { no_own_address: ground.subnet.v6.is_some(), ..Link::up(name) };
    link::configure(&Plan { version: PLAN_VERSION, tun: None, links: vec![port], routes: Vec::new() })
}

/// Follows from the address: who remembers an earlier container of that address is right about this one.
fn hardware(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x6b, a, b, c, d]
}

/// What the container's end of it is to be.
pub fn inside(ground: &Ground, v4: Ipv4Addr, v6: Option<Ipv6Addr>, forwards: Forwards) -> Plan {
    let eth0 = Link { no_own_address: true, addresses: subnet::with_prefixes(v4, v6), ..Link::up(INSIDE) };
    let default = |to: &str, via: std::net::IpAddr| {
        let to = to.parse::<Cidr>().ok()?;
        Some(Route::Unicast { to, link: INSIDE.into(), via: Some(via), source: None, metric: None })
    };
    let v4 = default("0.0.0.0/0", ground.subnet.v4.into());
    // Without forwarding it would lead to nobody, and only after a while.
    let v6 = ground.subnet.v6.filter(|_| forwards.v6).and_then(|via| default("::/0", via.into()));
    let routes = v4.into_iter().chain(v6).collect();
    Plan { version: PLAN_VERSION, tun: None, links: vec![Link::up("lo"), eth0], routes }
}

/// Removes ports of ours that belong to nobody living, and with the last of all ports the bridge. The numbers of those
/// that are a living container's of another kakuri, which has a /run of its own, are left alone and told.
pub fn sweep(kernel: &mut Kernel, roll: &Roll) -> Result<Vec<u8>> {
    let links = all(kernel)?;
    let Some(bridge) = links.iter().find(|link| link.name == NAME && link.kind == "bridge") else {
        return Ok(Vec::new());
    };
    let (mut foreign, mut others) = (Vec::new(), false);
    for port in links.iter().filter(|link| link.master == Some(bridge.index)) {
        match whose(port, roll) {
            Whose::Living => {}
            Whose::Nobody => remove(kernel, port)?,
            Whose::Other(number) => {
                others = true;
                foreign.extend(number);
            }
        }
    }
    // What somebody else put on it goes on.
    if roll.living.is_empty() && !others {
        remove(kernel, bridge)?;
    }
    Ok(foreign)
}

/// Whom a port of the bridge belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Whose {
    Living,
    Nobody,
    /// And its number, where it is named as ours are.
    Other(Option<u8>),
}

fn whose(port: &Linked, roll: &Roll) -> Whose {
    let number = port.name.strip_prefix(PORT).and_then(|rest| rest.split_once('-')?.0.parse().ok());
    let has = |leases: &[Lease]| leases.iter().any(|lease| lease.link == port.name);
    if port.kind != "veth" || !port.name.starts_with(PORT) {
        return Whose::Other(None);
    }
    match () {
        () if has(&roll.living) => Whose::Living,
        () if has(&roll.dead) => Whose::Nobody,
        // The pair of a container that has ended goes with it: somebody is at the other end.
        () if port.carrier => Whose::Other(number),
        () => Whose::Nobody,
    }
}

fn remove(kernel: &mut Kernel, link: &Linked) -> Result<()> {
    match kernel.order(links::delete(link.index)) {
        // The container's end has taken it along meanwhile.
        Err(e) if !e.is(libc::ENODEV) => Err(e.fail(format!("removal of '{}'", link.name))),
        _ => Ok(()),
    }
}

pub fn port_name(number: u8) -> String {
    format!("{PORT}{number}-{}", std::process::id())
}

fn index(kernel: &mut Kernel, name: &str) -> Result<u32> {
    kernel.link(name).map(|link| link.index).map_err(|e| e.fail(format!("link '{name}'")))
}

fn all(kernel: &mut Kernel) -> Result<Vec<Linked>> {
    let mut found = Vec::new();
    let asked = kernel.ask(links::list(), |kind, body| {
        if kind == RTM_NEWLINK {
            found.push(links::linked(body)?);
        }
        Ok(())
    });
    asked.map_err(|e| e.fail("list of the links".into()))?;
    Ok(found)
}

/// Of the main table, but for those through the bridge itself.
fn routes(kernel: &mut Kernel, bridge: u32) -> Result<Vec<Cidr>> {
    let mut found = Vec::new();
    let asked = kernel.ask(links::routes(), |kind, body| {
        if kind == RTM_NEWROUTE
            && let Some((to, link)) = links::route(body)?
            && link != bridge
        {
            found.push(to);
        }
        Ok(())
    });
    asked.map_err(|e| e.fail("list of the routes".into()))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_leads_somewhere_is_its_owners() {
        let lease = |link: &str| Lease {
            number: 2,
            v4: Ipv4Addr::new(10, 213, 0, 2),
            v6: None,
            names: Vec::new(),
            link: link.into(),
        };
        let roll = Roll { living: vec![lease("vk2-10")], dead: vec![lease("vk3-11")] };
        let of = |name: &str, kind: &str, carrier: bool| {
            let port = Linked { index: 1, name: name.into(), carrier, master: Some(9), kind: kind.into() };
            whose(&port, &roll)
        };
        assert_eq!(of("vk2-10", "veth", false), Whose::Living);
        assert_eq!(of("vk3-11", "veth", true), Whose::Nobody, "it is known to be a dead one's");
        assert_eq!(of("vk4-12", "veth", false), Whose::Nobody, "nobody is at its other end");
        assert_eq!(of("vk4-12", "veth", true), Whose::Other(Some(4)), "another kakuri's");
        assert_eq!(of("vk4-12", "dummy", true), Whose::Other(None));
        assert_eq!(of("eth1", "", true), Whose::Other(None));
    }
}
