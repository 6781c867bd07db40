//! Rootless NAT: which program, with which resolver, and which ports. What is asked of the host here changes nothing on
//! it; [`settle`] tries the ports, at the start alone.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kakuri_netns::Uplink;
use kakuri_netns::nat::{Forward, Nat, Program, RESOLVER, RESOLVER6, SLIRP_RESOLVER6, gate, is_old};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::io::Errno;

use super::{Kind, Wiring};
use crate::host::Host;
use crate::identity::NOBODY;
use crate::spec::{Network, OnFailure, Publish, Spec};

/// As often a free range of ports is looked for.
const TRIES: usize = 64;

/// Decides all but the ports that are to be free ones (0 until [`settle`]).
pub fn wire(spec: &Spec, mode: &Network, host: &Host) -> Result<Wiring> {
    let routes = Routes::look();
    let Choice { program, path, old, mut notes } = choose(mode, host, &routes)?;
    let asked = Resolvers::look();
    let upstream = asked.upstream().filter(|_| program == Program::Pasta);
    let nat = Nat {
        program,
        path: path.as_os_str().into(),
        old,
        ipv6: routes.v6,
        upstream,
        ports: spec.publish.iter().map(forward).collect(),
        host_ports: spec.host_ports.iter().copied().collect::<BTreeSet<u16>>().into_iter().collect(),
    };
    if !routes.v4 && !routes.v6 {
        notes.push("there is no default route outside: the container reaches the host's own networks at most".into());
    }
    let resolvers = if spec.dns.is_empty() { vec![asked.inside(program, routes.v6)] } else { spec.dns.clone() };
    Ok(Wiring {
        label: "nat".into(),
        kind: Kind::Own,
        netns: None,
        uplink: Some(Uplink::Nat(nat)),
        on_failure: OnFailure::Stop,
        resolvers: Some(resolvers),
        search: spec.dns_search.clone(),
        hosts: spec.hosts.clone(),
        joined: None,
        notes,
    })
}

/// Without a port of the host's one is chosen at the start: 0 until then.
pub fn forward(publish: &Publish) -> Forward {
    Forward {
        protocol: publish.protocol,
        address: publish.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        host: publish.host.unwrap_or(0),
        inside: publish.inside,
        count: publish.count,
    }
}

/// Tries every port, and finds those that are to be free ones: a start fails here, before anything is made.
pub fn settle(ports: &mut [Forward]) -> Result<()> {
    for at in 0..ports.len() {
        let forward = ports[at];
        if forward.host != 0 {
            for (host, _) in forward.pairs() {
                let address = SocketAddr::new(forward.address, host);
                let tried = gate::open(address, forward.protocol);
                tried.map_err(|e| gate::refused(Stage::Front, address, forward.protocol, e))?;
            }
            continue;
        }
        ports[at].host = free(&forward, ports)?;
    }
    Ok(())
}

/// The first of a run of ports that nobody has, nor another of `taken` is to have.
fn free(forward: &Forward, taken: &[Forward]) -> Result<u16> {
    let any = SocketAddr::new(forward.address, 0);
    let cannot = |e: Errno| match gate::refused(Stage::Front, any, forward.protocol, e) {
        fail if matches!(e, Errno::ADDRINUSE | Errno::ACCESS) => {
            Fail::new(Stage::Front, format!("no {} free ports in a row at {}", forward.count, forward.address))
                .hint("name the ports of the host: -p 8000-8010:80-90")
                .code(fail.code)
        }
        fail => fail,
    };
    for _ in 0..TRIES {
        let socket = gate::open(any, forward.protocol).map_err(cannot)?;
        let bound = rustix::net::getsockname(&socket).map_err(cannot)?;
        let first = SocketAddr::try_from(bound).map_err(|_| cannot(Errno::ADDRNOTAVAIL))?.port();
        let chosen = Forward { host: first, ..*forward };
        let whole = chosen.pairs().count() == usize::from(forward.count);
        // The first is held open by now.
        let rest = || {
            let mut rest = chosen.pairs().skip(1).map(|(host, _)| SocketAddr::new(forward.address, host));
            rest.all(|address| gate::open(address, forward.protocol).is_ok())
        };
        if whole && !taken.iter().any(|other| other.host != 0 && overlap(&chosen, other)) && rest() {
            return Ok(first);
        }
    }
    Err(cannot(Errno::ADDRINUSE))
}

/// Whether two published runs want a port of the host's at once.
pub fn overlap(a: &Forward, b: &Forward) -> bool {
    let end = |f: &Forward| u32::from(f.host) + u32::from(f.count);
    let meet = u32::from(a.host) < end(b) && u32::from(b.host) < end(a);
    let of_one_family = a.address.is_ipv4() == b.address.is_ipv4();
    let same = a.address == b.address || of_one_family && (a.address.is_unspecified() || b.address.is_unspecified());
    a.protocol == b.protocol && meet && same
}

/// Of a running container, as docker writes it: `127.0.0.1:8080->80/tcp`.
pub fn shown(forward: &Forward) -> String {
    let run = |first: u16| match forward.count {
        1 => first.to_string(),
        count => format!("{first}-{}", u32::from(first) + u32::from(count) - 1),
    };
    let host = SocketAddr::new(forward.address, 0).to_string();
    let host = host.strip_suffix(":0").unwrap_or_default();
    format!("{host}:{}->{}/{}", run(forward.host), run(forward.inside), forward.protocol)
}

/// Which of the two it is.
struct Choice {
    program: Program,
    path: PathBuf,
    /// [`Nat::old`].
    old: bool,
    notes: Vec<String>,
}

fn choose(mode: &Network, host: &Host, routes: &Routes) -> Result<Choice> {
    let wanted: &[Program] = match mode {
        Network::Pasta => &[Program::Pasta],
        Network::Slirp4netns => &[Program::Slirp4netns],
        // Without a default route many a pasta refuses to start.
        _ if !routes.v4 && !routes.v6 => &[Program::Slirp4netns, Program::Pasta],
        _ => &[Program::Pasta, Program::Slirp4netns],
    };
    let mut unfit = None;
    for program in wanted {
        match find(program.name(), host) {
            Found::Here(path) => {
                let old = *program == Program::Pasta && is_old(&said_version(&path));
                let mut choice = Choice { program: *program, path, old, notes: Vec::new() };
                if *mode == Network::Nat && old {
                    choice = choice.stood_in(host);
                } else if *mode == Network::Nat && *program == Program::Slirp4netns && routes.v4 {
                    choice.notes.push("slirp4netns stands in for pasta, which is faster and is not installed".into());
                }
                return Ok(choice);
            }
            Found::Unfit(path, why) => unfit = unfit.or(Some((path, why))),
            Found::Nowhere => {}
        }
    }
    let names: Vec<&str> = wanted.iter().map(|program| program.name()).collect();
    let what = format!("--network {} needs {}", super::word(mode), names.join(" or "));
    let package = if wanted.first() == Some(&Program::Slirp4netns) { "slirp4netns" } else { "passt" };
    Err(match unfit {
        Some((path, why)) => Fail::new(Stage::Front, what)
            .why(format!("'{}' {why}", path.display()))
            .hint(format!("it has to be root's or yours alone: ls -lL '{}' shows whose it is", path.display())),
        None => Fail::new(Stage::Front, what)
            .why("it is not installed")
            .hint(format!("sudo apt install {package}, sudo dnf install {package}, or sudo pacman -S {package}")),
    })
}

impl Choice {
    /// An old pasta comes to a standstill when much is sent, whatever the size of packets; slirp4netns does not.
    fn stood_in(mut self, host: &Host) -> Choice {
        match find(Program::Slirp4netns.name(), host) {
            Found::Here(path) => {
                let note = "slirp4netns stands in for pasta, which is of before 2024 and stalls when much is sent";
                Choice { program: Program::Slirp4netns, path, old: false, notes: vec![note.into()] }
            }
            _ => {
                self.notes.push(
                    "this pasta is of before 2024 and stalls when much is sent: install slirp4netns, or a newer one"
                        .into(),
                );
                self
            }
        }
    }
}

/// What a program says it is; nothing where it does not say. Its own failure is told when it is started in earnest.
pub fn said_version(path: &Path) -> String {
    let mut program = Command::new(path);
    program.arg("--version").env_clear().current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    program.output().map_or_else(|_| String::new(), |said| String::from_utf8_lossy(&said.stdout).into_owned())
}

/// A program that was looked for.
pub enum Found {
    Here(PathBuf),
    /// One that is not to be trusted with the container's traffic, and why.
    Unfit(PathBuf, &'static str),
    Nowhere,
}

/// The first that is fit.
pub fn find(name: &str, host: &Host) -> Found {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut unfit = Found::Nowhere;
    for candidate in host.places(name) {
        let Ok(meta) = fs::metadata(&candidate) else { continue };
        let mode = meta.permissions().mode();
        if !meta.is_file() || mode & 0o111 == 0 {
            continue;
        }
        let why = match mode {
            // It is run with the caller's rights alone, which such a program does not expect.
            _ if mode & 0o6000 != 0 => "is set-id",
            _ if mode & 0o002 != 0 => "can be changed by everybody",
            _ if !is_trusted(meta.uid(), host.uid, &map) => "is another user's",
            _ if mode & 0o020 != 0 && meta.gid() != 0 && meta.uid() != host.uid => "can be changed by others",
            _ => return Found::Here(candidate),
        };
        if matches!(unfit, Found::Nowhere) {
            unfit = Found::Unfit(candidate, why);
        }
    }
    unfit
}

/// Root's programs, and one's own. In a user namespace (by its uid_map) root may have no number, as others have none.
fn is_trusted(owner: u32, own: u32, map: &str) -> bool {
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    owner == 0 || owner == own || (owner == NOBODY && !whole)
}

/// Whether the host has a default route (proc(5): /proc/net/route, ipv6_route).
struct Routes {
    v4: bool,
    v6: bool,
}

impl Routes {
    fn look() -> Routes {
        let read = |name: &str| fs::read_to_string(Path::new("/proc/net").join(name)).unwrap_or_default();
        Routes { v4: default_v4(&read("route")), v6: default_v6(&read("ipv6_route")) }
    }
}

fn default_v4(table: &str) -> bool {
    let mut lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Destination and mask; flag 0x200 is a route that rejects.
    lines.any(|f| f.len() > 7 && f[1] == "00000000" && f[7] == "00000000" && flags(f[3]) & 0x201 == 1)
}

fn default_v6(table: &str) -> bool {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Every host has one that rejects, on lo.
    lines.any(|f| {
        f.len() > 9 && f[0].bytes().all(|b| b == b'0') && f[1] == "00" && f[9] != "lo" && flags(f[8]) & 0x201 == 1
    })
}

fn flags(hex: &str) -> u32 {
    u32::from_str_radix(hex, 16).unwrap_or_default()
}

/// The host's own resolvers, in the order of its resolv.conf(5).
struct Resolvers {
    servers: Vec<IpAddr>,
    /// What systemd-resolved asks itself.
    behind: Vec<IpAddr>,
}

impl Resolvers {
    fn look() -> Resolvers {
        let of = |path: &str| servers(&fs::read(path).unwrap_or_default());
        Resolvers { servers: of("/etc/resolv.conf"), behind: of("/run/systemd/resolve/resolv.conf") }
    }

    /// Where the container asks: the address that stands for the host's resolver, of the family that one has.
    fn inside(&self, program: Program, ipv6: bool) -> IpAddr {
        let v4 = self.servers.iter().any(IpAddr::is_ipv4);
        match program {
            _ if v4 || self.servers.is_empty() || !ipv6 => RESOLVER.into(),
            Program::Pasta => RESOLVER6.into(),
            Program::Slirp4netns => SLIRP_RESOLVER6.into(),
        }
    }

    /// Where the first is a loopback address that an old pasta does not reach: one behind it.
    fn upstream(&self) -> Option<Ipv4Addr> {
        let first = self.servers.iter().find_map(v4)?;
        let apart = first.is_loopback() && first != Ipv4Addr::LOCALHOST;
        self.behind.iter().filter_map(v4).find(|ip| apart && !ip.is_loopback())
    }
}

fn v4(ip: &IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    }
}

pub(super) fn servers(file: &[u8]) -> Vec<IpAddr> {
    let text = String::from_utf8_lossy(file);
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    // A link's name may follow an address of one link alone.
    named.filter_map(|rest| rest.trim().split('%').next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use kakuri_netns::nat::{self, Protocol};

    use super::*;

    fn at(address: &str, host: u16, count: u16, protocol: Protocol) -> Forward {
        Forward { protocol, address: address.parse().expect("an address"), host, inside: 80, count }
    }

    #[test]
    fn a_program_of_another_user_is_not_run() {
        let (whole, of_one) = ("         0          0 4294967295\n", "      1000       1000          1\n");
        for (owner, map, trusted) in [
            (0, whole, true),
            (1000, whole, true),
            (1001, whole, false),
            (NOBODY, whole, false),
            (NOBODY, of_one, true),
            (1001, of_one, false),
        ] {
            assert_eq!(is_trusted(owner, 1000, map), trusted, "{owner}, {map}");
        }
    }

    #[test]
    fn ports_that_meet() {
        let one = at("127.0.0.1", 8000, 10, Protocol::Tcp);
        assert!(overlap(&one, &at("127.0.0.1", 8009, 1, Protocol::Tcp)));
        assert!(overlap(&one, &at("0.0.0.0", 8009, 5, Protocol::Tcp)));
        assert!(!overlap(&one, &at("127.0.0.1", 8010, 1, Protocol::Tcp)));
        assert!(!overlap(&one, &at("127.0.0.1", 8000, 10, Protocol::Udp)));
        assert!(!overlap(&one, &at("::", 8000, 10, Protocol::Tcp)));
        assert!(!overlap(&one, &at("127.0.0.2", 8000, 10, Protocol::Tcp)));
        assert_eq!(shown(&one), "127.0.0.1:8000-8009->80-89/tcp");
        assert_eq!(shown(&at("::1", 53, 1, Protocol::Udp)), "[::1]:53->80/udp");
    }

    #[test]
    fn default_routes_of_a_table() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let line = |to: &str, flags: &str| format!("{head}eth0\t{to}\t010200C0\t{flags}\t0\t0\t0\t{to}\t0\t0\t0\n");
        assert!(default_v4(&line("00000000", "0003")));
        assert!(!default_v4(&line("00000000", "0200")) && !default_v4(&line("000200C0", "0001")) && !default_v4(""));
        let zeros = "0".repeat(32);
        let line = |flags: &str, link: &str| format!("{zeros} 00 {zeros} 00 {zeros} 00000400 1 0 {flags} {link}\n");
        assert!(default_v6(&line("00000003", "eth0")));
        assert!(!default_v6(&line("00200200", "lo")) && !default_v6(""));
    }

    #[test]
    fn the_resolver_that_stands_for_the_hosts() {
        let of = |file: &str, behind: &str| Resolvers {
            servers: servers(file.as_bytes()),
            behind: servers(behind.as_bytes()),
        };
        let stub = of("# a comment\nnameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.1\n");
        assert_eq!(stub.inside(Program::Pasta, true).to_string(), "10.0.2.3");
        assert_eq!(stub.upstream(), Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(of("nameserver 127.0.0.1", "nameserver 192.0.2.1").upstream(), None, "which any pasta reaches");
        let only = of("nameserver fe80::1%eth0\n", "");
        assert_eq!(only.inside(Program::Pasta, true), IpAddr::V6(nat::RESOLVER6));
        assert_eq!(only.inside(Program::Slirp4netns, true), IpAddr::V6(nat::SLIRP_RESOLVER6));
        assert_eq!(of("", "").inside(Program::Pasta, true).to_string(), "10.0.2.3");
    }
}
