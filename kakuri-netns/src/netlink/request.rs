//! What we ask of rtnetlink(7). Pure: each function gives the bytes of one request.

use std::net::IpAddr;

use super::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Request};
use crate::{Cidr, Route};

pub const RTM_NEWLINK: u16 = 16;
pub const RTM_GETLINK: u16 = 18;
pub const RTM_NEWADDR: u16 = 20;
pub const RTM_GETADDR: u16 = 22;
pub const RTM_NEWROUTE: u16 = 24;
pub const RTM_GETROUTE: u16 = 26;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

const IFF_UP: u32 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GSO_MAX_SEGS: u16 = 40;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_F_NODAD: u8 = 0x02;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_HOST: u8 = 254;
const RTN_UNICAST: u8 = 1;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;

/// Asks for one link by its name.
pub fn link_by_name(name: &str) -> Request {
    text(Request::new(RTM_GETLINK, 0, &ifinfomsg(0, 0, 0)), IFLA_IFNAME, name)
}

pub fn link_rename(index: u32, name: &str) -> Request {
    text(Request::new(RTM_NEWLINK, 0, &ifinfomsg(index, 0, 0)), IFLA_IFNAME, name)
}

pub fn link_mtu(index: u32, mtu: u32) -> Request {
    Request::new(RTM_NEWLINK, 0, &ifinfomsg(index, 0, 0)).attribute(IFLA_MTU, &mtu.to_ne_bytes())
}

/// How many packets at most the kernel hands over in one piece.
pub fn link_largest_piece(index: u32, packets: u32) -> Request {
    Request::new(RTM_NEWLINK, 0, &ifinfomsg(index, 0, 0)).attribute(IFLA_GSO_MAX_SEGS, &packets.to_ne_bytes())
}

/// The kernel makes no link-local address when the link comes up.
pub fn link_no_own_address(index: u32) -> Request {
    Request::new(RTM_NEWLINK, 0, &ifinfomsg(index, 0, 0)).nested(IFLA_AF_SPEC, |families| {
        families.nested(u16::from(AF_INET6), |v6| v6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]))
    })
}

pub fn link_up(index: u32) -> Request {
    Request::new(RTM_NEWLINK, 0, &ifinfomsg(index, IFF_UP, IFF_UP))
}

/// Asks for every address of every link.
pub fn addresses() -> Request {
    Request::new(RTM_GETADDR, NLM_F_DUMP, &ifaddrmsg(AF_UNSPEC, 0, 0, 0, 0))
}

pub fn address_add(index: u32, address: &Cidr) -> Request {
    let (family, flags) = match address.ip() {
        IpAddr::V4(_) => (AF_INET, 0),
        // Nobody else is on a container's link: without this the address is of no use for a second.
        IpAddr::V6(_) => (AF_INET6, IFA_F_NODAD),
    };
    // As the kernel's own 127.0.0.1: valid on this machine only, and no broadcast.
    let own = address.is_v4() && address.ip().is_loopback();
    let scope = if own { RT_SCOPE_HOST } else { RT_SCOPE_UNIVERSE };
    let fixed = ifaddrmsg(family, address.prefix(), flags, scope, index);
    let mut request = Request::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &fixed);
    // For IPv4 the two differ on point-to-point links only, and IPv6 has but the second.
    if address.is_v4() {
        request = ip(request, IFA_LOCAL, address.ip());
    }
    request = ip(request, IFA_ADDRESS, address.ip());
    match address.broadcast() {
        Some(broadcast) if !own => ip(request, IFA_BROADCAST, IpAddr::V4(broadcast)),
        _ => request,
    }
}

/// `index` is the link of a unicast route; the others have none.
pub fn route_add(route: &Route, index: u32) -> Request {
    let to = route.to();
    let (kind, metric) = match route {
        Route::Unicast { metric, .. } => (RTN_UNICAST, metric),
        Route::Unreachable { metric, .. } => (RTN_UNREACHABLE, metric),
        Route::Blackhole { metric, .. } => (RTN_BLACKHOLE, metric),
    };
    // The kernel refuses an IPv4 route without a gateway that claims to lead beyond the link.
    let direct = to.is_v4() && matches!(route, Route::Unicast { via: None, .. });
    let scope = if direct { RT_SCOPE_LINK } else { RT_SCOPE_UNIVERSE };
    let family = if to.is_v4() { AF_INET } else { AF_INET6 };
    let fixed = [family, to.prefix(), 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, kind, 0, 0, 0, 0];
    let mut request = Request::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed);
    if to.prefix() > 0 {
        request = ip(request, RTA_DST, to.ip());
    }
    if let Route::Unicast { via, source, .. } = route {
        request = request.attribute(RTA_OIF, &index.to_ne_bytes());
        if let Some(via) = via {
            request = ip(request, RTA_GATEWAY, *via);
        }
        if let Some(source) = source {
            request = ip(request, RTA_PREFSRC, *source);
        }
    }
    match metric {
        Some(metric) => request.attribute(RTA_PRIORITY, &metric.to_ne_bytes()),
        None => request,
    }
}

fn ip(request: Request, kind: u16, ip: IpAddr) -> Request {
    match ip {
        IpAddr::V4(ip) => request.attribute(kind, &ip.octets()),
        IpAddr::V6(ip) => request.attribute(kind, &ip.octets()),
    }
}

pub(super) fn text(request: Request, kind: u16, text: &str) -> Request {
    request.attribute(kind, &[text.as_bytes(), b"\0"].concat())
}

/// struct ifinfomsg: family, hardware type, index, flags and which of them are meant.
pub(super) fn ifinfomsg(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    fixed[12..16].copy_from_slice(&change.to_ne_bytes());
    fixed
}

/// struct ifaddrmsg: family, prefix, flags, scope, index.
fn ifaddrmsg(family: u8, prefix: u8, flags: u8, scope: u8, index: u32) -> [u8; 8] {
    let mut fixed = [family, prefix, flags, scope, 0, 0, 0, 0];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed
}
