//! Single values: what is taken, and what is not.

use super::*;

fn ok<T>(parsed: Result<T, Bad>) -> T {
    parsed.unwrap_or_else(|bad| panic!("{}", bad.why))
}

#[test]
fn endpoints() {
    for (typed, host, port, named) in [
        ("vpn.example.org:51820", "vpn.example.org", 51820, true),
        ("vpn.example.org.:1", "vpn.example.org.", 1, true),
        ("a_b-c:65535", "a_b-c", 65535, true),
        ("192.0.2.1:51820", "192.0.2.1", 51820, false),
        ("[2001:db8::1]:51820", "2001:db8::1", 51820, false),
        ("[fe80::1%eth0]:7", "fe80::1%eth0", 7, true),
    ] {
        let endpoint = ok(endpoint(typed));
        assert_eq!((&endpoint.host[..], endpoint.port, endpoint.is_named()), (host, port, named), "{typed}");
        assert_eq!(endpoint.address.is_none(), named, "{typed}");
    }
    for bad in [
        "",
        ":",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "host:+1",
        "host:1x",
        ":51820",
        "2001:db8::1:51820",
        "[2001:db8::1]",
        "[2001:db8::1]51820",
        "[host]:1",
        "[]:1",
        "10.1:51820",
        "1.2.3.256:1",
        "0x7f000001:1",
        "a.b.0x7f:1",
        "a..b:1",
        "-a:1",
        "a b:1",
        "é.org:1",
        "0.0.0.0:1",
        "[::]:1",
        "224.0.0.1:1",
        "[ff02::1]:1",
        "[2001:db8::1%eth0]:1",
        "[fe80::1%]:1",
        "[fe80::1%a/b]:1",
        "a/b:1",
        "user@host:1",
    ] {
        assert!(endpoint(bad).is_err(), "{bad}");
    }
}

#[test]
fn addresses_and_networks() {
    for (typed, shown) in [("10.0.0.2/24", "10.0.0.2/24"), ("10.0.0.2", "10.0.0.2/32"), ("fd00::2", "fd00::2/128")] {
        assert_eq!(ok(address(typed)).to_string(), shown);
    }
    for bad in ["", "x", "10.0.0.2/33", "fd00::/129", "10.0.0/8", "10.0.0.2/", "10.0.0.2/+8", "10.0.0.2/255.0.0.0"] {
        assert!(address(bad).is_err() && network(bad).is_err(), "{bad}");
    }
    for bad in ["0.0.0.0/8", "::", "224.0.0.1", "255.255.255.255", "ff02::1/64", "127.0.0.1/8", "::1"] {
        assert!(address(bad).is_err(), "{bad}");
    }
    let network = |typed: &str| {
        let (network, cut) = ok(network(typed));
        (network.to_string(), cut)
    };
    assert_eq!(network("0.0.0.0/0"), ("0.0.0.0/0".into(), false));
    assert_eq!(network("10.192.124.1/24"), ("10.192.124.0/24".into(), true));
    assert_eq!(network("fd00::1"), ("fd00::1/128".into(), false));
    assert_eq!(network("ffff::/0"), ("::/0".into(), true));
}

#[test]
fn numbers_and_words() {
    assert_eq!(ok(port("51820")), Some(51820));
    assert_eq!(ok(port("0")), None);
    assert!(["", "-1", "+1", "65536", "x", "1 2"].iter().all(|bad| port(bad).is_err()));
    assert_eq!(ok(keepalive("25")), Some(25));
    assert_eq!(ok(keepalive("OFF")), None);
    assert_eq!(ok(keepalive("0")), None);
    assert!(["", "on", "65536", "-1", "25s"].iter().all(|bad| keepalive(bad).is_err()));
    assert_eq!(ok(mtu("576")), 576);
    assert_eq!(ok(mtu("65535")), 65535);
    assert!(["", "0", "575", "65536", "1e3", "+1400", "99999999999999999999"].iter().all(|bad| mtu(bad).is_err()));
    assert_eq!(ok(table("Off")), (Table::Off, false));
    assert_eq!(ok(table("auto")), (Table::Auto, false));
    assert_eq!(ok(table("1234")), (Table::Auto, true));
    assert!(table("a b").is_err() && table("").is_err());
    assert!(!ok(mark("off")) && !ok(mark("0")) && !ok(mark("0x0")) && ok(mark("0xca6c")) && ok(mark("51820")));
    assert!(["", "0x", "0x+1", "x", "-1", "0x1ffffffff"].iter().all(|bad| mark(bad).is_err()));
    assert!(ok(boolean("TRUE")) && !ok(boolean("false")) && boolean("yes").is_err());
}

#[test]
fn resolvers_and_domains() {
    assert!(matches!(ok(dns("10.0.0.1")), Dns::Server(_)));
    assert!(matches!(ok(dns("fd00::53")), Dns::Server(_)));
    assert!(matches!(ok(dns("corp.example.org")), Dns::Domain(_)));
    for bad in ["10.0.0", "1", "10.0.0.256", "fd00:::1", "::", "a..b", ".", "a b", "~corp", "https://dns", "a\u{1b}b"] {
        assert!(dns(bad).is_err(), "{bad}");
    }
}
