//! Who may send what: several peers, keys, addresses, and how each is found where it is.

use super::*;
use kakuri_netns::{Key, Status, status::State};
use std::os::fd::AsFd as _;

fn state(status: &Status) -> State {
    status.peers[0].state
}

/// Our tunnel at both ends, as the test wants them described.
struct Two {
    _hosts: [Net; 2],
    containers: [Net; 2],
    ours: Vec<Ours>,
}

impl Two {
    fn new(describe: impl Fn(usize, &[Pair; 2]) -> kakuri_netns::Tunnel) -> Two {
        let pairs = [pair(1), pair(2)];
        let mut first = Net::new();
        let mut second = Net::beside(&first);
        cable(&mut first, &mut second, "eth0", CABLE);
        let (hosts, containers) = ([first, second], [Net::new(), Net::new()]);
        let start = |at: usize| {
            let own = format!("10.9.0.{}/24", at + 1);
            let tun = configure(&containers[at], 1420, &[&own], &["0.0.0.0/0"]);
            serve(&hosts[at], &describe(at, &pairs), tun)
        };
        let ours = vec![start(0), start(1)];
        Two { _hosts: hosts, containers, ours }
    }
}

const ENDPOINTS: [&str; 2] = ["192.0.2.1:51821", "192.0.2.2:51822"];

fn to_each_other(at: usize, pairs: &[Pair; 2]) -> kakuri_netns::Tunnel {
    let other = peer(pairs[1 - at].public, Some(ENDPOINTS[1 - at]), &["10.9.0.0/24"]);
    let port = ENDPOINTS[at].rsplit_once(':').expect("a port").1.parse().expect("a port");
    tunnel(pairs[at].private.clone(), Some(port), vec![other])
}

#[test]
fn two_of_ours_find_each_other_whichever_begins() {
    needs_tunnels!();
    let mut two = Two::new(to_each_other);
    two.containers[0].ok("ping -c 2 -W 5 10.9.0.2");
    two.containers[1].ok("ping -c 2 -W 5 10.9.0.1");
    for ours in &two.ours {
        let status = ours.status_when(|status| state(status) == State::Connected);
        assert!(status.peers[0].handshake_age.is_some());
    }
    assert_eq!(two.ours[0].status().listen_port, 51821);
}

#[test]
fn a_preshared_key_is_needed_on_both_sides() {
    needs_tunnels!();
    let with = |first: Option<u8>, second: Option<u8>| {
        move |at: usize, pairs: &[Pair; 2]| {
            let mut described = to_each_other(at, pairs);
            described.peers[0].preshared_key = [first, second][at].map(|byte| Key::new([byte; 32]));
            described
        }
    };
    let mut two = Two::new(with(Some(5), Some(5)));
    two.containers[0].ok("ping -c 2 -W 5 10.9.0.2");
    for (first, second) in [(Some(5), Some(6)), (Some(5), None)] {
        let mut two = Two::new(with(first, second));
        assert!(two.containers[0].run("ping -c 2 -i 0.2 -W 1 10.9.0.2").contains("100% packet loss"));
        // Whoever of them began is answered with what it cannot open.
        let unauthentic = |ours: &Ours| ours.status().dropped.contains_key("unauthentic");
        let end = std::time::Instant::now() + common::HANG;
        while !two.ours.iter().any(unauthentic) {
            assert!(std::time::Instant::now() < end, "{:?}", two.ours[0].status());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(two.ours.iter().all(|ours| state(&ours.status()) == State::Connecting));
    }
}

#[test]
fn a_stranger_s_key_is_not_answered() {
    needs_tunnels!();
    let two = Two::new(|at, pairs| {
        let mut described = to_each_other(at, pairs);
        if at == 1 {
            described.peers[0].public_key = pair(9).public;
        }
        described
    });
    two.ours[1].status_when(|status| status.dropped.get("unknown").is_some_and(|count| *count > 0));
    assert_eq!(two.ours[0].status().peers[0].received, 0);
}

/// The server's peers are told apart by AllowedIPs in both directions: what one has no right to it neither gets nor sends.
#[test]
fn each_peer_has_its_own_addresses() {
    needs_tunnels!();
    let mut world = World::new("192.0.2.2:51820");
    let World { server, host, ours, us, them, .. } = &mut world;
    let third = pair(3);
    // A second server, and a tunnel that knows both.
    let mut other = Net::beside(host);
    cable(host, &mut other, "eth1", [["198.51.100.1/24", "2001:db8:1::1/64"], ["198.51.100.2/24", "2001:db8:1::2/64"]]);
    let client = format!("peer {} allowed-ips 10.9.0.2/32", us.public);
    wireguard_go(&mut other, &third, 51820, &["10.8.0.1/24"], &[client]);
    other.ok("ip route add 10.9.0.2/32 dev wg0");
    let mut second = Net::new();
    let tun = configure(&second, 1420, &["10.9.0.2/32"], &["10.0.0.0/8"]);
    let mut one = peer(them.public, Some("192.0.2.2:51820"), &["10.9.0.0/24"]);
    one.keepalive = Some(1);
    let two = peer(third.public, Some("198.51.100.2:51820"), &["10.8.0.0/24"]);
    let _ = ours.process.kill();
    let ours = serve(host, &tunnel(us.private.clone(), None, vec![one, two]), tun);
    second.ok("ping -c 1 -W 5 10.9.0.1");
    second.ok("ping -c 1 -W 5 10.8.0.1");
    // Nobody has this one.
    assert!(second.run("ping -c 1 -W 1 10.7.0.1").contains("100% packet loss"));
    assert_eq!(ours.status().dropped.get("no-peer"), Some(&1));
    // The first server sends from an address of the second's.
    server.ok("ip addr add 10.8.0.9/32 dev wg0");
    assert!(server.run("ping -c 2 -i 0.2 -W 1 -I 10.8.0.9 10.9.0.2").contains("100% packet loss"));
    ours.status_when(|status| status.dropped.get("source") == Some(&2));
    // Its own still pass.
    server.ok("ping -c 1 -W 5 10.9.0.2");
}

#[test]
fn either_side_may_move() {
    needs_tunnels!();
    let mut world = World::new("192.0.2.2:51820");
    let World { container, server, host, ours, .. } = &mut world;
    container.ok("ping -c 1 -W 5 10.9.0.1");
    // The client's host gets another address; the server follows it by its next packet.
    host.ok("ip addr flush dev eth0 && ip addr add 192.0.2.7/24 dev eth0");
    container.ok("ping -c 2 -W 5 10.9.0.1");
    assert!(server.ok("wg show wg0 endpoints").contains("192.0.2.7:"));
    // The server moves, and is the first to send.
    server.ok("wg set wg0 listen-port 51999");
    server.ok("ping -c 2 -W 5 10.9.0.2");
    let moved = "192.0.2.2:51999".parse().expect("an address");
    ours.status_when(|status| status.peers[0].endpoint == Some(moved));
    container.ok("ping -c 2 -W 5 10.9.0.1");
    // It moves without a word: whoever looks its name up anew tells us.
    server.ok("ip addr flush dev eth0 && ip addr add 192.0.2.11/24 dev eth0 && wg set wg0 listen-port 52001");
    let address = "192.0.2.11:52001".parse().expect("an address");
    ours.link.send(&kakuri_netns::ToNetns::Endpoint { peer: 0, address }, &[]).expect("sent");
    container.ok("ping -c 2 -W 5 10.9.0.1");
}

#[test]
fn a_port_that_is_taken_is_named() {
    needs_tunnels!();
    let mut host = Net::new();
    host.start("python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind((\"\",51820)); time.sleep(99)'");
    host.wait_for("ss -lun | grep -q 51820");
    let described = tunnel(pair(1).private, Some(51820), vec![peer(pair(2).public, None, &["10.0.0.0/8"])]);
    let ours = ends::begin(&host, &described);
    let fail = ours.failure();
    assert!(
        fail.to_string().starts_with("cannot listen on UDP port 51820 of the host: another program does"),
        "{fail}"
    );
}

#[test]
fn what_is_no_device_is_refused() {
    needs_tunnels!();
    let host = Net::new();
    let described = tunnel(pair(1).private, None, vec![peer(pair(2).public, None, &["10.0.0.0/8"])]);
    let ours = ends::begin(&host, &described);
    let null = std::fs::File::open("/dev/null").expect("opens");
    ours.link.send(&kakuri_netns::ToNetns::Tun, &[null.as_fd()]).expect("sent");
    assert!(ours.failure().to_string().contains("a file of another kind"));
}
