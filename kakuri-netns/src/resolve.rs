//! The look-up of a name on the host, by the host's own rules (getaddrinfo(3)).
//!
//! A process of its own, because a running tunnel can open nothing, and because a look-up may take as long as it likes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use kakuri_wire::{Bytes, Fail, Result, Stage};

/// Every address of a host, the best first (RFC 6724).
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs().map_err(|e| unknown(host, &e))? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

/// A socket that would send there by the host's own way; an error where the host has none. Nothing is sent.
pub fn way_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Ok(socket)
}

fn unknown(host: &str, error: &io::Error) -> Fail {
    let why = error.to_string();
    let why = why.strip_prefix("failed to lookup address information: ").unwrap_or(&why);
    Fail::new(Stage::Netns, format!("the name '{}' does not resolve", Bytes::from(host)))
        .why(why)
        .hint("correct the name, or see whether the host itself finds it: getent ahosts NAME")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn addresses_are_themselves() {
        assert_eq!(resolve("192.0.2.1", 7).expect("an address"), ["192.0.2.1:7".parse().expect("one")]);
        assert_eq!(resolve("2001:db8::1", 7).expect("an address"), ["[2001:db8::1]:7".parse().expect("one")]);
        let fail = resolve("no such host\u{1b}", 7).expect_err("no name");
        assert!(!fail.what.contains('\u{1b}'), "{fail}");
    }
}
