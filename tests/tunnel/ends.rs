//! The two ends of a tunnel: our program as the front starts it, and wireguard-go.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kakuri_netns::{Cidr, FromNetns, Key, Link, Plan, PublicKey, Route, Status, ToNetns, Tunnel, Uplink, tunnel};
use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::document::seal;
use kakuri_wire::handshake::Version;
use kakuri_wire::{Fail, Stage};

use super::common::{HANG, NETNS};
use super::world::Net;

/// A key pair for a test, by number.
pub struct Pair {
    pub private: Key,
    pub public: PublicKey,
    pub private_text: String,
}

pub fn pair(number: u8) -> Pair {
    let mut bytes = [number; 32];
    // As keys of curve 25519 are: wg(8) writes them so.
    (bytes[0], bytes[31]) = (bytes[0] & 248, (bytes[31] & 127) | 64);
    let key = Key::new(bytes);
    let private_text: String = serde_json::from_str(&serde_json::to_string(&key).expect("text")).expect("text");
    let public = Command::new("sh").args(["-c", &format!("echo {private_text} | wg pubkey")]).output().expect("wg");
    let public = String::from_utf8(public.stdout).expect("text").trim().parse().expect("a key");
    Pair { private: key, public, private_text }
}

pub fn peer(public_key: PublicKey, endpoint: Option<&str>, allowed: &[&str]) -> tunnel::Peer {
    let endpoint = endpoint.map(|text| {
        let address: SocketAddr = text.parse().expect("an endpoint");
        tunnel::Endpoint { host: address.ip().to_string(), port: address.port(), address: Some(address) }
    });
    let allowed = allowed.iter().map(|text| text.parse().expect("a network")).collect();
    tunnel::Peer { public_key, preshared_key: None, endpoint, allowed, keepalive: None }
}

pub fn tunnel(private_key: Key, listen_port: Option<u16>, peers: Vec<tunnel::Peer>) -> Tunnel {
    Tunnel { private_key, listen_port, mtu: 1420, peers }
}

/// The process of our program, and the front's end of its link.
pub struct Ours {
    pub process: Child,
    pub link: Channel,
}

impl Ours {
    /// In a network namespace, or in the test's own.
    pub fn spawn(at: Option<&Net>) -> Ours {
        let (ours, theirs) = Channel::pair().expect("a link");
        let theirs: OwnedFd = theirs.as_fd().try_clone_to_owned().expect("a copy");
        let mut command = match at {
            Some(net) => {
                let mut command = Command::new("nsenter");
                command.args(["-t", &net.pid().to_string(), "-U", "-n", "--preserve-credentials", "bash"]);
                command
            }
            None => Command::new("bash"),
        };
        let process = command
            .args(["-c", r#"exec -a 'kakuri-netns [test]' "$0" 3<&0 0</dev/null"#, NETNS])
            .stdin(Stdio::from(theirs))
            .spawn()
            .expect("it starts");
        Ours { process, link: ours }
    }

    pub fn answer(&self) -> (FromNetns, Vec<OwnedFd>) {
        self.link.recv_within(HANG).expect("an answer")
    }

    /// The next word that is not a diagnosis.
    pub fn status(&self) -> Status {
        self.link.send(&ToNetns::Status, &[]).expect("sent");
        loop {
            match self.answer() {
                (FromNetns::Status(status), _) => return *status,
                (FromNetns::Trouble(_) | FromNetns::Lost { .. }, _) => {}
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    /// The first status that is as wanted.
    pub fn status_when(&self, wanted: impl Fn(&Status) -> bool) -> Status {
        let end = Instant::now() + HANG;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < end, "{status:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn failure(&self) -> Fail {
        loop {
            match self.link.recv_within(HANG) {
                Ok((FromNetns::Failed(fail), _)) => return fail,
                Ok((FromNetns::Trouble(_) | FromNetns::Lost { .. }, _)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.link.recv_within::<FromNetns>(HANG), Err(Broken::Closed))
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes the TUN device of a container, as `kakuri` would for a configuration with these addresses and routes.
pub fn configure(container: &Net, mtu: u32, addresses: &[&str], routes: &[&str]) -> OwnedFd {
    let helper = Ours::spawn(None);
    let link = Link {
        mtu: Some(mtu),
        no_own_address: true,
        addresses: addresses.iter().map(|a| a.parse().expect("an address")).collect(),
        ..Link::up("wg0")
    };
    let route = |to: &&str| Route::Unicast {
        to: to.parse::<Cidr>().expect("a network"),
        link: "wg0".into(),
        via: None,
        source: None,
        metric: None,
    };
    let plan = Plan {
        version: kakuri_netns::PLAN_VERSION,
        tun: Some("wg0".into()),
        links: vec![Link::up("lo"), link],
        routes: routes.iter().map(route).collect(),
    };
    let document = seal(Stage::Front, &plan).expect("a document");
    helper.link.send(&ToNetns::Plan(Version::ours()), &[document.as_fd()]).expect("sent");
    helper.link.send(&ToNetns::Join, &[container.pidfd.as_fd()]).expect("sent");
    match helper.answer() {
        (FromNetns::Up { tun: true }, mut fds) => fds.pop().expect("the device"),
        (other, _) => panic!("{other:?}"),
    }
}

/// Starts a tunnel on `host` for the device; it runs when this returns.
pub fn serve(host: &Net, tunnel: &Tunnel, tun: OwnedFd) -> Ours {
    run(Ours::spawn(Some(host)), tunnel, tun)
}

/// The same with a process that waits for its first word.
pub fn run(ours: Ours, tunnel: &Tunnel, tun: OwnedFd) -> Ours {
    describe(&ours, tunnel);
    ours.link.send(&ToNetns::Tun, &[tun.as_fd()]).expect("sent");
    match ours.answer() {
        (FromNetns::Running, _) => ours,
        (other, _) => panic!("{other:?}"),
    }
}

/// Up to the point where it waits for its device.
pub fn begin(host: &Net, tunnel: &Tunnel) -> Ours {
    let ours = Ours::spawn(Some(host));
    describe(&ours, tunnel);
    ours
}

fn describe(ours: &Ours, tunnel: &Tunnel) {
    let document = seal(Stage::Front, &Uplink::Tunnel(tunnel.clone())).expect("a document");
    ours.link.send(&ToNetns::Uplink(Version::ours()), &[document.as_fd()]).expect("sent");
}

/// wireguard-go as `wg0` of a namespace; `peers` as `wg set` takes them.
pub fn wireguard_go(net: &mut Net, pair: &Pair, port: u16, addresses: &[&str], peers: &[String]) {
    net.start("env WG_PROCESS_FOREGROUND=1 wireguard-go wg0");
    net.wait_for("test -S /run/wireguard/wg0.sock && ip link show wg0");
    net.ok(&format!("echo {} > /run/key", pair.private_text));
    net.ok(&format!("wg set wg0 private-key /run/key listen-port {port} {}", peers.join(" ")));
    net.ok("ip link set wg0 mtu 1420 up");
    for address in addresses {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        net.ok(&format!("ip addr add {address} dev wg0 {nodad}"));
    }
}
