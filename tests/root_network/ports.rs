//! Published ports on the bridge: who reaches them, and how the container sees who does.

use crate::common::Scene;
use crate::world;

/// Ports the container serves, and how they are published: option, then for each port of the host what answers.
struct Case {
    option: &'static str,
    protocol: &'static str,
    ports: &'static [(u16, u16)],
}

const CASES: [Case; 6] = [
    Case { option: "8000:80", protocol: "tcp", ports: &[(8000, 80)] },
    Case { option: "8001:80/udp", protocol: "udp", ports: &[(8001, 80)] },
    Case { option: "81-83:81-83", protocol: "tcp", ports: &[(81, 81), (82, 82), (83, 83)] },
    Case { option: "81-83:81-83/udp", protocol: "udp", ports: &[(81, 81), (83, 83)] },
    Case { option: "9081-9083:81-83", protocol: "tcp", ports: &[(9081, 81), (9083, 83)] },
    Case { option: "9081-9083:81-83/udp", protocol: "udp", ports: &[(9081, 81), (9082, 82)] },
];

/// Where they listen, who asks from where, and what the container sees of that; None: nobody answers.
type Way = (&'static str, &'static str, bool, Option<&'static str>);

const WAYS: [Way; 10] = [
    // On the loopback: this host and nobody else.
    ("127.0.0.1", "127.0.0.1", false, Some("10.213.0.1")),
    ("127.0.0.1", "192.0.2.1", true, None),
    ("[::1]", "::1", false, Some("fd6b:616b:7572:1::1")),
    ("[::1]", "2001:db8::1", true, None),
    // On an address of the host's: other machines are seen as who they are.
    ("192.0.2.1", "192.0.2.1", true, Some("192.0.2.2")),
    ("192.0.2.1", "192.0.2.1", false, Some("10.213.0.1")),
    ("0.0.0.0", "192.0.2.1", true, Some("192.0.2.2")),
    ("0.0.0.0", "127.0.0.1", false, Some("10.213.0.1")),
    ("[::]", "2001:db8::1", true, Some("2001:db8::2")),
    ("[::]", "::1", false, Some("fd6b:616b:7572:1::1")),
];

#[test]
fn every_kind_of_port_is_reached_by_who_it_is_for() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let mut listened = "";
    for (listen, ask, from_far, seen) in WAYS {
        if listen.starts_with('[') && !world.v6 {
            continue;
        }
        if listen != listened {
            let options: Vec<String> = CASES.iter().map(|case| format!("{listen}:{}", case.option)).collect();
            let options: Vec<&str> = options.iter().flat_map(|option| ["-p", option]).collect();
            let _ = world.kakuri(&["stop", "--time", "0", "web"]);
            world.start("web", &options);
            world.serve("web", &["80", "81", "82", "83"]);
            listened = listen;
        }
        for case in CASES {
            for (host, inside) in case.ports {
                let answer = match from_far {
                    true => world.ask_far(case.protocol, ask, *host),
                    false => world.ask_host(case.protocol, ask, *host),
                };
                let wanted = seen.map_or("nobody".to_string(), |seen| format!("{inside} {seen}"));
                assert_eq!(answer, wanted, "{listen}:{} asked at {ask}:{host}, far: {from_far}", case.option);
            }
        }
    }
}

#[test]
fn a_container_reaches_what_another_publishes() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    world.start("web", &["-p", "0.0.0.0:8080:80", "-p", "0.0.0.0:8080:80/udp"]);
    world.serve("web", &["80"]);
    world.start("two", &[]);
    for protocol in ["tcp", "udp"] {
        for address in ["192.0.2.1", "10.213.0.1"] {
            assert_eq!(world.ask_from("two", protocol, address, 8080), "80 10.213.0.1", "{protocol} {address}");
        }
    }
    // As `kakuri container port` and `inspect` tell it.
    let said = world.kakuri(&["inspect", "web"]).ok().text();
    assert!(said.contains("8080"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_made() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let before = world.state();
    world.start("web", &["-p", "8080:80"]);
    let said = world.kakuri(&["--network", "bridge", "-p", "8080:80", "true"]);
    said.refused(125, &["127.0.0.1:8080", "taken"]).hints(&["ss -ltnp"]);
    world.kakuri(&["stop", "--time", "0", "web"]).ok();
    assert_eq!(world.state(), before);
}
