//! The tunnel's process alone, driven over its link by a front of the test's, against wireguard-go and against itself, in
//! network namespaces joined by virtual cables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "tunnel/ends.rs"]
mod ends;
#[path = "tunnel/world.rs"]
mod world;

#[path = "tunnel/byhand.rs"]
mod byhand;
#[path = "tunnel/hostile.rs"]
mod hostile;
#[path = "tunnel/peers.rs"]
mod peers;
#[path = "tunnel/traffic.rs"]
mod traffic;

use ends::{Ours, Pair, configure, pair, peer, serve, tunnel, wireguard_go};
use world::{Net, cable};

/// Why tests of tunnels cannot run here, if so.
fn lacks() -> Option<String> {
    for program in ["unshare", "nsenter", "ip", "wg", "wireguard-go", "python3", "ping", "pkill", "ss"] {
        if !common::have(program) {
            return Some(format!("{program} is not installed"));
        }
    }
    if let Err(e) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        return Some(format!("/dev/net/tun: {e}"));
    }
    let tried = std::process::Command::new("unshare").args(["-Urnm", "ip", "link", "add", "type", "veth"]).output();
    match tried {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
        Err(e) => Some(e.to_string()),
    }
}

#[macro_export]
macro_rules! needs_tunnels {
    () => {
        if let Some(why) = $crate::lacks() {
            $crate::common::skip(format_args!("{}: {why}", module_path!()));
            return;
        }
    };
}

/// A container behind our tunnel on a host, and a server of wireguard-go's on another.
struct World {
    container: Net,
    host: Net,
    server: Net,
    ours: Ours,
    us: Pair,
    them: Pair,
}

const CABLE: [[&str; 2]; 2] = [["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"]];

impl World {
    /// The server is reached at this address.
    fn new(endpoint: &str) -> World {
        let (us, them) = (pair(1), pair(2));
        let mut host = Net::new();
        let (container, mut server) = (Net::new(), Net::beside(&host));
        cable(&mut host, &mut server, "eth0", CABLE);
        let client = format!("peer {} allowed-ips 10.9.0.2/32,fd09::2/128", us.public);
        wireguard_go(&mut server, &them, 51820, &["10.9.0.1/24", "fd09::1/64"], &[client]);
        let tun = configure(&container, 1420, &["10.9.0.2/24", "fd09::2/64"], &["0.0.0.0/0", "::/0"]);
        let described =
            tunnel(us.private.clone(), None, vec![peer(them.public, Some(endpoint), &["0.0.0.0/0", "::/0"])]);
        let ours = serve(&host, &described, tun);
        World { container, host, server, ours, us, them }
    }
}
