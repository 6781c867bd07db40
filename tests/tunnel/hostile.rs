//! Strangers on the network, and the ends of the process.

use super::*;
use std::time::Duration;

/// Throws datagrams of every kind at a port: noise, headers of WireGuard's with noise behind, empty and huge ones.
const THROW: &str = r#"
import random, socket, sys
r = random.Random(1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to = (sys.argv[1], int(sys.argv[2]))
for i in range(20000):
    k = r.randrange(6)
    if k < 4:
        d = bytes([k + 1, 0, 0, 0]) + r.randbytes([144, 88, 60, r.randrange(28, 1500)][k])
    elif k == 4: d = r.randbytes(r.randrange(0, 200))
    else: d = bytes([r.randrange(256) for _ in range(4)]) + bytes(r.randrange(0, 9000))
    s.sendto(d, to)
"#;

#[test]
fn datagrams_by_the_thousand_change_nothing() {
    needs_tunnels!();
    let mut world = World::new("192.0.2.2:51820");
    let World { container, server, ours, .. } = &mut world;
    container.ok("ping -c 1 -W 5 10.9.0.1");
    let port = ours.status().listen_port;
    server.ok(&format!("cat > /run/throw.py <<'END'\n{THROW}\nEND"));
    server.ok(&format!("python3 /run/throw.py 192.0.2.1 {port}"));
    container.ok("ping -c 2 -W 5 10.9.0.1");
    let status = ours.status();
    for reason in ["garbage", "unknown", "unauthentic"] {
        assert!(status.dropped.get(reason).is_some_and(|count| *count > 100), "{reason}: {status:?}");
    }
    assert!(!status.dropped.contains_key("source") && !status.dropped.contains_key("no-packet"), "{status:?}");
    assert_eq!(status.peers[0].endpoint, Some("192.0.2.2:51820".parse().expect("one")), "noise moves nobody");
}

/// Sends every frame of the server's a second time.
const REPEAT: &str = r#"
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('eth0', 3))
seen = set()
while True:
    frame, (_, _, kind, _, _) = s.recvfrom(65536)
    # Sent by this machine, UDP, a packet of a session, and not by this very socket before.
    if kind == socket.PACKET_OUTGOING and frame[23] == 17 and frame[42] == 4 and frame[42:] not in seen:
        seen.add(frame[42:])
        # Its checksum was left to a card that a virtual cable does not have: none is sent.
        s.send(frame[:40] + bytes(2) + frame[42:])
"#;

#[test]
fn what_is_played_again_is_dropped() {
    needs_tunnels!();
    let mut world = World::new("192.0.2.2:51820");
    let World { container, server, ours, .. } = &mut world;
    server.ok(&format!("cat > /run/repeat.py <<'END'\n{REPEAT}\nEND"));
    server.start("python3 /run/repeat.py");
    server.wait_for("ss -0 -a | grep -q eth0");
    let said = container.ok("ping -c 5 -i 0.2 -W 5 10.9.0.1");
    assert!(said.contains("5 received") && !said.contains("DUP") && !said.contains("duplicates"), "{said}");
    ours.status_when(|status| status.dropped.get("replayed").is_some_and(|count| *count >= 5));
}

#[test]
fn it_ends_with_its_front() {
    needs_tunnels!();
    let world = World::new("192.0.2.2:51820");
    let World { mut ours, .. } = world;
    let (_, theirs) = kakuri_wire::channel::Channel::pair().expect("a link");
    drop(std::mem::replace(&mut ours.link, theirs));
    let status = ours.process.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn it_says_when_the_container_s_device_is_gone() {
    needs_tunnels!();
    let World { mut container, ours, .. } = World::new("192.0.2.2:51820");
    container.ok("ip link del wg0");
    assert_eq!(ours.failure().what, "the container's end of the tunnel is gone");
    assert!(ours.is_gone());
}

#[test]
fn a_word_out_of_turn_ends_it() {
    needs_tunnels!();
    let world = World::new("192.0.2.2:51820");
    let address = "192.0.2.2:1".parse().expect("one");
    let nobody = kakuri_netns::ToNetns::Endpoint { peer: 7, address };
    world.ours.link.send(&nobody, &[]).expect("sent");
    assert!(world.ours.failure().to_string().contains("a peer of the configuration"));
}

/// From outside it is seen to have no right, no file and no way to any.
#[test]
fn it_is_confined() {
    needs_tunnels!();
    // In the test's own namespaces, whose user has no rights over it: nobody is called, and nothing sent.
    let container = Net::new();
    let tun = configure(&container, 1420, &["10.9.0.2/24"], &[]);
    let ours = Ours::spawn(None);
    let described = tunnel(pair(1).private, None, vec![peer(pair(2).public, None, &["10.0.0.0/8"])]);
    let ours = ends::run(ours, &described, tun);
    let pid = ours.process.id();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let mut count = 0;
    for task in tasks {
        count += 1;
        let path = task.expect("a thread").path().join("status");
        let status = std::fs::read_to_string(path).expect("its status");
        for line in ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.contains(line), "{line}: {status}");
        }
    }
    assert_eq!(count, 3);
    // Not dumpable: its own user may not look at what it has open, nor into its memory.
    for file in ["maps", "mem", "environ", "fd"] {
        let path = format!("/proc/{pid}/{file}");
        let read = if file == "fd" { std::fs::read_dir(&path).map(drop) } else { std::fs::File::open(&path).map(drop) };
        assert!(read.is_err(), "{file}");
    }
}

#[test]
fn why_a_peer_is_silent_is_told() {
    needs_tunnels!();
    // Nobody listens there; there is no way there.
    let cases = [
        ("192.0.2.2:9", "nothing listens on this UDP port"),
        ("203.0.113.1:51820", "the host has no route to it"),
        ("192.0.2.99:51820", ""),
    ];
    let worlds: Vec<_> = cases.iter().map(|(endpoint, words)| (World::new(endpoint), endpoint, words)).collect();
    for (world, endpoint, words) in &worlds {
        let (word, _) = world.ours.link.recv_within(Duration::from_secs(60)).expect("a word");
        let kakuri_netns::FromNetns::Trouble(fail) = word else { panic!("{word:?}") };
        let told = fail.to_string();
        assert!(told.starts_with(&format!("no handshake with the peer {endpoint} after 15 s: ")), "{told}");
        assert!(told.contains(*words), "{told}");
    }
}
