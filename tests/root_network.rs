//! What only root gets of the network: a bridge that containers share. These run only when the tests are started by root,
//! in network namespaces of their own: the machine's network is never touched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "root_network/left.rs"]
mod left;
#[path = "root_network/less.rs"]
mod less;
#[path = "root_network/ports.rs"]
mod ports;
#[path = "root_network/world.rs"]
mod world;

use std::os::unix::fs::MetadataExt;

use common::{Scene, skip};
use world::World;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A world to be in; without root, or with a kernel that has no bridges, a reason is told.
fn world(scene: &Scene) -> Option<World<'_>> {
    if !is_root() {
        skip("root_network: needs root");
        return None;
    }
    for program in ["ip", "nft", "nsenter", "ping", "perl", "unshare"] {
        if !common::have(program) {
            skip(format_args!("root_network: {program} is not installed"));
            return None;
        }
    }
    World::new(scene)
}

#[test]
fn an_ordinary_user_is_refused_by_name() {
    if is_root() {
        skip("root_network: this one is for an ordinary user");
        return;
    }
    let scene = Scene::new();
    let said = scene.kakuri(["--network", "bridge", "true"]).output();
    said.refused(125, &["--network bridge", "root"]).hints(&["--network nat"]);
}

#[test]
fn containers_find_each_other_by_name_and_address() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    for name in ["one", "two"] {
        world.start(name, &[]);
    }
    // The second is found by the first, which was there before it, and the other way round.
    for (here, there) in [("one", "two"), ("two", "one")] {
        let address = world.exec(here, &format!("getent ahostsv4 {there}"));
        assert!(address.starts_with("10.213.0."), "{here}: {address}");
        let upper = world.exec(here, &format!("getent ahostsv4 {}", there.to_uppercase()));
        assert_eq!(upper.split(' ').next(), address.split(' ').next());
        world.exec(here, &format!("ping -q -c 1 -W 5 {there}"));
        let v4 = address.split(' ').next().unwrap();
        world.exec(here, &format!("ping -q -c 1 -W 5 {v4}"));
        if world.v6 {
            let v6 = world.exec(here, &format!("getent ahostsv6 {there}"));
            assert!(v6.starts_with("fd6b:616b:7572:1::"), "{here}: {v6}");
            world.exec(here, &format!("ping -6 -q -c 1 -W 5 {there}"));
        }
    }
    let (one, two) = (world.address("one"), world.address("two"));
    assert_ne!(one, two);
    // From the host they are reached by address, and what is stopped is found no more.
    world.host(&["ping", "-q", "-c", "1", "-W", "5", &two]);
    world.kakuri(&["stop", "two"]).ok();
    assert_eq!(world.exec("one", "getent hosts two || echo gone"), "gone");
    // Its address is free again.
    world.start("three", &[]);
    assert_eq!(world.address("three"), two);
    world.exec("one", "ping -q -c 1 -W 5 three");
}

#[test]
fn a_temporary_container_is_on_it_too() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    world.start("one", &[]);
    let script = "ping -q -c 1 -W 5 one >/dev/null && cat /proc/net/route | cut -f1,2 | sed 1d; id -u";
    let said = world.kakuri(&["--network", "bridge", "--hostname", "guest", "sh", "-c", script]).ok();
    assert_eq!(said.text(), "eth0\t00000000\neth0\t0000D50A\n0");
    // One that is not on it reaches nobody.
    let none = world.kakuri(&["sh", "-c", "ping -q -c 1 -W 1 10.213.0.2 2>&1 | tail -n 1"]);
    assert!(none.text().contains("unreachable"), "{none}");
}

#[test]
fn what_leaves_has_the_hosts_address_and_strangers_do_not_come_in() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let first = world.start("one", &[]);
    // The host's own setting is changed, which is told, once.
    assert!(first.err().contains("net.ipv4.ip_forward=1"), "{first}");
    assert!(!world.start("two", &[]).err().contains("ip_forward"), "told again");
    let _server = world.serve_far(&["7000"]);
    for protocol in ["tcp", "udp"] {
        assert_eq!(world.ask_from("one", protocol, "192.0.2.2", 7000), "7000 192.0.2.1");
        if world.v6 {
            assert_eq!(world.ask_from("one", protocol, "2001:db8::2", 7000), "7000 2001:db8::1");
        }
    }
    world.exec("one", "ping -q -c 1 -W 5 192.0.2.2");
    // A neighbour of the host's that knows the way: nothing that was not published is reached.
    let address = world.address("one");
    world.serve("one", &["80"]);
    assert_eq!(world.ask_from("two", "tcp", &address, 80).split(' ').next(), Some("80"));
    world.far(&["ip", "route", "add", "10.213.0.0/24", "via", "192.0.2.1"]);
    for protocol in ["tcp", "udp"] {
        assert_eq!(world.ask_far(protocol, &address, 80), "nobody");
    }
}

#[test]
fn other_names_are_asked_of_the_hosts_resolvers() {
    need!("dnsmasq", "dig");
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let _server = world.resolver_far();
    world.start("one", &["--dns", "192.0.2.9", "--dns", "192.0.2.2"]);
    // The first of the two is not there.
    assert_eq!(world.exec("one", "getent ahostsv4 far.example | head -n 1 | cut -d ' ' -f 1"), "203.0.113.9");
    assert_eq!(world.exec("one", "dig +short +tcp +tries=1 far.example"), "203.0.113.9");
    assert_eq!(world.exec("one", "dig +short +tcp +tries=1 one"), world.address("one"));
    assert_eq!(
        world.exec("one", "dig +short +time=9 +tries=1 one aaaa | cut -c 1-4"),
        if world.v6 { "fd6b" } else { "" }
    );
    let status = "dig +time=20 +tries=1 nowhere.example | sed -n 's/.*status: \\([A-Z]*\\).*/\\1/p'";
    assert_eq!(world.exec("one", status), "NXDOMAIN");
    // What is no question is passed over, and the next one is answered.
    let noise = "for i in 1 2 3; do echo nonsense >/dev/udp/127.0.0.11/53; head -c 700 /dev/urandom >/dev/udp/127.0.0.11/53; done";
    world.exec("one", &format!("bash -c '{noise}'; dig +short +time=9 one"));
    assert_eq!(world.exec("one", "dig +short +time=9 one"), world.address("one"));
}

#[test]
fn a_network_that_the_host_has_is_not_taken() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    world.host(&["ip", "route", "add", "10.213.0.0/25", "via", "192.0.2.2"]);
    world.start("one", &[]);
    assert_eq!(world.address("one"), "10.213.1.2");
    world.kakuri(&["stop", "one"]).ok();
    // A link of that name that is somebody else's.
    world.host(&["ip", "link", "add", "kakuri0", "type", "veth", "peer", "name", "other0"]);
    let said = world.kakuri(&["--network", "bridge", "true"]);
    said.refused(125, &["'kakuri0'", "veth"]).hints(&["ip link set kakuri0"]);
    world.host(&["ip", "link", "del", "kakuri0"]);
}

#[test]
fn a_vpn_is_the_kernels_where_that_has_wireguard_and_else_it_is_said() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let tried = world.try_host(&["ip", "link", "add", "kprobe0", "type", "wireguard"]).code() == 0;
    if tried {
        world.host(&["ip", "link", "del", "kprobe0"]);
    }
    let (key, theirs) =
        ("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
    let text = format!(
        "[Interface]\nPrivateKey = {key}\nAddress = 10.9.0.2/32\n\n[Peer]\nPublicKey = {theirs}\n\
         Endpoint = 192.0.2.2:9\nAllowedIPs = 0.0.0.0/0\n"
    );
    let path = scene.file("wg.conf", text);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said = world.kakuri(&["--verbose", "--vpn", "./wg.conf", "ip", "-d", "link", "show", "wg0"]).ok();
    assert_eq!(said.text().contains("wireguard"), tried, "{said}");
    assert_eq!(said.err().contains("not by the kernel: this kernel has no WireGuard"), !tried, "{said}");
    assert!(world.helpers().is_empty(), "{:?}", world.helpers());
}

#[test]
fn it_is_shown_before_it_is_made() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let options =
        ["--explain", "--network", "bridge", "--hostname", "web", "-p", "8080:80", "--dns", "192.0.2.2", "true"];
    let text = world.kakuri(&options).ok().text();
    for word in ["kakuri0", "web", "127.0.0.1:8080 leads to port 80/tcp", "127.0.0.11", "192.0.2.2"] {
        assert!(text.contains(word), "'{word}' in {text}");
    }
}
