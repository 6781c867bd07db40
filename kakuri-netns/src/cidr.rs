//! An address with a prefix length, as people write it: `10.0.0.2/24`, `fd00::2/64`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The prefix is at most 32 or 128: no other can be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    ip: IpAddr,
    prefix: u8,
}

impl Cidr {
    pub fn new(ip: IpAddr, prefix: u8) -> Option<Cidr> {
        (prefix <= width(ip)).then_some(Cidr { ip, prefix })
    }

    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    pub fn is_v4(&self) -> bool {
        self.ip.is_ipv4()
    }

    /// The same with every bit beyond the prefix zero.
    pub fn network(&self) -> Cidr {
        let ip = match self.ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
            }
        };
        Cidr { ip, prefix: self.prefix }
    }

    /// Whether an address lies in this network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && Cidr { ip, prefix: self.prefix }.network() == self.network()
    }

    /// The last address of an IPv4 network that has one to spare for broadcasts.
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(ip) if self.prefix < 31 => Some(Ipv4Addr::from_bits(ip.to_bits() | (u32::MAX >> self.prefix))),
            _ => None,
        }
    }
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(s: &str) -> Result<Cidr, String> {
        let bad = || format!("'{}' is no ADDRESS/PREFIX such as 10.0.0.2/24 or fd00::2/64", s.escape_debug());
        let (ip, prefix) = s.split_once('/').ok_or_else(bad)?;
        if !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let (ip, prefix) = (ip.parse().map_err(|_| bad())?, prefix.parse().map_err(|_| bad())?);
        Cidr::new(ip, prefix).ok_or_else(bad)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    fn cidr(s: &str) -> Cidr {
        s.parse().expect("parses")
    }

    #[test]
    fn as_people_write_it() {
        for s in ["10.0.0.2/24", "0.0.0.0/0", "255.255.255.255/32", "fd00::2/64", "::/0", "::1/128"] {
            assert_eq!(cidr(s).to_string(), s);
        }
        for s in
            ["", "/", "10.0.0.2", "10.0.0.2/", "10.0.0.2/33", "::/129", "::1/-1", "1.2.3/8", "::1/+4", "a/8", "::1/256"]
        {
            assert!(s.parse::<Cidr>().is_err(), "{s}");
        }
    }

    #[test]
    fn networks_and_broadcasts() {
        assert_eq!(cidr("10.1.2.3/8").network(), cidr("10.0.0.0/8"));
        assert_eq!(cidr("10.1.2.3/0").network(), cidr("0.0.0.0/0"));
        assert_eq!(cidr("10.1.2.3/32").network(), cidr("10.1.2.3/32"));
        assert_eq!(cidr("fd00::ff:1/112").network(), cidr("fd00::ff:0/112"));
        assert_eq!(cidr("ffff::1/0").network(), cidr("::/0"));
        assert_eq!(cidr("10.1.2.3/24").broadcast().expect("has one").to_string(), "10.1.2.255");
        assert_eq!(cidr("10.1.2.3/0").broadcast().expect("has one").to_string(), "255.255.255.255");
        assert_eq!(cidr("10.1.2.3/31").broadcast(), None);
        assert_eq!(cidr("fd00::1/64").broadcast(), None);
    }
}
