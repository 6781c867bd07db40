//! AllowedIPs: which peer an address belongs to, by the longest prefix. Pure.
//!
//! Prefixes contain each other or have nothing in common, so all of them together cut the addresses into intervals, each
//! of one peer. A look-up is a binary search, whatever the configuration.

use std::net::IpAddr;

use crate::Cidr;

/// Where each interval begins, and whose it is.
#[derive(Debug, Default)]
struct Family(Vec<(u128, Option<u32>)>);

#[derive(Debug, Default)]
pub struct Allowed {
    v4: Family,
    v6: Family,
}

impl Allowed {
    /// Of every peer's networks, the peers by their places.
    pub fn new<'a>(networks: impl Iterator<Item = (&'a Cidr, u32)> + Clone) -> Allowed {
        let of = |v4: bool| Family::new(networks.clone().filter(|(network, _)| network.is_v4() == v4).collect());
        Allowed { v4: of(true), v6: of(false) }
    }

    pub fn peer(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(_) => self.v4.peer(number(address)),
            IpAddr::V6(_) => self.v6.peer(number(address)),
        }
    }
}

impl Family {
    fn new(networks: Vec<(&Cidr, u32)>) -> Family {
        let mut ranges: Vec<_> = networks
            .into_iter()
            .map(|(network, peer)| {
                let bits = if network.is_v4() { 32 } else { 128 };
                let host = u128::MAX.checked_shr(128 - bits + u32::from(network.prefix())).unwrap_or(0);
                let first = number(network.network().ip());
                (first, first | host, peer)
            })
            .collect();
        // Whatever contains others comes before them.
        ranges.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        let mut family = Family(vec![(0, None)]);
        let mut around: Vec<(u128, u32)> = Vec::new();
        for (first, last, peer) in ranges {
            family.close(&mut around, Some(first));
            family.begin(first, Some(peer));
            around.push((last, peer));
        }
        family.close(&mut around, None);
        family
    }

    /// Ends every range that ends before `next`: after each goes on what is around it.
    fn close(&mut self, around: &mut Vec<(u128, u32)>, next: Option<u128>) {
        while let Some((last, _)) = around.pop_if(|(last, _)| next.is_none_or(|next| *last < next)) {
            if let Some(after) = last.checked_add(1) {
                self.begin(after, around.last().map(|(_, peer)| *peer));
            }
        }
    }

    fn begin(&mut self, at: u128, peer: Option<u32>) {
        match self.0.last_mut() {
            Some(last) if last.0 == at => last.1 = peer,
            _ => self.0.push((at, peer)),
        }
    }

    fn peer(&self, address: u128) -> Option<u32> {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        self.0.get(after.checked_sub(1)?)?.1
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(networks: &[(&str, u32)]) -> Allowed {
        let networks: Vec<(Cidr, u32)> = networks.iter().map(|(n, p)| (n.parse().expect("a network"), *p)).collect();
        Allowed::new(networks.iter().map(|(network, peer)| (network, *peer)))
    }

    fn at(allowed: &Allowed, address: &str) -> Option<u32> {
        allowed.peer(address.parse().expect("an address"))
    }

    #[test]
    fn the_longest_prefix_has_it() {
        let all = allowed(&[("0.0.0.0/0", 1), ("10.0.0.0/8", 2), ("10.1.0.0/16", 3), ("10.1.2.3/32", 4), ("::/0", 5)]);
        for (address, peer) in [
            ("9.255.255.255", 1),
            ("10.0.0.0", 2),
            ("10.1.2.2", 3),
            ("10.1.2.3", 4),
            ("10.1.2.4", 3),
            ("10.2.0.0", 2),
            ("11.0.0.0", 1),
            ("255.255.255.255", 1),
            ("0.0.0.0", 1),
            ("::", 5),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 5),
        ] {
            assert_eq!(at(&all, address), Some(peer), "{address}");
        }
        let some = allowed(&[("10.0.0.4/30", 1), ("10.0.0.8/32", 2), ("fd00::/64", 3)]);
        for (address, peer) in [("10.0.0.3", None), ("10.0.0.7", Some(1)), ("10.0.0.8", Some(2)), ("10.0.0.9", None)] {
            assert_eq!(at(&some, address), peer, "{address}");
        }
        assert_eq!(at(&some, "fd00::ffff:0:0:1"), Some(3));
        assert_eq!(at(&some, "fd00:0:0:1::"), None);
        assert_eq!(at(&allowed(&[]), "10.0.0.1"), None);
    }

    /// Against the plain way: ask every network.
    #[test]
    fn as_asking_each() {
        let mut seed = 7_u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 8
        };
        for _ in 0..200 {
            let networks: Vec<(Cidr, u32)> = (0..random() % 12)
                .map(|peer| {
                    let text = format!("10.0.{}.{}/{}", random() % 4, random() % 256, 20 + random() % 13);
                    let network: Cidr = text.parse().expect("a network");
                    (network.network(), peer)
                })
                .collect();
            let all = Allowed::new(networks.iter().map(|(network, peer)| (network, *peer)));
            for _ in 0..200 {
                let address = IpAddr::from([10, 0, (random() % 5) as u8, random() as u8]);
                let plain = networks.iter().filter(|(n, _)| n.contains(address)).map(|(n, peer)| (n.prefix(), *peer));
                let longest = plain.clone().map(|(prefix, _)| prefix).max();
                let peers: Vec<u32> = plain.filter(|(p, _)| Some(*p) == longest).map(|(_, peer)| peer).collect();
                match all.peer(address) {
                    None => assert!(peers.is_empty(), "{address} {networks:?}"),
                    // The same network named twice: either's.
                    Some(peer) => assert!(peers.contains(&peer), "{address} {networks:?}"),
                }
            }
        }
    }
}
