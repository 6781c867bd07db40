//! Making, moving and listing links with rtnetlink(7). Pure: each function gives the bytes of one request, or reads the
//! body of one message.

use super::request::{RTM_GETLINK, RTM_GETROUTE, RTM_NEWLINK, ifinfomsg, text};
use super::{Malformed, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Request, attributes, reply, u32_at};
use crate::Cidr;

pub const RTM_DELLINK: u16 = 17;

const IFLA_ADDRESS: u16 = 1;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_TABLE: u16 = 15;
const RT_TABLE_MAIN: u32 = 254;

fn new_link(name: &str) -> Request {
    text(Request::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifinfomsg(0, 0, 0)), super::request::IFLA_IFNAME, name)
}

fn of_kind(request: Request, kind: &str, data: impl FnOnce(Request) -> Request) -> Request {
    request.nested(IFLA_LINKINFO, |info| data(text(info, IFLA_INFO_KIND, kind)))
}

/// A bridge with this hardware address: without one it takes its lowest port's, and changes with its ports.
pub fn bridge(name: &str, address: [u8; 6]) -> Request {
    of_kind(new_link(name).attribute(IFLA_ADDRESS, &address), "bridge", |info| info)
}

/// The end of a pair that is elsewhere.
pub struct Far<'a> {
    pub name: &'a str,
    pub address: [u8; 6],
    /// A descriptor of the network namespace it is born in.
    pub namespace: i32,
}

/// A pair of links: one here, at the bridge of this index, the other far.
pub fn veth(name: &str, bridge: u32, far: &Far) -> Request {
    let here = new_link(name).attribute(IFLA_MASTER, &bridge.to_ne_bytes());
    of_kind(here, "veth", |info| {
        info.nested(IFLA_INFO_DATA, |data| {
            data.nested(VETH_INFO_PEER, |mut peer| {
                peer.bytes.extend_from_slice(&ifinfomsg(0, 0, 0));
                let peer = text(peer, super::request::IFLA_IFNAME, far.name);
                peer.attribute(IFLA_ADDRESS, &far.address).attribute(IFLA_NET_NS_FD, &far.namespace.to_ne_bytes())
            })
        })
    })
}

/// A WireGuard link, born in the network namespace of that descriptor. Its UDP socket stays in the one this is said in.
pub fn wireguard(name: &str, namespace: Option<i32>) -> Request {
    let link = new_link(name);
    let link = match namespace {
        Some(namespace) => link.attribute(IFLA_NET_NS_FD, &namespace.to_ne_bytes()),
        None => link,
    };
    of_kind(link, "wireguard", |info| info)
}

pub fn delete(index: u32) -> Request {
    Request::new(RTM_DELLINK, 0, &ifinfomsg(index, 0, 0))
}

/// Asks for every link.
pub fn list() -> Request {
    Request::new(RTM_GETLINK, NLM_F_DUMP, &ifinfomsg(0, 0, 0))
}

/// A link with what it hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub index: u32,
    pub name: String,
    /// Something is at its other end, and up.
    pub carrier: bool,
    /// The bridge it is a port of.
    pub master: Option<u32>,
    /// `bridge`, `veth`, ...; empty for hardware.
    pub kind: String,
}

pub fn linked(body: &[u8]) -> Result<Linked, Malformed> {
    let reply::LinkInfo { index, name, carrier } = reply::link(body)?;
    let mut linked = Linked { index, name, carrier, master: None, kind: String::new() };
    for attribute in attributes(body.get(16..).ok_or(Malformed)?) {
        match attribute? {
            (IFLA_MASTER, value) => linked.master = u32_at(value, 0),
            (IFLA_LINKINFO, info) => {
                let kind = attributes(info).map_while(Result::ok).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                let kind = kind.map(|(_, text)| text.strip_suffix(b"\0").unwrap_or(text)).unwrap_or_default();
                linked.kind = String::from_utf8_lossy(kind).into_owned();
            }
            _ => {}
        }
    }
    Ok(linked)
}

/// Asks for every route of every family.
pub fn routes() -> Request {
    Request::new(RTM_GETROUTE, NLM_F_DUMP, &[0; 12])
}

/// Where a route of the main table leads, and through which link; None for those of other tables.
pub fn route(body: &[u8]) -> Result<Option<(Cidr, u32)>, Malformed> {
    let (family, prefix) = (*body.first().ok_or(Malformed)?, *body.get(1).ok_or(Malformed)?);
    let (mut table, mut to, mut link) = (u32::from(*body.get(4).ok_or(Malformed)?), None, 0);
    for attribute in attributes(body.get(12..).ok_or(Malformed)?) {
        match attribute? {
            (RTA_DST, value) => to = Some(reply::ip(value)?),
            (RTA_OIF, value) => link = u32_at(value, 0).ok_or(Malformed)?,
            (RTA_TABLE, value) => table = u32_at(value, 0).ok_or(Malformed)?,
            _ => {}
        }
    }
    let to = match (to, i32::from(family)) {
        (Some(to), _) => to,
        (None, libc::AF_INET) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        (None, libc::AF_INET6) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        // Of a family of no interest here.
        (None, _) => return Ok(None),
    };
    let to = Cidr::new(to, prefix).ok_or(Malformed)?;
    Ok((table == RT_TABLE_MAIN).then_some((to, link)))
}
