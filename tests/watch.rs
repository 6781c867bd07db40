//! Nothing of a container with a VPN is ever seen outside the tunnel: every packet that leaves the host is looked at
//! while the container starts, talks, loses its peer, follows it, is left by its tunnel, and stops.
//!
//! Two network namespaces, a cable between them, WireGuard (wireguard-go) at the far end, kakuri at the near one, and
//! beside it a program that notes whatever goes out there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "tunnel/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use common::{Scene, until};
use world::{Net, cable};

/// Says all kinds of things to all kinds of places, and notes each round.
const PAYLOAD: &str = include_str!("watch/payload.py");
/// Notes every packet that goes out, by any interface.
const WATCHER: &str = include_str!("watch/watcher.py");

struct World {
    near: Net,
    far: Net,
    scene: Scene,
    /// What the command is called, and with it the tunnel.
    label: String,
}

impl World {
    fn new() -> World {
        let scene = Scene::new();
        let mut near = Net::new();
        let mut far = Net::beside(&near);
        let label = format!("payload-{}", near.pid());
        // The host's own IPv6 would say hello on every new link.
        for net in [&mut near, &mut far] {
            net.ok("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
        }
        cable(&mut near, &mut far, "w0", [["192.0.2.1/24", "198.51.100.1/24"], ["192.0.2.2/24", "198.51.100.2/24"]]);
        far.ok("sysctl -qw net.ipv6.conf.default.disable_ipv6=0");
        scene.script(&label, PAYLOAD);
        scene.script("watcher", WATCHER);
        let mut world = World { near, far, scene, label };
        world.serve();
        world.configure();
        let log = world.log();
        world.near.start(&format!("{} {}", world.scene.work().join("watcher").display(), log.display()));
        world.near.wait_for(&format!("grep -q ready {}", log.display()));
        world
    }

    fn log(&self) -> PathBuf {
        self.scene.work().join("packets")
    }

    /// WireGuard at the far end; once more with the keys it had.
    fn serve(&mut self) {
        let keys = self.scene.work().display().to_string();
        self.far.ok(&format!(
            "cd {keys}; umask 077; for k in far near; do [ -e $k ] || wg genkey >$k; done; wg genpsk >psk"
        ));
        self.far
            .ok("env WG_PROCESS_FOREGROUND=1 setpriv --pdeathsig KILL wireguard-go wg0 </dev/null >/dev/null 2>&1 & \
            echo $! >far.pid");
        self.far.wait_for("wg show wg0");
        self.far.ok("wg set wg0 private-key far listen-port 51820 peer $(wg pubkey <near) preshared-key psk \
            allowed-ips 10.9.0.2/32,fd09::2/128 && ip addr add 10.9.0.1/24 dev wg0 && ip link set wg0 up && \
            ip addr add fd09::1/64 dev wg0 nodad && ip link set lo up");
    }

    fn configure(&self) {
        let read = |name: &str| fs::read_to_string(self.scene.work().join(name)).unwrap();
        let public = |key: &str| {
            let input = format!("{}\n", read(key).trim());
            self.scene.program("wg").arg("pubkey").input(input).output().ok().text()
        };
        let text = format!(
            "[Interface]\nPrivateKey = {}Address = 10.9.0.2/32, fd09::2/128\nDNS = 10.9.0.1\n[Peer]\nPublicKey = {}\n\
            PresharedKey = {}Endpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0, ::/0\n",
            read("near"),
            public("far"),
            read("psk")
        );
        let path = self.scene.file("wg.conf", text);
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// `kakuri LINE` in the near namespace.
    fn kakuri(&self, line: &str) -> String {
        let [home, runtime, work] = [self.scene.home(), self.scene.runtime(), self.scene.work()];
        let (home, runtime, work) = (home.display(), runtime.display(), work.display());
        format!("cd {work}; env HOME={home} XDG_RUNTIME_DIR={runtime} {} {line}", common::KAKURI)
    }

    /// Starts the payload behind the VPN, in the background; its end is told in a file.
    fn start(&mut self, options: &str) {
        let (label, work) = (&self.label, self.scene.work());
        for file in ["rounds", "ended", "said"] {
            let _ = fs::remove_file(work.join(file));
        }
        let line = self.kakuri(&format!("--vpn ./wg.conf {options} --bind . ./{label}"));
        self.near.ok(&format!("({line} >said 2>&1 </dev/null; echo $? >ended) &"));
        self.rounds();
    }

    /// Waits until the payload has said everything twice more.
    fn rounds(&self) {
        let said = || fs::metadata(self.scene.work().join("rounds")).map_or(0, |meta| meta.len());
        let before = said();
        assert!(until(common::HANG, || said() >= before + 2), "the payload is silent: {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.scene.work().join("said")).unwrap_or_default()
    }

    /// Waits until something more has come through the tunnel.
    fn reaches(&mut self) {
        let arrived = |far: &mut Net| far.ok("sed -n 's/^ *wg0: *[0-9]* *\\([0-9]*\\) .*/\\1/p' /proc/net/dev");
        let count = |far: &mut Net| arrived(far).parse::<u64>().unwrap();
        let before = count(&mut self.far);
        assert!(until(common::HANG, || count(&mut self.far) > before + 4), "nothing arrives: {}", self.said());
    }

    fn tunnel(&mut self, signal: &str) {
        let line = format!("pkill -{signal} -f '^kakuri-netns \\[{} wg\\]$'", self.label);
        self.near.ok(&line);
    }

    /// To kakuri itself.
    fn signal(&mut self, signal: &str) {
        let line = format!("pkill -{signal} -f '^{} --vpn .*{}$'", common::KAKURI, self.label);
        self.near.ok(&line);
    }

    /// How kakuri ended.
    fn code(&self) -> i32 {
        let ended = self.scene.work().join("ended");
        assert!(until(common::HANG, || ended.exists()), "kakuri does not end: {}", self.said());
        let read = || fs::read_to_string(&ended).ok().and_then(|code| code.trim().parse().ok());
        assert!(until(common::HANG, || read().is_some()));
        read().unwrap()
    }

    /// What went out that is neither ARP nor UDP to the endpoint, at one of these ports.
    fn foreign(&self, ports: &[u16]) -> BTreeSet<String> {
        let log = fs::read_to_string(self.log()).unwrap();
        let ours = |line: &&str| {
            *line == "ready" || *line == "arp" || ports.iter().any(|port| *line == format!("udp 192.0.2.2 {port}"))
        };
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines.len() > 1, "the watcher has seen nothing at all");
        lines.into_iter().filter(|line| !ours(line)).map(str::to_string).collect()
    }

    fn nothing_foreign(&self, ports: &[u16], phase: &str) {
        assert_eq!(self.foreign(ports), BTreeSet::new(), "{phase}");
    }
}

fn ready(test: &str) -> bool {
    for program in ["wireguard-go", "wg", "ip", "python3", "pkill"] {
        if !common::have(program) {
            common::skip(format_args!("watch::{test}: needs {program}"));
            return false;
        }
    }
    if fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_err() {
        common::skip(format_args!("watch::{test}: needs /dev/net/tun"));
        return false;
    }
    true
}

#[test]
fn no_packet_leaves_beside_the_tunnel() {
    if !ready("no_packet_leaves_beside_the_tunnel") {
        return;
    }
    let mut world = World::new();
    world.start("");
    world.reaches();
    world.nothing_foreign(&[51820], "start and talk");

    world.far.ok("kill -STOP $(cat far.pid)");
    world.rounds();
    world.rounds();
    world.nothing_foreign(&[51820], "the peer is silent");
    world.far.ok("kill -CONT $(cat far.pid)");
    world.reaches();
    world.nothing_foreign(&[51820], "it is back");

    world.far.ok("wg set wg0 listen-port 51999 peer $(wg pubkey <near) endpoint $(wg show wg0 endpoints | cut -f2)");
    world.far.run("ping -c 3 -i 0.2 10.9.0.2");
    world.reaches();
    world.nothing_foreign(&[51820, 51999], "it has moved");

    // All that was agreed upon is gone at the far end: a new handshake.
    world.far.ok("kill -KILL $(cat far.pid); sleep 0.1");
    world.serve_again();
    world.reaches();
    world.nothing_foreign(&[51820, 51999], "new keys");

    world.tunnel("STOP");
    world.rounds();
    world.rounds();
    world.nothing_foreign(&[51820, 51999], "the tunnel is stopped");
    world.tunnel("CONT");
    world.reaches();

    world.tunnel("KILL");
    assert_eq!(world.code(), 125, "{}", world.said());
    let said = world.said();
    assert!(said.contains("VPN tunnel has ended") && said.contains("killed by signal 9"), "{said}");
    world.nothing_foreign(&[51820, 51999], "the tunnel is killed");
    assert_eq!(world.near.ok("ip -o link | wc -l"), "2", "lo and the cable");

    // And the watcher does see what goes beside a tunnel.
    let line = world.kakuri("--network host bash -c 'echo >/dev/udp/192.0.2.2/9'");
    world.near.ok(&line);
    let seen = until(Duration::from_secs(20), || !world.foreign(&[51820, 51999]).is_empty());
    assert!(seen, "the watcher is blind");
}

#[test]
fn a_container_may_outlive_its_tunnel_and_is_alone_then() {
    if !ready("a_container_may_outlive_its_tunnel_and_is_alone_then") {
        return;
    }
    let mut world = World::new();
    world.start("--vpn-on-failure block");
    world.reaches();
    world.tunnel("KILL");
    let work = world.scene.work();
    let told = until(common::HANG, || world.said().contains("goes on without a network"));
    assert!(told, "{}", world.said());
    world.rounds();
    world.rounds();
    let links = || fs::read_to_string(work.join("links")).unwrap_or_default();
    assert!(until(common::HANG, || links() == "lo"), "left with {}", links());
    world.nothing_foreign(&[51820], "without a tunnel");
    world.signal("TERM");
    assert_eq!(world.code(), 143, "{}", world.said());
    world.nothing_foreign(&[51820], "stopped");
}

#[test]
fn kill_9_of_kakuri_leaves_nothing_and_lets_nothing_out() {
    if !ready("kill_9_of_kakuri_leaves_nothing_and_lets_nothing_out") {
        return;
    }
    let mut world = World::new();
    world.start("");
    world.reaches();
    world.signal("KILL");
    assert_eq!(world.code(), 137);
    let label = world.label.clone();
    world.near.wait_for(&format!("! pgrep -f '{label}'"));
    assert_eq!(world.near.ok("ip -o link | wc -l"), "2", "lo and the cable");
    world.nothing_foreign(&[51820], "kakuri is killed");
}

impl World {
    /// The far end as it was, without what was agreed upon.
    fn serve_again(&mut self) {
        self.far.wait_for("! ip link show wg0");
        self.far
            .ok("env WG_PROCESS_FOREGROUND=1 setpriv --pdeathsig KILL wireguard-go wg0 </dev/null >/dev/null 2>&1 & \
            echo $! >far.pid");
        self.far.wait_for("wg show wg0");
        self.far.ok("wg set wg0 private-key far listen-port 51999 peer $(wg pubkey <near) preshared-key psk \
            allowed-ips 10.9.0.2/32,fd09::2/128 && ip addr add 10.9.0.1/24 dev wg0 && ip link set wg0 up && \
            ip addr add fd09::1/64 dev wg0 nodad");
    }
}
