//! What is sent arrives as it was, both ways, over either IP.

use super::*;

/// A server that gives back what it is sent, by TCP and by UDP, on port 7; and a client that checks it.
const ECHO: &str = r#"
import socket, sys, threading
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
def stream(c):
    while (d := c.recv(1 << 16)): c.sendall(d)
    c.close()
def datagrams(u):
    while True:
        d, a = u.recvfrom(65536)
        u.sendto(d, a)
u = socket.socket(family, socket.SOCK_DGRAM); u.bind((sys.argv[1], 7))
threading.Thread(target=datagrams, args=(u,), daemon=True).start()
s = socket.create_server((sys.argv[1], 7), family=family)
while True: threading.Thread(target=stream, args=(s.accept()[0],), daemon=True).start()
"#;

const CHECK: &str = r#"
import os, socket, sys, threading
to, size = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ':' in to else socket.AF_INET
data = os.urandom(size)
c = socket.create_connection((to, 7), timeout=50)
threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)), daemon=True).start()
back = bytearray()
while (d := c.recv(1 << 16)): back += d
assert bytes(back) == data, (len(back), len(data))
u = socket.socket(family, socket.SOCK_DGRAM); u.settimeout(5); u.connect((to, 7))
for n in list(range(0, 64)) + [500, 1000, 1371, 1372, 1373, 1392, 1393, 2000, 4000, 9000, 30000]:
    d = os.urandom(n)
    for attempt in range(5):
        try:
            u.send(d)
            assert u.recv(65536) == d, n
            break
        except TimeoutError:
            assert attempt < 4, n
print('same')
"#;

fn echo(server: &mut Net, client: &mut Net, address: &str) {
    server.ok(&format!("cat > /run/echo.py <<'END'\n{ECHO}\nEND"));
    client.ok(&format!("cat > /run/check.py <<'END'\n{CHECK}\nEND"));
    server.start(&format!("python3 /run/echo.py {address}"));
    server.wait_for("ss -ltn | grep -q ':7 '");
    assert_eq!(client.ok(&format!("python3 /run/check.py {address} 3000000")), "same");
    server.wait_for("pkill -KILL -P $$ -f echo.py; ! ss -ltn | grep -q ':7 '");
}

#[test]
fn packets_pass_both_ways_over_either_ip() {
    needs_tunnels!();
    for endpoint in ["192.0.2.2:51820", "[2001:db8::2]:51820"] {
        let mut world = World::new(endpoint);
        let World { container, server, .. } = &mut world;
        container.ok("ping -c 2 -W 5 10.9.0.1");
        container.ok("ping -c 2 -W 5 fd09::1");
        server.ok("ping -c 2 -W 5 10.9.0.2");
        echo(server, container, "10.9.0.1");
        echo(server, container, "fd09::1");
        echo(container, server, "10.9.0.2");
        echo(container, server, "fd09::2");
        let status = world.ours.status();
        let peer = &status.peers[0];
        assert_eq!((peer.public_key, peer.endpoint), (world.them.public, Some(endpoint.parse().expect("one"))));
        assert_eq!(peer.state, kakuri_netns::status::State::Connected);
        assert!(peer.handshake_age.is_some_and(|age| age < 60), "{status:?}");
        assert!(peer.sent > 6_000_000 && peer.received > 6_000_000, "{status:?}");
        assert!(status.dropped.is_empty(), "{status:?}");
        assert_eq!(status.offloads, ["tun-tso", "tun-uso", "udp-gso", "udp-gro"]);
    }
}
