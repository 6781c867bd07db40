//! Single values, each as wg(8) or wg-quick(8) writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::Table;
use super::report::Bad;
use crate::Cidr;
use crate::tunnel::Endpoint;

fn bad(why: impl Into<String>, hint: &'static str) -> Bad {
    Bad { why: why.into(), hint }
}

/// The words of a list: commas part them, and blanks do as well.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty())
}

/// A key of either kind. What it is instead is not said beyond its length.
pub(super) fn key<T: FromStr<Err = String>>(value: &str, hint: &'static str) -> Result<T, Bad> {
    value.parse().map_err(|why| Bad { why, hint })
}

/// An address with its prefix; without one it is a single address.
fn cidr(word: &str) -> Result<Cidr, Bad> {
    const HINT: &str = "an IP address with its prefix, such as 10.0.0.2/24 or fd00::2/64";
    if let Ok(ip) = word.parse::<IpAddr>() {
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        return Cidr::new(ip, whole).ok_or_else(|| bad("it is no address", HINT));
    }
    let Some((ip, prefix)) = word.split_once('/') else { return Err(bad("it is no address", HINT)) };
    let Ok(ip) = ip.parse::<IpAddr>() else { return Err(bad("what stands before the '/' is no address", HINT)) };
    if prefix.parse::<Ipv4Addr>().is_ok() {
        return Err(bad("a prefix is a number of bits, not a mask", HINT));
    }
    let most = if ip.is_ipv4() { "0 to 32" } else { "0 to 128" };
    word.parse().map_err(|_| bad(format!("its prefix is {most}"), HINT))
}

/// One of the container's own addresses.
pub(super) fn address(word: &str) -> Result<Cidr, Bad> {
    const HINT: &str = "the address the VPN gave you, such as 10.0.0.2/24";
    let cidr = cidr(word)?;
    let ip = cidr.ip();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(bad("nobody can have this address", HINT));
    }
    if ip.is_loopback() {
        return Err(bad("it is the loopback's", HINT));
    }
    Ok(cidr)
}

/// A network, and whether bits beyond its prefix had to be cleared.
pub(super) fn network(word: &str) -> Result<(Cidr, bool), Bad> {
    let cidr = cidr(word)?;
    Ok((cidr.network(), cidr.network() != cidr))
}

pub(super) enum Dns {
    Server(IpAddr),
    Domain(String),
}

/// What looks like an address is one, as wg-quick has it; all else is a domain.
pub(super) fn dns(word: &str) -> Result<Dns, Bad> {
    const HINT: &str = "resolvers' addresses and search domains: DNS = 10.0.0.1, example.org";
    if word.contains(':') || word.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let ip: IpAddr = word.parse().map_err(|_| bad("it is no address", HINT))?;
        return match ip.is_unspecified() || ip.is_multicast() {
            true => Err(bad("no resolver has this address", HINT)),
            false => Ok(Dns::Server(ip)),
        };
    }
    match is_name(word) {
        true => Ok(Dns::Domain(word.to_string())),
        false => Err(bad("it is neither an address nor a domain", HINT)),
    }
}

/// Bytes. Whether IPv6 fits through is judged when all addresses are known.
pub(super) fn mtu(value: &str) -> Result<u32, Bad> {
    const HINT: &str = "1280 to 65535 (from 576 where there is no IPv6); without the line it is chosen for you";
    match number(value) {
        Some(mtu @ 576..=65535) => Ok(mtu),
        Some(_) => Err(bad("it is out of range", HINT)),
        None => Err(bad("it is no number of bytes", HINT)),
    }
}

/// None: whatever is free.
pub(super) fn port(value: &str) -> Result<Option<u16>, Bad> {
    match number(value).and_then(|n| u16::try_from(n).ok()) {
        Some(0) => Ok(None),
        Some(port) => Ok(Some(port)),
        None => Err(bad("it is no port", "1 to 65535; without the line it is whatever is free")),
    }
}

/// Seconds; None: none are sent.
pub(super) fn keepalive(value: &str) -> Result<Option<u16>, Bad> {
    if value.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    match number(value).and_then(|n| u16::try_from(n).ok()) {
        Some(0) => Ok(None),
        Some(seconds) => Ok(Some(seconds)),
        None => Err(bad("it is no number of seconds", "off, or 1 to 65535; 25 keeps the way through most routers")),
    }
}

/// The table, and whether it is another than there is.
pub(super) fn table(value: &str) -> Result<(Table, bool), Bad> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if is("off") {
        return Ok((Table::Off, false));
    }
    if is("auto") {
        return Ok((Table::Auto, false));
    }
    let word = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    match word && !value.is_empty() {
        true => Ok((Table::Auto, true)),
        false => Err(bad("it is no routing table", "auto or off")),
    }
}

/// Whether a mark is wanted.
pub(super) fn mark(value: &str) -> Result<bool, Bad> {
    let hex = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
    let mark = match hex {
        Some(hex) if !hex.starts_with('+') => u32::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None if value.eq_ignore_ascii_case("off") => Some(0),
        None => number(value),
    };
    mark.map(|mark| mark != 0)
        .ok_or_else(|| bad("it is no mark", "off, or a number; the line can go, nothing heeds it"))
}

pub(super) fn boolean(value: &str) -> Result<bool, Bad> {
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    match (is("true"), is("false")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(bad("it is neither true nor false", "false; the line can go, nothing is ever saved")),
    }
}

/// `HOST:PORT`, an IPv6 address in brackets.
pub(super) fn endpoint(value: &str) -> Result<Endpoint, Bad> {
    const HINT: &str = "vpn.example.org:51820, 192.0.2.1:51820 or [2001:db8::1]:51820";
    let Some((host, port)) = value.rsplit_once(':') else { return Err(bad("there is no ':' before a port", HINT)) };
    let port = match number(port).and_then(|n| u16::try_from(n).ok()) {
        Some(0) | None => return Err(bad("its port is no number from 1 to 65535", HINT)),
        Some(port) => port,
    };
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let Some(v6) = in_brackets else {
        if host.contains(':') {
            return Err(bad("an IPv6 address stands in brackets", HINT));
        }
        let address = host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
        // getaddrinfo(3) takes 10.1 for 10.0.0.1 and 0x7f000001 for the loopback; nobody means that.
        let number_like = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        return match address {
            Some(ip) => reachable(ip).map(|ip| literal(host, ip, port)),
            None if host.is_empty() => Err(bad("there is no host before the ':'", HINT)),
            None if !host.is_ascii() => Err(bad("a name is written in ASCII, others as xn--...", HINT)),
            None if number_like || !is_name(host) => Err(bad("its host is neither an address nor a name", HINT)),
            None => Ok(Endpoint { host: host.to_string(), port, address: None }),
        };
    };
    if let Some((ip, zone)) = v6.split_once('%') {
        // The link is the host's, by its name there: getaddrinfo(3) knows its number.
        let named =
            (1..=15).contains(&zone.len()) && zone.bytes().all(|b| b.is_ascii_graphic() && !b"/%[]".contains(&b));
        return match ip.parse::<Ipv6Addr>() {
            Ok(ip) if named && ip.is_unicast_link_local() => Ok(Endpoint { host: v6.to_string(), port, address: None }),
            _ => Err(bad("only a link-local IPv6 address (fe80::...) has a link behind '%'", HINT)),
        };
    }
    match v6.parse::<Ipv6Addr>() {
        Ok(ip) => reachable(IpAddr::V6(ip)).map(|ip| literal(v6, ip, port)),
        Err(_) => Err(bad("what stands in the brackets is no IPv6 address", HINT)),
    }
}

fn reachable(ip: IpAddr) -> Result<IpAddr, Bad> {
    match ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        true => Err(bad("no peer has this address", "the address or name of the VPN's server")),
        false => Ok(ip),
    }
}

fn literal(host: &str, ip: IpAddr, port: u16) -> Endpoint {
    Endpoint { host: host.to_string(), port, address: Some(SocketAddr::new(ip, port)) }
}

/// Digits alone: `parse` would take a sign.
fn number(word: &str) -> Option<u32> {
    word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// Labels of letters, digits, '-' and '_', as a resolver takes them.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && !name.starts_with('-') && name.split('.').all(label)
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
