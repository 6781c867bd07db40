//! Proxies, by the variables everybody heeds: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, and the same in lower case,
//! which count before them (curl(1), "ENVIRONMENT").

use std::net::IpAddr;

use kakuri_image::reference::host_and_port;
use kakuri_image::talk::Secret;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use zeroize::Zeroizing;

use crate::host::Host;

/// Of a proxy whose port nobody names.
const PORT: u16 = 80;

/// The proxy for a server, `http://[user:password@]host:port`. Loopback is never reached by one.
pub fn find(server: &str, port: u16, plain: bool, host: &Host) -> Result<Option<Secret>> {
    if is_loopback(server) || excepted(server, port, host) {
        return Ok(None);
    }
    // HTTP_PROXY in upper case is a header's name where a web server starts programs: then it is not heeded.
    let own: &[&str] = match plain {
        false => &["https_proxy", "HTTPS_PROXY"],
        true if host.var("REQUEST_METHOD").is_some() => &["http_proxy"],
        true => &["http_proxy", "HTTP_PROXY"],
    };
    let names = own.iter().chain(&["all_proxy", "ALL_PROXY"]);
    let mut set = names.filter_map(|name| host.var(name).filter(|value| !value.is_empty()).map(|value| (*name, value)));
    match set.next() {
        Some((name, value)) => read(name, value).map(Some),
        None => Ok(None),
    }
}

/// This machine's own loopback, by name or address.
pub fn is_loopback(server: &str) -> bool {
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Nothing of the value is shown: it may hold a password.
fn read(name: &str, value: &[u8]) -> Result<Secret> {
    let wrong = |why: &str| {
        Err(Fail::new(Stage::Front, format!("{name} names no proxy kakuri can use"))
            .why(why)
            .hint(format!("{name}=http://proxy.example.com:3128; registries that need none go into NO_PROXY")))
    };
    let Ok(text) = std::str::from_utf8(value) else { return wrong("it is not text") };
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some((scheme, _)) => return wrong(&format!("it speaks to http proxies, not to '{}'", Bytes::from(scheme))),
        None => text,
    };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (login, server) = match rest.rsplit_once('@') {
        Some((login, server)) => (Some(login), server),
        None => (None, rest),
    };
    if login.is_some_and(|login| login.chars().any(|c| c.is_control() || c.is_whitespace())) {
        return wrong("its login has spaces or controls: write them as %20 and the like");
    }
    let (server, port) = match host_and_port(server) {
        Ok((server, port)) => (server, port.unwrap_or(PORT)),
        Err(_) => return wrong("it is not http://host:port"),
    };
    let login = login.map(|login| Zeroizing::new(format!("{login}@")));
    let login = login.as_ref().map_or("", |login| login.as_str());
    Ok(Secret(Zeroizing::new(format!("http://{login}{server}:{port}"))))
}

/// NO_PROXY: `*`, names and all below them, `.below.only`, addresses, networks (`10.0.0.0/8`), each with a port or
/// without.
fn excepted(server: &str, port: u16, host: &Host) -> bool {
    let named = ["no_proxy", "NO_PROXY"].iter().find_map(|name| host.var(name).filter(|value| !value.is_empty()));
    let list = String::from_utf8_lossy(named.unwrap_or_default()).to_ascii_lowercase();
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| excepts(entry, bare, port))
}

fn excepts(entry: &str, server: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let address = server.parse::<IpAddr>().ok();
    if let Some((network, bits)) = entry.split_once('/') {
        return match (network.parse(), bits.parse(), address) {
            (Ok(network), Ok(bits), Some(address)) => is_in(address, network, bits),
            _ => false,
        };
    }
    // An address of IPv6 has colons of its own.
    let (name, wanted) = match (entry.parse::<IpAddr>(), entry.rsplit_once(':')) {
        (Err(_), Some((name, digits))) => (name, digits.parse::<u16>().ok()),
        _ => (entry, None),
    };
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = name.parse::<IpAddr>() {
        return address == Some(ip);
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => server.ends_with(name),
        None => server == name || server.strip_suffix(name).is_some_and(|before| before.ends_with('.')),
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => same(a.to_bits().into(), n.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => same(a.to_bits(), n.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(variables: &[(&str, &str)]) -> Host {
        let env = variables.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        Host { env, ..Host::default() }
    }

    fn found(server: &str, plain: bool, variables: &[(&str, &str)]) -> String {
        match find(server, 443, plain, &host(variables)) {
            Ok(proxy) => proxy.map_or("none".into(), |p| p.0.to_string()),
            Err(fail) => fail.to_string(),
        }
    }

    #[test]
    fn which_variable_counts() {
        for (plain, variables, want) in [
            (false, &[][..], "none"),
            (false, &[("HTTPS_PROXY", "http://p:3128")][..], "http://p:3128"),
            (false, &[("HTTPS_PROXY", "p")], "http://p:80"),
            (false, &[("HTTPS_PROXY", "HTTP://u:p%40ss@p:8080/")], "http://u:p%40ss@p:8080"),
            (false, &[("HTTPS_PROXY", "http://up:1"), ("https_proxy", "http://low:1")], "http://low:1"),
            (false, &[("HTTP_PROXY", "http://p:1")], "none"),
            (false, &[("ALL_PROXY", "http://[::1]:1")], "http://[::1]:1"),
            (true, &[("HTTP_PROXY", "http://p:1")], "http://p:1"),
            (true, &[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], "none"),
            (false, &[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "other, example.org")], "none"),
        ] {
            assert_eq!(found("r.example.org", plain, variables), want, "{variables:?}");
        }
        assert_eq!(found("localhost", false, &[("HTTPS_PROXY", "http://p:1")]), "none");
        assert_eq!(found("127.3.2.1", false, &[("ALL_PROXY", "http://p:1")]), "none");
    }

    #[test]
    fn a_wrong_one_is_named_without_its_password() {
        for value in ["socks5://u:geheim@p:1", "https://p", "http://u:geheim@", "http://u:geheim@p:0", "ge heim@p"] {
            let fail = found("r.example.org", false, &[("HTTPS_PROXY", value)]);
            assert!(fail.contains("HTTPS_PROXY names no proxy") && !fail.contains("geheim"), "{fail}");
        }
    }

    #[test]
    fn exceptions() {
        for (entry, server, want) in [
            ("*", "a", true),
            ("example.org", "example.org", true),
            ("example.org", "r.example.org", true),
            ("example.org", "notexample.org", false),
            (".example.org", "example.org", false),
            (".example.org", "r.example.org", true),
            ("*.example.org", "r.example.org", true),
            ("example.org:443", "example.org", true),
            ("example.org:80", "example.org", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("fd00::/8", "fd00::1", true),
            ("fd00::1", "fd00::1", true),
            ("[fd00::1]:443", "fd00::1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.0.0.0/8", "host", false),
        ] {
            assert_eq!(excepts(entry, server, 443), want, "{entry} {server}");
        }
    }
}
