//! The options about the network. Every error names what was typed.

use std::net::IpAddr;

use kakuri_wire::{Bytes, Fail};

use super::misuse;
use super::options::Id;
use super::scan::{Met, shown};
use super::value;
use crate::spec::{Network, OnFailure, Protocol, Publish, Spec, Vpn};

fn wrong(option: &str, value: &[u8], why: impl Into<String>, hint: &str) -> Fail {
    misuse(format!("bad value '{}' for {option}", shown(value))).why(why).hint(hint)
}

fn text(value: &[u8]) -> &str {
    // What is no text is no number, address or name either.
    std::str::from_utf8(value).unwrap_or("\u{fffd}")
}

/// `--network`.
pub fn mode(option: &str, typed: &[u8]) -> Result<Network, Fail> {
    let rest = |prefix: &[u8]| typed.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if let Some(path) = rest(b"ns:") {
        return Ok(Network::Namespace(Bytes(path.to_vec())));
    }
    if let Some(name) = rest(b"container:") {
        return super::phrase::name(option, name).map(Network::Container);
    }
    match typed {
        b"none" => Ok(Network::None),
        b"host" => Ok(Network::Host),
        b"nat" => Ok(Network::Nat),
        b"pasta" => Ok(Network::Pasta),
        b"slirp4netns" => Ok(Network::Slirp4netns),
        b"bridge" => Ok(Network::Bridge),
        _ => Err(wrong(
            option,
            typed,
            "there is no such network",
            "none, host, nat, bridge (as root), container:NAME or ns:PATH; --vpn CONF for a VPN",
        )),
    }
}

/// `--vpn`; the last one counts, and what was said of its manner stays.
pub fn vpn(option: &str, typed: &[u8], spec: &mut Spec) -> Result<(), Fail> {
    if typed.is_empty() {
        return Err(wrong(option, typed, "it names no configuration", "--vpn ./wg.conf, or --vpn NAME"));
    }
    let vpn = vpn_of(spec);
    (vpn.config, vpn.stored) = (Bytes(typed.to_vec()), false);
    Ok(())
}

/// `--vpn-ignore-hooks`, `--vpn-on-failure`.
pub fn vpn_manner(met: &Met, spec: &mut Spec) -> Result<(), Fail> {
    match met.id {
        Id::VpnIgnoreHooks => vpn_of(spec).ignore_hooks = true,
        _ => {
            let words = [("stop", OnFailure::Stop), ("block", OnFailure::Block)];
            vpn_of(spec).on_failure = value::word("--vpn-on-failure", met.value, &words, &[])?;
        }
    }
    Ok(())
}

fn vpn_of(spec: &mut Spec) -> &mut Vpn {
    spec.vpn.get_or_insert_with(|| Vpn {
        config: Bytes::default(),
        stored: false,
        ignore_hooks: false,
        on_failure: OnFailure::default(),
    })
}

/// `-p [IP:][HOST:]PORT[/PROTOCOL]`, where a port may be a range FIRST-LAST. An IPv6 address stands in brackets.
pub fn publish(option: &str, typed: &[u8]) -> Result<Publish, Fail> {
    const HINT: &str = "-p 8080:80, -p 127.0.0.1:8080:80/udp, -p [::1]:8000-8010:80-90";
    let wrong = |why: String| wrong(option, typed, why, HINT);
    let words = std::str::from_utf8(typed).map_err(|_| wrong("it is not text".into()))?;
    let (ports, protocol) = match words.rsplit_once('/') {
        None => (words, Protocol::Tcp),
        Some((ports, "tcp")) => (ports, Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some((_, other)) => return Err(wrong(format!("'{other}' is neither tcp nor udp"))),
    };
    let (ports, inside) = match ports.rsplit_once(':') {
        Some((rest, inside)) => (Some(rest), inside),
        None => (None, ports),
    };
    let (address, host) = match ports.map(|rest| rest.rsplit_once(':').unwrap_or(("", rest))) {
        None => (None, None),
        Some((address, host)) => {
            // A bare IPv6 address would be read as address and port.
            let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
            let address = match (address, bare) {
                ("", _) => None,
                (_, Some(v6)) => Some(IpAddr::V6(v6.parse().map_err(|_| wrong(format!("'{v6}' is no IPv6 address")))?)),
                (v4, None) => Some(IpAddr::V4(v4.parse().map_err(|_| {
                    wrong(format!("'{v4}' is no IPv4 address, and an IPv6 address stands in brackets"))
                })?)),
            };
            (address, (!host.is_empty()).then_some(host))
        }
    };
    let (inside, count) = range(inside).map_err(&wrong)?;
    let host = match host.map(range).transpose().map_err(&wrong)? {
        Some((_, ours)) if ours != count => {
            return Err(wrong(format!("{ours} ports of the host for {count} of the container")));
        }
        host => host.map(|(first, _)| first),
    };
    Ok(Publish { protocol, address, host, inside, count })
}

/// `80`, `80/udp`: a port of a container.
pub fn inside(typed: &[u8]) -> Result<(u16, Protocol), Fail> {
    let wrong = |why: String| {
        misuse(format!("'{}' is no port of a container", shown(typed))).why(why).hint("80, 80/tcp or 53/udp")
    };
    let (port, protocol) = match text(typed).split_once('/') {
        None => (text(typed), Protocol::Tcp),
        Some((port, "tcp")) => (port, Protocol::Tcp),
        Some((port, "udp")) => (port, Protocol::Udp),
        Some((_, other)) => return Err(wrong(format!("'{other}' is neither tcp nor udp"))),
    };
    match range(port).map_err(wrong)? {
        (port, 1) => Ok((port, protocol)),
        _ => Err(wrong("it is a range".into())),
    }
}

/// `80`, `80-90`: the first, and how many.
fn range(words: &str) -> Result<(u16, u16), String> {
    let one = |word: &str| {
        let port = word.parse::<u16>().ok().filter(|port| *port > 0 && word.bytes().all(|b| b.is_ascii_digit()));
        port.ok_or_else(|| format!("'{word}' is no port: they are 1 to 65535"))
    };
    let Some((first, last)) = words.split_once('-') else { return one(words).map(|port| (port, 1)) };
    let (first, last) = (one(first)?, one(last)?);
    if last < first {
        return Err(format!("{first}-{last} goes backwards"));
    }
    Ok((first, last - first + 1))
}

/// `--allow-host-port`.
pub fn port(option: &str, typed: &[u8]) -> Result<u16, Fail> {
    match range(text(typed)) {
        Ok((port, 1)) => Ok(port),
        Ok(_) => Err(wrong(option, typed, "it is a range", "one port; the option may be given again")),
        Err(why) => Err(wrong(option, typed, why, "a port of the host's loopback, such as 5432")),
    }
}

/// `--dns`.
pub fn address(option: &str, typed: &[u8]) -> Result<IpAddr, Fail> {
    text(typed).parse().map_err(|_| wrong(option, typed, "it is no address", "an IP address, such as 9.9.9.9"))
}

/// `--dns-search`.
pub fn domain(option: &str, typed: &[u8]) -> Result<String, Fail> {
    match text(typed) {
        name if is_name(name) => Ok(name.to_string()),
        _ => Err(wrong(option, typed, "it is no domain", "a domain, such as example.org")),
    }
}

/// `--add-host NAME:IP`, `NAME=IP`.
pub fn host(option: &str, typed: &[u8]) -> Result<(String, IpAddr), Fail> {
    const HINT: &str = "NAME:IP, such as --add-host db:10.0.0.5";
    let words = text(typed);
    let (name, ip) = words
        .split_once('=')
        .or_else(|| words.split_once(':'))
        .ok_or_else(|| wrong(option, typed, "there is no ':' between name and address", HINT))?;
    if !is_name(name) {
        return Err(wrong(option, typed, format!("'{}' is no host name", name.escape_debug()), HINT));
    }
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    let why = || format!("'{}' is no address", ip.escape_debug());
    bare.parse().map(|ip| (name.to_string(), ip)).map_err(|_| wrong(option, typed, why(), HINT))
}

/// Letters, digits, '-', '_' and '.', as the host's own resolver would take it.
fn is_name(name: &str) -> bool {
    (1..=253).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::check::shown_publish;

    #[test]
    fn published_ports_as_typed() {
        for typed in [
            "80",
            "8080:80",
            "8080:80/udp",
            "0.0.0.0:8080:80",
            "[::1]:8080:80",
            "[::]::80/udp",
            "127.0.0.1::53/udp",
            "8000-8010:80-90",
            "[fd00::1]:1-3:65533-65535",
        ] {
            let publish = publish("-p", typed.as_bytes()).expect(typed);
            assert_eq!(shown_publish(&publish), typed);
        }
        assert_eq!(shown_publish(&publish("-p", b"8080:80/tcp").expect("tcp is what it is anyway")), "8080:80");
        for bad in [
            "",
            ":",
            "0",
            "65536",
            "80:0",
            "a:80",
            "80/sctp",
            "80-79",
            "80-90:80-91",
            "1.2.3:80:80",
            "::1:80:80",
            "+80",
            "[::1:80:80",
            "[1.2.3.4]:80:80",
            "-80",
            "80-",
            "1-2-3",
            "80:80:80:80",
            "80 ",
        ] {
            assert!(publish("-p", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_of_hosts() {
        let parsed = |typed: &str| host("--add-host", typed.as_bytes()).map(|(name, ip)| format!("{name} {ip}"));
        assert_eq!(parsed("db:10.0.0.5").expect("v4"), "db 10.0.0.5");
        assert_eq!(parsed("db:fd00::5").expect("v6"), "db fd00::5");
        assert_eq!(parsed("db=[fd00::5]").expect("docker's"), "db fd00::5");
        for bad in ["", "db", "db:", ":10.0.0.1", "d b:10.0.0.1", "db:10.0.0", "db:host-gateway", "db\n:10.0.0.1"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
