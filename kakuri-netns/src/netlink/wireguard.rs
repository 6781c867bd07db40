//! The kernel's WireGuard over generic netlink (linux/wireguard.h). Pure: requests as bytes, and what a dump says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Malformed, NLM_F_DUMP, Request, attributes};
use crate::{Cidr, Key, PublicKey};

/// The family of generic netlink that names the others.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const WG_CMD_GET_DEVICE: u8 = 0;
const WG_CMD_SET_DEVICE: u8 = 1;
const WGDEVICE_A_IFNAME: u16 = 2;
const WGDEVICE_A_PRIVATE_KEY: u16 = 3;
const WGDEVICE_A_FLAGS: u16 = 5;
const WGDEVICE_A_LISTEN_PORT: u16 = 6;
const WGDEVICE_A_PEERS: u16 = 8;
const WGDEVICE_F_REPLACE_PEERS: u32 = 1;
const WGPEER_A_PUBLIC_KEY: u16 = 1;
const WGPEER_A_PRESHARED_KEY: u16 = 2;
const WGPEER_A_FLAGS: u16 = 3;
const WGPEER_A_ENDPOINT: u16 = 4;
const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: u16 = 5;
const WGPEER_A_LAST_HANDSHAKE_TIME: u16 = 6;
const WGPEER_A_RX_BYTES: u16 = 7;
const WGPEER_A_TX_BYTES: u16 = 8;
const WGPEER_A_ALLOWEDIPS: u16 = 9;
const WGPEER_F_UPDATE_ONLY: u32 = 4;
const WGALLOWEDIP_A_FAMILY: u16 = 1;
const WGALLOWEDIP_A_IPADDR: u16 = 2;
const WGALLOWEDIP_A_CIDR_MASK: u16 = 3;

/// The generic header: command, version, nothing.
fn generic(command: u8, version: u8) -> [u8; 4] {
    [command, version, 0, 0]
}

/// Asks for the number of a family by its name.
pub fn family(name: &str) -> Request {
    let request = Request::new(GENL_ID_CTRL, 0, &generic(CTRL_CMD_GETFAMILY, 1));
    super::request::text(request, CTRL_ATTR_FAMILY_NAME, name)
}

/// The answer.
pub fn family_number(body: &[u8]) -> Result<u16, Malformed> {
    for attribute in attributes(body.get(4..).ok_or(Malformed)?) {
        if let (CTRL_ATTR_FAMILY_ID, value) = attribute? {
            return value.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes)).ok_or(Malformed);
        }
    }
    Err(Malformed)
}

fn set(family: u16, device: &str) -> Request {
    let request = Request::new(family, 0, &generic(WG_CMD_SET_DEVICE, 1));
    super::request::text(request, WGDEVICE_A_IFNAME, device)
}

/// The device's own: its key, and the port it listens on; peers it had are gone.
pub fn set_device(family: u16, device: &str, key: &Key, port: Option<u16>) -> Request {
    set(family, device)
        .attribute(WGDEVICE_A_FLAGS, &WGDEVICE_F_REPLACE_PEERS.to_ne_bytes())
        .attribute(WGDEVICE_A_PRIVATE_KEY, key.bytes())
        .attribute(WGDEVICE_A_LISTEN_PORT, &port.unwrap_or(0).to_ne_bytes())
}

fn peer(family: u16, device: &str, key: &PublicKey, fill: impl FnOnce(Request) -> Request) -> Request {
    // Peers are a list, whose elements have no number of their own.
    set(family, device)
        .nested(WGDEVICE_A_PEERS, |list| list.nested(0, |peer| fill(peer.attribute(WGPEER_A_PUBLIC_KEY, key.bytes()))))
}

/// A new peer, without what is sent to it.
pub fn add_peer(
    family: u16,
    device: &str,
    key: &PublicKey,
    preshared: Option<&Key>,
    endpoint: Option<SocketAddr>,
    keepalive: Option<u16>,
) -> Request {
    peer(family, device, key, |mut peer| {
        if let Some(preshared) = preshared {
            peer = peer.attribute(WGPEER_A_PRESHARED_KEY, preshared.bytes());
        }
        if let Some(endpoint) = endpoint {
            peer = peer.attribute(WGPEER_A_ENDPOINT, &socket_address(endpoint));
        }
        peer.attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &keepalive.unwrap_or(0).to_ne_bytes())
    })
}

/// Networks more, of a peer it has. At most [`MOST_NETWORKS`] at once.
pub fn add_networks(family: u16, device: &str, key: &PublicKey, networks: &[Cidr]) -> Request {
    peer(family, device, key, |peer| {
        let peer = peer.attribute(WGPEER_A_FLAGS, &WGPEER_F_UPDATE_ONLY.to_ne_bytes());
        peer.nested(WGPEER_A_ALLOWEDIPS, |list| {
            networks.iter().fold(list, |list, network| list.nested(0, |n| allowed(n, network)))
        })
    })
}

/// An attribute's length is 16 bits, and a network takes at most 48 bytes.
pub const MOST_NETWORKS: usize = 1000;

fn allowed(nested: Request, network: &Cidr) -> Request {
    let family = if network.is_v4() { libc::AF_INET } else { libc::AF_INET6 } as u16;
    let nested = nested.attribute(WGALLOWEDIP_A_FAMILY, &family.to_ne_bytes());
    let nested = match network.ip() {
        IpAddr::V4(ip) => nested.attribute(WGALLOWEDIP_A_IPADDR, &ip.octets()),
        IpAddr::V6(ip) => nested.attribute(WGALLOWEDIP_A_IPADDR, &ip.octets()),
    };
    nested.attribute(WGALLOWEDIP_A_CIDR_MASK, &[network.prefix()])
}

/// Where a peer it has is now.
pub fn move_peer(family: u16, device: &str, key: &PublicKey, endpoint: SocketAddr) -> Request {
    peer(family, device, key, |peer| {
        let peer = peer.attribute(WGPEER_A_FLAGS, &WGPEER_F_UPDATE_ONLY.to_ne_bytes());
        peer.attribute(WGPEER_A_ENDPOINT, &socket_address(endpoint))
    })
}

/// struct sockaddr_in or sockaddr_in6.
fn socket_address(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(v4) => {
            let family = (libc::AF_INET as u16).to_ne_bytes();
            [&family[..], &port, &v4.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(v6) => {
            let family = (libc::AF_INET6 as u16).to_ne_bytes();
            [&family[..], &port, &v6.flowinfo().to_be_bytes(), &v6.ip().octets(), &v6.scope_id().to_ne_bytes()].concat()
        }
    }
}

fn read_address(value: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*value.first_chunk()?);
    let port = u16::from_be_bytes(*value.get(2..)?.first_chunk()?);
    match i32::from(family) {
        libc::AF_INET => Some((Ipv4Addr::from(*value.get(4..)?.first_chunk::<4>()?), port).into()),
        libc::AF_INET6 => Some((Ipv6Addr::from(*value.get(8..)?.first_chunk::<16>()?), port).into()),
        _ => None,
    }
}

/// Asks how a device is. The kernel answers with its keys too, which [`device`] passes over.
pub fn get_device(family: u16, device: &str) -> Request {
    let request = Request::new(family, NLM_F_DUMP, &generic(WG_CMD_GET_DEVICE, 1));
    super::request::text(request, WGDEVICE_A_IFNAME, device)
}

/// What a dump has said so far; it may take several messages, and tell of one peer in two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub port: u16,
    pub peers: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub key: PublicKey,
    pub endpoint: Option<SocketAddr>,
    /// Since 1970; zero where there was none.
    pub handshake: Duration,
    pub received: u64,
    pub sent: u64,
}

/// Reads one message of a dump.
pub fn device(body: &[u8], into: &mut Device) -> Result<(), Malformed> {
    for attribute in attributes(body.get(4..).ok_or(Malformed)?) {
        match attribute? {
            (WGDEVICE_A_LISTEN_PORT, value) => {
                into.port = value.first_chunk().map(|b| u16::from_ne_bytes(*b)).ok_or(Malformed)?;
            }
            (WGDEVICE_A_PEERS, list) => {
                for element in attributes(list) {
                    if let Some(peer) = read_peer(element?.1)?
                        && !into.peers.iter().any(|other| other.key == peer.key)
                    {
                        into.peers.push(peer);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_peer(body: &[u8]) -> Result<Option<Peer>, Malformed> {
    let number = |value: &[u8]| value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)).ok_or(Malformed);
    let (mut key, mut endpoint, mut handshake, mut received, mut sent) = (None, None, Duration::ZERO, 0, 0);
    for attribute in attributes(body) {
        match attribute? {
            (WGPEER_A_PUBLIC_KEY, value) => key = value.try_into().ok().map(PublicKey::new),
            (WGPEER_A_ENDPOINT, value) => endpoint = read_address(value),
            (WGPEER_A_LAST_HANDSHAKE_TIME, value) => {
                let nanoseconds = number(value.get(8..).ok_or(Malformed)?)?.min(999_999_999);
                handshake = Duration::new(number(value)?, nanoseconds as u32);
            }
            (WGPEER_A_RX_BYTES, value) => received = number(value)?,
            (WGPEER_A_TX_BYTES, value) => sent = number(value)?,
            _ => {}
        }
    }
    Ok(key.map(|key| Peer { key, endpoint, handshake, received, sent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let key = PublicKey::new([7; 32]);
        for text in ["192.0.2.1:51820", "[2001:db8::1]:7"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(read_address(&socket_address(address)), Some(address));
            let bytes = add_peer(30, "wg0", &key, Some(&Key::new([9; 32])), Some(address), Some(25)).finish(1);
            let mut device = Device::default();
            super::device(&bytes[16..], &mut device).expect("reads");
            let peers = vec![Peer { key, endpoint: Some(address), handshake: Duration::ZERO, received: 0, sent: 0 }];
            assert_eq!(device, Device { port: 0, peers });
        }
    }

    #[test]
    fn a_key_is_written_into_room_that_is_there() {
        // A buffer that grew would leave a copy of the key behind.
        let (key, address) = (Key::new([9; 32]), "[2001:db8::1]:7".parse().ok());
        let request = add_peer(30, "wg0", &PublicKey::new([7; 32]), Some(&key), address, Some(25));
        assert_eq!(request.bytes.capacity(), 256);
        assert_eq!(set_device(30, "wg0", &key, Some(1)).bytes.capacity(), 256);
    }

    #[test]
    fn many_networks_fit() {
        let networks = vec!["2001:db8::/128".parse().expect("parses"); MOST_NETWORKS];
        let bytes = add_networks(30, "wg0", &PublicKey::new([7; 32]), &networks).finish(1);
        assert!(bytes.len() < usize::from(u16::MAX), "{}", bytes.len());
    }

    #[test]
    fn nonsense_is_no_panic() {
        for length in 0..64 {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 37 % 11) as u8).collect();
            let _ = device(&bytes, &mut Device::default());
            let _ = family_number(&bytes);
            let _ = read_peer(&bytes);
        }
    }
}
