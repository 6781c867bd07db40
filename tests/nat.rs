//! Rootless NAT by pasta and slirp4netns: what leaves, what is kept out, which ports lead in, and what is left when any
//! of its processes is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "nat/double.rs"]
mod double;
#[path = "nat/hangup.rs"]
mod hangup;
#[path = "nat/killed.rs"]
mod killed;
#[path = "nat/outer.rs"]
mod outer;
#[path = "nat/refused.rs"]
mod refused;

use common::Scene;
use outer::{ANSWER, ASK, FAR, FAR6, HOST, HOST6, Outer, Ready, answers, have};

const PROGRAMS: [&str; 2] = ["pasta", "slirp4netns"];

/// A case: what is published, what is asked, and what has to come.
struct Case {
    publish: Option<String>,
    ask: String,
    answer: String,
}

/// Of one family and protocol: ten, on ports from `base` on.
fn cases(v6: bool, protocol: &str, base: u16) -> Vec<Case> {
    let (loopback, any) = if v6 { ("[::1]:", "[::]:") } else { ("127.0.0.1:", "0.0.0.0:") };
    let (here, other, own) = if v6 { ("::1", HOST6, HOST6) } else { ("127.0.0.1", "127.0.0.2", HOST) };
    // Without an address it is 127.0.0.1.
    let default = if v6 { loopback } else { "" };
    let case = |publish: Option<String>, address: &str, port: u16, inside: Option<u16>| Case {
        publish: publish.map(|p| format!("{p}/{protocol}")),
        ask: format!("{protocol},{address},{port}"),
        answer: inside.map_or("refused".into(), |inside| format!("inside {protocol} {inside}")),
    };
    let b = base;
    vec![
        case(Some(format!("{default}{b}:{b}")), here, b, Some(b)),
        case(None, other, b, None),
        case(Some(format!("{loopback}{}:{}", b + 1, b + 101)), here, b + 1, Some(b + 101)),
        case(Some(format!("{loopback}{0}-{1}:{0}-{1}", b + 10, b + 12)), here, b + 10, Some(b + 10)),
        case(None, here, b + 11, Some(b + 11)),
        case(None, here, b + 12, Some(b + 12)),
        case(Some(format!("{loopback}{}-{}:{}-{}", b + 20, b + 22, b + 200, b + 202)), here, b + 20, Some(b + 200)),
        case(None, here, b + 22, Some(b + 202)),
        case(None, here, b + 23, None),
        case(Some(format!("{any}{}:{}", b + 30, b + 31)), own, b + 30, Some(b + 31)),
    ]
}

/// Forty a program: IPv4 and IPv6, TCP and UDP, single, ranges, translated, another address, everywhere.
#[test]
fn published_ports_lead_to_their_own_and_nothing_else_does() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    for program in PROGRAMS {
        if !have(program) {
            continue;
        }
        let mut all = Vec::new();
        for (n, (v6, protocol)) in
            [(false, "tcp"), (false, "udp"), (true, "tcp"), (true, "udp")].into_iter().enumerate()
        {
            all.extend(cases(v6, protocol, 20_000 + 1000 * n as u16));
        }
        assert_eq!(all.len(), 40);
        let mut words: Vec<String> = vec!["--network".into(), program.into()];
        words.extend(all.iter().filter_map(|c| c.publish.clone()).flat_map(|p| ["-p".to_string(), p]));
        words.extend(["--", "python3", "-c", ANSWER, "inside"].map(String::from));
        // Every port inside that any could lead to, wanted or not, answers with its own number.
        for (n, (v6, protocol)) in
            [(false, "tcp"), (false, "udp"), (true, "tcp"), (true, "udp")].into_iter().enumerate()
        {
            let any = if v6 { "::" } else { "0.0.0.0" };
            let base = 20_000 + 1000 * n as u16;
            let ports = (0..35).chain(100..103).chain(199..204).map(|p| base + p);
            words.extend(ports.map(|port| format!("{protocol},{any},{port}")));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _container = Ready::wait(outer.kakuri(&scene, &words));
        let asked: Vec<String> = all.iter().map(|c| c.ask.clone()).collect();
        let wrong: Vec<String> = outer
            .ask(&scene, &asked)
            .iter()
            .zip(&all)
            .filter(|((_, said), case)| *said != case.answer)
            .map(|((asked, said), case)| format!("{asked}: {said}, not {}", case.answer))
            .collect();
        assert!(wrong.is_empty(), "{program}: {wrong:#?}");
    }
}

/// From another machine too; to what listens at the container's loopback alone, at its address alone, or for IPv4 alone.
#[test]
fn a_port_finds_whatever_listens_inside() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        let published = [
            "-p",
            "0.0.0.0:7001:1",
            "-p",
            "0.0.0.0:7002:2",
            "-p",
            "[::]:7003:2",
            "-p",
            "[::]:7004:4/udp",
            "-p",
            "[::]:7005:5",
        ];
        let mut words = vec!["--network", program];
        words.extend(published);
        words.extend(["--", "python3", "-c", ANSWER, "inside"]);
        words.extend(["tcp,127.0.0.1,1", "tcp,10.0.2.100,2", "udp,0.0.0.0,4"]);
        let _container = Ready::wait(outer.kakuri(&scene, &words));
        let asked = |address: &str, address6: &str| {
            vec![
                (format!("tcp,{address},7001"), "inside tcp 1"),
                (format!("tcp,{address},7002"), "inside tcp 2"),
                (format!("tcp,{address6},7003"), "inside tcp 2"),
                (format!("udp,{address6},7004"), "inside udp 4"),
                // Published, and nobody listens: what a refusal is with a relay between.
                (format!("tcp,{address6},7005"), "reset"),
            ]
        };
        let expected = asked(HOST, HOST6);
        let words: Vec<String> = expected.iter().map(|(word, _)| word.clone()).collect();
        let from_afar = outer.far(&scene, &["python3", "-c", ASK, "5"]).args(&words).output().ok().text();
        for said in [outer.ask(&scene, &words), answers(from_afar)] {
            let said: Vec<(String, &str)> = said.iter().map(|(word, said)| (word.clone(), said.as_str())).collect();
            assert_eq!(said, expected, "{program}");
        }
    }
}

/// Out by both families and protocols, names by the host's resolver; the host's loopback by no way but a named port.
#[test]
fn what_leaves_and_what_is_kept_out() {
    let scene = Scene::new();
    need!("dnsmasq", "dig");
    let Some(outer) = Outer::new(&scene) else { return };
    let mut words = vec!["python3", "-c", ANSWER, "far"];
    let far = [FAR, FAR6].map(|ip| ["tcp", "udp"].map(|p| format!("{p},{ip},7000"))).concat();
    words.extend(far.iter().map(String::as_str));
    let _far = Ready::wait(outer.far(&scene, &words));
    let loopback = ["127.0.0.1", "::1"]
        .map(|ip| ["tcp", "udp"].map(|p| [7000, 7001].map(|n| format!("{p},{ip},{n}"))))
        .concat()
        .concat();
    let mut words = vec!["python3", "-c", ANSWER, "loopback"];
    words.extend(loopback.iter().map(String::as_str));
    let _loopback = Ready::wait(outer.here(&scene, &words));
    // Itself in the shell's place, so that it is what is ended.
    let script = "{ until dig +short +time=1 +tries=1 @127.0.0.1 name.test >/dev/null; do sleep 0.05; done; echo ready; } & \
                  exec dnsmasq --no-daemon --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces \
                  --pid-file= --address=/name.test/192.0.2.77 --user=root --group=root --log-facility=/dev/null";
    let _resolver = Ready::wait(outer.here(&scene, &["bash", "-c", script]));

    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        // slirp4netns' IPv6 address comes by an advertisement, a second or two after the rest.
        let wait = "for i in $(seq 100); do grep -q '^00000000000000000000000000000000 00 .* eth0' /proc/net/ipv6_route \
                    && break; sleep 0.1; done; exec python3 -c \"$0\" \"$@\"";
        let named = ["tcp,127.0.0.1,7001", "udp,127.0.0.1,7001", "tcp,::1,7001", "udp,::1,7001"];
        let options = ["--network", program, "--allow-host-port", "7001", "--", "bash", "-c", wait, ASK, "5"];
        let said = outer.kakuri(&scene, &options).args(&far).args(named).output().ok().text();
        for (word, said) in answers(said) {
            let whose = if word.ends_with("7001") { "loopback" } else { "far" };
            let port = if whose == "far" { 7000 } else { 7001 };
            assert_eq!(said, format!("{whose} {} {port}", &word[..3]), "{program}: {word}");
        }
        // Neither by the gateway, nor by the resolver's address, nor at its own loopback; not even the named port there.
        let mut kept_out = Vec::new();
        for ip in
            ["10.0.2.2", "10.0.2.3", "127.0.0.1", "::1", "fd6b:616b:7572::2", "fd6b:616b:7572::3", "fd00::2", "fd00::3"]
        {
            kept_out.extend(["tcp", "udp"].map(|p| format!("{p},{ip},7000")));
        }
        kept_out.extend(["tcp,10.0.2.2,7001".into(), "udp,10.0.2.2,7001".into(), "udp,10.0.2.3,7001".into()]);
        let options = ["--network", program, "--allow-host-port", "7001", "--", "bash", "-c", wait, ASK, "2"];
        for (word, said) in answers(outer.kakuri(&scene, &options).args(kept_out).output().ok().text()) {
            assert!(["silent", "refused", "unreachable", "reset"].contains(&said.as_str()), "{program}: {word} {said}");
        }
        let name = ["--network", program, "--", "dig", "+short", "+time=5", "name.test"];
        assert_eq!(outer.kakuri(&scene, &name).output().ok().text(), "192.0.2.77", "{program}");
    }
}

/// Bytes of any number in both directions at once, and half-closed connections.
#[test]
fn a_published_port_loses_nothing() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let Some(program) = PROGRAMS.into_iter().find(|program| have(program)) else { return };
    // Gives everything back, and ends when the other side has: what it does not read in time waits somewhere.
    let echo = "import socket,threading\n\
        s = socket.create_server(('0.0.0.0', 5))\n\
        print('ready', flush=True)\n\
        def serve(c):\n    while d := c.recv(65536): c.sendall(d)\n    c.close()\n\
        while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()";
    let _container =
        Ready::wait(outer.kakuri(&scene, &["--network", program, "-p", "7000:5", "--", "python3", "-c", echo]));
    let check = "import hashlib,os,socket,threading\n\
        def one(size):\n\
        \x20   data = os.urandom(size)\n\
        \x20   c = socket.create_connection(('127.0.0.1', 7000)); c.settimeout(30)\n\
        \x20   def send(): c.sendall(data); c.shutdown(socket.SHUT_WR)\n\
        \x20   t = threading.Thread(target=send); t.start()\n\
        \x20   got = b''.join(iter(lambda: c.recv(65536), b''))\n\
        \x20   t.join(); assert got == data, (size, len(got))\n\
        ts = [threading.Thread(target=one, args=(n,)) for n in [0, 1, 65535, 65536, 8_000_000, 30_000_000] * 4]\n\
        failed = []; threading.excepthook = lambda a: failed.append(a.exc_value)\n\
        [t.start() for t in ts]; [t.join() for t in ts]\n\
        print(failed or 'whole')";
    assert_eq!(outer.here(&scene, &["python3", "-c", check]).output().ok().text(), "whole");
}

/// Free ports are chosen and told.
#[test]
fn ports_that_are_chosen_are_told() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let Some(program) = PROGRAMS.into_iter().find(|program| have(program)) else { return };
    let words =
        ["run", "-d", "--name", "web", "--network", program, "-p", "80-82", "-p", "[::1]::53/udp", "-p", "7000:7"];
    let server = ["--", "python3", "-c", ANSWER, "inside", "tcp,0.0.0.0,80", "tcp,0.0.0.0,81", "tcp,0.0.0.0,82"];
    outer.kakuri(&scene, &[&words[..], &server[..]].concat()).output().ok();
    let told = outer.kakuri(&scene, &["container", "port", "web"]).output().ok().text();
    let lines: Vec<(&str, &str)> = told.lines().filter_map(|line| line.split_once(" -> 127.0.0.1:")).collect();
    assert_eq!(
        lines.iter().map(|(inside, _)| *inside).collect::<Vec<_>>(),
        ["80/tcp", "81/tcp", "82/tcp", "7/tcp"],
        "{told}"
    );
    let hosts: Vec<u16> = lines.iter().map(|(_, host)| host.parse().expect("a port")).collect();
    assert!(hosts[0] + 1 == hosts[1] && hosts[1] + 1 == hosts[2] && hosts[3] == 7000, "{told}");
    assert!(told.contains("53/udp -> [::1]:"), "{told}");
    let asked: Vec<String> = hosts[..3].iter().map(|port| format!("tcp,127.0.0.1,{port}")).collect();
    assert!(common::until(common::HANG, || outer
        .ask(&scene, &asked)
        .iter()
        .all(|(_, said)| said.starts_with("inside tcp 8"))));

    let one = outer.kakuri(&scene, &["container", "port", "web", "7/tcp"]).output().ok().text();
    assert_eq!(one, "127.0.0.1:7000");
    let none = outer.kakuri(&scene, &["container", "port", "web", "7/udp"]).output();
    none.refused(1, &["no port of the host leads to 7/udp of 'web'"]).hints(&["kakuri container port web"]);
    let ports =
        outer.kakuri(&scene, &["inspect", "web", "--format", "{{json .NetworkSettings.Ports}}"]).output().ok().text();
    assert!(ports.contains(r#""7/tcp":[{"HostIp":"127.0.0.1","HostPort":"7000"}]"#), "{ports}");
    let listed = outer.kakuri(&scene, &["container", "ls", "--format", "{{.Ports}}"]).output().ok().text();
    assert!(listed.contains("127.0.0.1:7000->7/tcp") && listed.contains("->80-82/tcp"), "{listed}");
    outer.kakuri(&scene, &["stop", "-t", "0", "web"]).output().ok();
    let gone = outer.ask(&scene, &["tcp,127.0.0.1,7000".to_string()]);
    assert_eq!(gone[0].1, "refused");
}
