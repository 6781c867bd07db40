//! A host and a far machine, each a network namespace, with a wire between them; containers start on the host.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::common::{GONE, KAKURI, Output, Scene, skip, until};

/// Answers with its port and who asks, over TCP and UDP.
pub const SERVER: &str = r#"
use Socket qw(:all); use IO::Socket::IP; use IO::Select; $| = 1;
my ($all, %udp, %port) = (IO::Select->new);
for my $p (@ARGV) { for my $h ("0.0.0.0", "::") {
    for my $kind ("tcp", "udp") {
        my %how = (LocalHost => $h, LocalPort => $p, V6Only => 1, Proto => $kind);
        $how{Listen} = 64, $how{ReuseAddr} = 1 if $kind eq "tcp";
        my $s = IO::Socket::IP->new(%how) or ($h eq "::" ? next : die "$h $p $kind: $@");
        $all->add($s); $udp{$s} = $kind eq "udp"; $port{$s} = $p;
    }
} }
print "ready\n";
while (my @ready = $all->can_read) { for my $s (@ready) {
    if ($udp{$s}) {
        my $from = $s->recv(my $said, 100); next unless $from;
        my ($bad, $who) = getnameinfo($from, NI_NUMERICHOST); $s->send("$port{$s} $who\n", 0, $from);
    } else { my $c = $s->accept or next; print $c "$port{$s} " . $c->peerhost . "\n"; close $c; }
} }"#;

/// Asks one: protocol, address, port.
const CLIENT: &str = r#"
use IO::Socket::IP; use IO::Select; my ($kind, $host, $port) = @ARGV;
my $c = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Proto => $kind, Timeout => 3);
if (!$c) { print "nobody\n"; exit }
for (1 .. 3) {
    $c->send("x") if $kind eq "udp";
    next unless IO::Select->new($c)->can_read($kind eq "udp" ? 1 : 10);
    my $said = ""; $c->sysread($said, 100); if (length $said) { print $said; exit }
    last if $kind eq "tcp";
}
print "nobody\n";"#;

/// Ended with this value.
pub struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct World<'a> {
    pub scene: &'a Scene,
    host: Ended,
    far: Ended,
    /// Whether this machine has IPv6.
    pub v6: bool,
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        let _ = self.kakuri(&["stop", "--time", "0", "-a"]);
        let gone = until(GONE, || self.helpers().is_empty());
        assert!(gone || std::thread::panicking(), "left: {:?}", self.helpers());
    }
}

fn namespace() -> Ended {
    let mut child = Command::new("unshare").args(["-n", "sleep", "infinity"]).stdin(Stdio::null()).spawn().unwrap();
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let path = format!("/proc/{}/ns/net", child.id());
    let apart = until(GONE, || fs::read_link(&path).is_ok_and(|link| link != own));
    assert!(apart, "{:?}", child.try_wait());
    Ended(child)
}

impl<'a> World<'a> {
    pub fn new(scene: &'a Scene) -> Option<World<'a>> {
        let (host, far) = (namespace(), namespace());
        let v6 = fs::metadata("/proc/sys/net/ipv6").is_ok();
        let world = World { scene, host, far, v6 };
        let probe = world.on(&world.host, &["ip", "link", "add", "kprobe0", "type", "bridge"]).output();
        if probe.code() != 0 || world.on(&world.host, &["nft", "add", "table", "inet", "kprobe"]).output().code() != 0 {
            skip("root_network: this kernel has no bridges, or no nf_tables");
            return None;
        }
        world.host(&["ip", "link", "del", "kprobe0"]);
        world.host(&["nft", "delete", "table", "inet", "kprobe"]);
        let far = world.far.0.id().to_string();
        world.host(&["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", &far]);
        world.host(&["ip", "address", "add", "192.0.2.1/24", "dev", "near0"]);
        world.far(&["ip", "address", "add", "192.0.2.2/24", "dev", "far0"]);
        if v6 {
            world.host(&["ip", "address", "add", "2001:db8::1/64", "dev", "near0", "nodad"]);
            world.far(&["ip", "address", "add", "2001:db8::2/64", "dev", "far0", "nodad"]);
            world.host(&["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"]);
        }
        for link in ["lo", "near0"] {
            world.host(&["ip", "link", "set", link, "up"]);
        }
        for link in ["lo", "far0"] {
            world.far(&["ip", "link", "set", link, "up"]);
        }
        world.host(&["ip", "route", "add", "default", "via", "192.0.2.2"]);
        world.host(&["sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"]);
        Some(world)
    }

    fn on(&self, place: &Ended, words: &[&str]) -> crate::common::Run {
        let namespace = format!("--net=/proc/{}/ns/net", place.0.id());
        self.scene.program("nsenter").arg(namespace).args(words)
    }

    #[track_caller]
    pub fn host(&self, words: &[&str]) -> String {
        self.on(&self.host, words).output().ok().text()
    }

    /// What may fail.
    pub fn try_host(&self, words: &[&str]) -> Output {
        self.on(&self.host, words).output()
    }

    #[track_caller]
    pub fn far(&self, words: &[&str]) -> String {
        self.on(&self.far, words).output().ok().text()
    }

    #[track_caller]
    pub fn kakuri(&self, words: &[&str]) -> Output {
        self.on(&self.host, &[&[KAKURI], words].concat()).output()
    }

    /// The same, still at work.
    pub fn spawn(&self, words: &[&str]) -> Child {
        self.on(&self.host, &[&[KAKURI], words].concat()).spawn()
    }

    /// A named container that sleeps, on the bridge.
    #[track_caller]
    pub fn start(&self, name: &str, options: &[&str]) -> Output {
        let words = [&["run", "-d", "--rm", "--name", name, "--network", "bridge"], options, &["sleep", "infinity"]];
        self.kakuri(&words.concat()).ok()
    }

    /// What a script in it says.
    #[track_caller]
    pub fn exec(&self, name: &str, script: &str) -> String {
        self.kakuri(&["exec", name, "sh", "-c", script]).ok().text()
    }

    /// Its IPv4 address.
    #[track_caller]
    pub fn address(&self, name: &str) -> String {
        self.exec(name, "ip -brief -4 address show eth0 | sed 's/.* \\([0-9.]*\\)\\/24.*/\\1/'").trim().to_string()
    }

    /// Begins the server in a container; it ends with that.
    #[track_caller]
    pub fn serve(&self, name: &str, ports: &[&str]) {
        let words = [&["exec", "-d", name, "perl", "-e", SERVER], ports].concat();
        self.kakuri(&words).ok();
        let port = format!(":{:04X} ", ports.last().unwrap().parse::<u16>().unwrap());
        let listens = until(GONE, || self.exec(name, "cat /proc/net/udp").contains(&port));
        assert!(listens, "nothing listens on {ports:?}");
    }

    /// The same on the far machine.
    #[track_caller]
    pub fn serve_far(&self, ports: &[&str]) -> Ended {
        let child = self.on(&self.far, &[&["perl", "-e", SERVER], ports].concat()).spawn();
        let port = format!(":{:04X} ", ports.last().unwrap().parse::<u16>().unwrap());
        let listens = until(GONE, || self.far(&["cat", "/proc/net/udp"]).contains(&port));
        assert!(listens, "nothing listens on {ports:?}");
        Ended(child)
    }

    /// A name server there that knows one name.
    pub fn resolver_far(&self) -> Ended {
        let options = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="];
        let more =
            ["--user=root", "--listen-address=192.0.2.2", "--bind-interfaces", "--address=/far.example/203.0.113.9"];
        let more = [&more[..], &["--local=/example/"]].concat();
        let child = self.on(&self.far, &[&["dnsmasq"], &options[..], &more[..]].concat()).spawn();
        let listens = until(GONE, || self.far(&["cat", "/proc/net/udp"]).contains(":0035 "));
        assert!(listens, "no name server");
        Ended(child)
    }

    pub fn ask_far(&self, protocol: &str, address: &str, port: u16) -> String {
        self.far(&["perl", "-e", CLIENT, protocol, address, &port.to_string()])
    }

    pub fn ask_host(&self, protocol: &str, address: &str, port: u16) -> String {
        self.host(&["perl", "-e", CLIENT, protocol, address, &port.to_string()])
    }

    pub fn ask_from(&self, name: &str, protocol: &str, address: &str, port: u16) -> String {
        self.kakuri(&["exec", name, "perl", "-e", CLIENT, protocol, address, &port.to_string()]).ok().text()
    }

    /// All that a container could leave on the host: links, rules, leases, processes.
    pub fn state(&self) -> String {
        let folder = format!("/run/kakuri/bridge/{}", self.inode());
        let links = self.host(&["sh", "-c", "ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/: .*//'"]);
        let rules = self.host(&["nft", "list", "ruleset"]);
        let leases = fs::metadata(&folder).map_or("none", |_| "some");
        format!("{links}\n{rules}\nleases: {leases}\n{:?}", self.helpers())
    }

    pub fn inode(&self) -> String {
        let link = fs::read_link(format!("/proc/{}/ns/net", self.host.0.id())).unwrap();
        link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).to_string()
    }

    /// Processes of kakuri-netns in this world, as pid, parent and title.
    pub fn helpers(&self) -> Vec<(i32, i32, String)> {
        let inode = self.inode();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
            let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            let here = fs::read_link(entry.path().join("ns/net")).is_ok_and(|ns| ns.to_string_lossy().contains(&inode));
            let title = read("cmdline");
            if here && title.starts_with("kakuri-netns [") {
                let status = read("status");
                let parent = status.lines().find_map(|l| l.strip_prefix("PPid:")?.trim().parse().ok()).unwrap_or(0);
                found.push((pid, parent, title.trim_end_matches('\0').to_string()));
            }
        }
        found
    }
}
