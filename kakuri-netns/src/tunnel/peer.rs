//! A peer of a running tunnel: its WireGuard state machine, where it is, and what passed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gotatun::noise::Tunn;

use super::watch::Watch;
use crate::{PublicKey, status};

pub struct Peer {
    /// Its place in the configuration.
    pub place: u32,
    pub public_key: PublicKey,
    /// HOST:PORT as the configuration has it, if it does.
    pub named: Option<String>,
    /// Whether that host is a name, which can come to mean another address.
    pub by_name: bool,
    /// Whether keepalives are to be sent for ever.
    pub keeps_alive: bool,
    /// The session whose first packet has come: by it a responder knows that the handshake is complete.
    pub confirmed: AtomicU32,
    pub received: AtomicU64,
    pub sent: AtomicU64,
    machine: Mutex<Tunn>,
    endpoint: Mutex<Option<SocketAddr>>,
    watch: Mutex<Watch>,
}

/// Nothing is left half-done where a thread could end: a panic ends the process.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    pub fn new(place: u32, described: &super::Peer, machine: Tunn) -> Peer {
        let endpoint = described.endpoint.as_ref();
        Peer {
            place,
            public_key: described.public_key,
            named: endpoint.map(ToString::to_string),
            by_name: endpoint.is_some_and(super::Endpoint::is_named),
            keeps_alive: described.keepalive.is_some_and(|seconds| seconds > 0),
            confirmed: AtomicU32::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            machine: Mutex::new(machine),
            endpoint: Mutex::new(endpoint.and_then(|endpoint| endpoint.address)),
            watch: Mutex::new(Watch::default()),
        }
    }

    pub fn machine(&self) -> MutexGuard<'_, Tunn> {
        hold(&self.machine)
    }

    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        hold(&self.watch)
    }

    pub fn endpoint(&self) -> Option<SocketAddr> {
        *hold(&self.endpoint)
    }

    /// Where it is from now on: where what it sealed came from, or where its name leads now.
    pub fn is_at(&self, address: SocketAddr) {
        let mut endpoint = hold(&self.endpoint);
        if *endpoint != Some(address) {
            *endpoint = Some(address);
        }
    }

    pub fn status(&self, now: Duration) -> status::Peer {
        let watch = self.watch();
        status::Peer {
            public_key: self.public_key,
            endpoint: self.endpoint(),
            state: watch.state(now),
            handshake_age: watch.age(now).map(|age| age.as_secs()),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}
