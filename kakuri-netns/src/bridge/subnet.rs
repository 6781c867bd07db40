//! Which addresses a bridge has: the first private network that the host has no route into. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Cidr;

/// The host's end of the bridge, with its prefix, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// A /24; the bridge itself is .1.
    pub v4: Ipv4Addr,
    /// A /64; the bridge itself is ::1. None: the host has no IPv6.
    pub v6: Option<Ipv6Addr>,
}

/// Numbers of containers: the last byte of their IPv4 address, and the end of the other.
pub const FIRST: u8 = 2;
pub const LAST: u8 = 254;
const PREFIX: u8 = 24;
const PREFIX6: u8 = 64;

/// The first is the usual one; the others are there for hosts that have it already.
fn candidates() -> impl Iterator<Item = Ipv4Addr> {
    let tens = (0..=255).map(|third| Ipv4Addr::new(10, 213, third, 1));
    tens.chain((16..32).map(|second| Ipv4Addr::new(172, second, 213, 1))).chain([Ipv4Addr::new(192, 168, 213, 1)])
}

/// Of the private range (RFC 4193). They never leave the host, so they need not be random.
fn candidates6() -> impl Iterator<Item = Ipv6Addr> {
    (1..=255).map(|subnet| Ipv6Addr::new(0xfd6b, 0x616b, 0x7572, subnet, 0, 0, 0, 1))
}

/// None: the host has routes into all of them. A default route is into none.
pub fn choose(routes: &[Cidr], v6: bool) -> Option<Subnet> {
    let free = |ip: IpAddr, prefix: u8| {
        let Some(own) = Cidr::new(ip, prefix) else { return false };
        !routes.iter().any(|route| route.prefix() > 0 && (route.contains(ip) || own.contains(route.ip())))
    };
    let v4 = candidates().find(|ip| free(IpAddr::V4(*ip), PREFIX))?;
    let v6 = if v6 { candidates6().find(|ip| free(IpAddr::V6(*ip), PREFIX6)) } else { None };
    Some(Subnet { v4, v6 })
}

impl Subnet {
    /// Of a bridge that is there, by its addresses; None where it has none of ours.
    pub fn of(addresses: &[Cidr]) -> Option<Subnet> {
        let v4 = addresses.iter().find_map(|address| match address.ip() {
            IpAddr::V4(ip) if address.prefix() == PREFIX && ip.octets()[3] == 1 => Some(ip),
            _ => None,
        })?;
        let v6 = addresses.iter().find_map(|address| match address.ip() {
            IpAddr::V6(ip) if address.prefix() == PREFIX6 && !ip.is_unicast_link_local() => Some(ip),
            _ => None,
        });
        Some(Subnet { v4, v6 })
    }

    /// The bridge's own addresses. By the last the kernel asks for neighbours on behalf of others, whose packets it
    /// passes on.
    pub fn own(&self) -> Vec<Cidr> {
        let link = self.v6.and_then(|_| Cidr::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), PREFIX6));
        with_prefixes(self.v4, self.v6).into_iter().chain(link).collect()
    }

    /// A container's.
    pub fn member(&self, number: u8) -> (Ipv4Addr, Option<Ipv6Addr>) {
        let [a, b, c, _] = self.v4.octets();
        let v6 = self.v6.map(|own| Ipv6Addr::from_bits(own.to_bits() & !0xffff | u128::from(number)));
        (Ipv4Addr::new(a, b, c, number), v6)
    }
}

pub fn with_prefixes(v4: Ipv4Addr, v6: Option<Ipv6Addr>) -> Vec<Cidr> {
    let v6 = v6.and_then(|ip| Cidr::new(ip.into(), PREFIX6));
    Cidr::new(v4.into(), PREFIX).into_iter().chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(routes: &[&str]) -> Option<String> {
        let routes: Vec<Cidr> = routes.iter().map(|r| r.parse().expect("a network")).collect();
        choose(&routes, true).map(|subnet| format!("{} {:?}", subnet.v4, subnet.v6))
    }

    #[test]
    fn the_first_that_is_free() {
        let usual = "10.213.0.1 Some(fd6b:616b:7572:1::1)";
        assert_eq!(chosen(&[]).as_deref(), Some(usual));
        assert_eq!(chosen(&["0.0.0.0/0", "::/0", "192.0.2.0/24", "10.0.0.0/24"]).as_deref(), Some(usual));
        assert_eq!(chosen(&["10.213.0.128/25"]).as_deref(), Some("10.213.1.1 Some(fd6b:616b:7572:1::1)"));
        assert_eq!(
            chosen(&["10.0.0.0/8", "fd6b:616b:7572:1::/64"]).as_deref(),
            Some("172.16.213.1 Some(fd6b:616b:7572:2::1)")
        );
        assert_eq!(
            chosen(&["10.0.0.0/8", "172.16.0.0/12"]).as_deref(),
            Some("192.168.213.1 Some(fd6b:616b:7572:1::1)")
        );
        assert_eq!(chosen(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]), None);
    }

    #[test]
    fn members_have_numbers() {
        let subnet = choose(&[], true).expect("free");
        assert_eq!(Subnet::of(&subnet.own()), Some(subnet));
        let (v4, v6) = subnet.member(LAST);
        assert_eq!(
            (v4.to_string(), v6.map(|ip| ip.to_string())),
            ("10.213.0.254".into(), Some("fd6b:616b:7572:1::fe".into()))
        );
        assert_eq!(Subnet::of(&[]), None);
        assert_eq!(choose(&[], false).expect("free").v6, None);
    }
}
