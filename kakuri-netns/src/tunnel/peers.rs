//! All peers of a tunnel, and the ways to find one: by place, key, session index or inner address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gotatun::noise::Tunn;
use gotatun::noise::handshake::parse_handshake_anon;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::{WgHandshakeInit, WgKind};
use gotatun::x25519::{self, StaticSecret};
use rustix::time::{ClockId, clock_gettime};

use super::allowed::Allowed;
use super::peer::Peer;

/// Handshakes of one address in a second before it has to show that it is there.
const PER_ADDRESS: u64 = 20;

pub struct Peers {
    list: Vec<Peer>,
    allowed: Allowed,
    by_key: HashMap<[u8; 32], u32>,
    /// Sessions and handshakes under way, by the number a message for us bears.
    by_index: RwLock<HashMap<u32, u32>>,
    indexes: IndexTable,
    private: StaticSecret,
    public: x25519::PublicKey,
    pub limiter: Arc<RateLimiter>,
    /// For when there are many in all: whoever asks has to show that it is where it says, at once.
    pub strict: RateLimiter,
}

/// Time since the machine was started, with the time it slept: sessions age while a laptop is closed.
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

impl Peers {
    pub fn new(tunnel: &super::Tunnel) -> Peers {
        let private = StaticSecret::from(*tunnel.private_key.bytes());
        let public = x25519::PublicKey::from(&private);
        let limiter = Arc::new(RateLimiter::new(&public, PER_ADDRESS));
        let indexes = IndexTable::from_os_rng();
        let places = || (0_u32..).zip(&tunnel.peers);
        let machine = |peer: &super::Peer| {
            Tunn::new(
                private.clone(),
                x25519::PublicKey::from(*peer.public_key.bytes()),
                peer.preshared_key.as_ref().map(|key| *key.bytes()),
                peer.keepalive,
                indexes.clone(),
                limiter.clone(),
            )
        };
        Peers {
            list: places().map(|(place, peer)| Peer::new(place, peer, machine(peer))).collect(),
            allowed: Allowed::new(places().flat_map(|(place, peer)| peer.allowed.iter().map(move |n| (n, place)))),
            by_key: places().map(|(place, peer)| (*peer.public_key.bytes(), place)).collect(),
            by_index: RwLock::default(),
            strict: RateLimiter::new(&public, 0),
            indexes: indexes.clone(),
            limiter: limiter.clone(),
            private: private.clone(),
            public,
        }
    }

    pub fn all(&self) -> &[Peer] {
        &self.list
    }

    pub fn at(&self, place: u32) -> Option<&Peer> {
        self.list.get(place as usize)
    }

    /// Whose AllowedIPs have this inner address.
    pub fn of_address(&self, address: IpAddr) -> Option<&Peer> {
        self.at(self.allowed.peer(address)?)
    }

    pub fn of_index(&self, index: u32) -> Option<&Peer> {
        let by_index = self.by_index.read().unwrap_or_else(PoisonError::into_inner);
        self.at(*by_index.get(&index)?)
    }

    /// Who is expected at an address.
    pub fn of_endpoint(&self, address: SocketAddr) -> Option<&Peer> {
        self.list.iter().find(|peer| peer.endpoint() == Some(address))
    }

    /// Who says that it is who begins a handshake. Costs a computation of curve 25519.
    pub fn of_initiation(&self, message: &WgHandshakeInit) -> Option<&Peer> {
        let opened = parse_handshake_anon(&self.private, &self.public, message).ok()?;
        self.at(*self.by_key.get(&opened.peer_static_public)?)
    }

    /// A message of a peer's goes out: what comes back bears the number it gives there.
    pub fn remember(&self, peer: &Peer, message: &WgKind) {
        let index = match message {
            WgKind::HandshakeInit(init) => init.sender_idx.get(),
            WgKind::HandshakeResp(response) => response.sender_idx.get(),
            WgKind::CookieReply(_) | WgKind::Data(_) => return,
        };
        let mut by_index = self.by_index.write().unwrap_or_else(PoisonError::into_inner);
        // Sessions end without a word; their numbers are free again by then.
        if by_index.len() >= 16 * (self.list.len() + 4) {
            by_index.retain(|index, _| self.indexes.in_use(*index));
        }
        by_index.insert(index, peer.place);
    }
}
