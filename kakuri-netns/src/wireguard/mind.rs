//! Minding a link of the kernel's WireGuard: the front's questions, and the diagnosis of peers that do not answer, from
//! what the kernel counts.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use kakuri_wire::Result;
use kakuri_wire::channel::{Broken, Channel};
use rustix::event::PollFlags;

use super::device::Device;
use crate::configure::{lost, unexpected};
use crate::netlink::wireguard as words;
use crate::resolve::way_to;
use crate::status::{self, Engine, State, Status};
use crate::tunnel::trouble;
use crate::tunnel::watch::{SESSION, Watch};
use crate::{FromNetns, PublicKey, ToNetns, Tunnel};

/// How often the kernel is asked.
const TICK: Duration = Duration::from_secs(1);
/// The kernel tries again after 5 s; when it has not for so long, it has given up.
const GAVE_UP: Duration = Duration::from_secs(20);

/// A peer, in the place the configuration has it at.
pub struct Peer {
    key: PublicKey,
    named: Option<String>,
    by_name: bool,
    watch: Watch,
    seen: Option<words::Peer>,
    /// When it was last seen that something is sent.
    sending: Duration,
}

pub fn peers(tunnel: &Tunnel) -> Vec<Peer> {
    let one = |peer: &crate::tunnel::Peer| Peer {
        key: peer.public_key,
        named: peer.endpoint.as_ref().map(ToString::to_string),
        by_name: peer.endpoint.as_ref().is_some_and(crate::tunnel::Endpoint::is_named),
        watch: Watch::default(),
        seen: None,
        sending: Duration::ZERO,
    };
    tunnel.peers.iter().map(one).collect()
}

impl Peer {
    /// What one look at the kernel's counts says. `way` tells whether the host can send there.
    fn note(&mut self, now: Duration, peer: words::Peer, way: impl FnOnce(SocketAddr) -> std::result::Result<(), i32>) {
        let before = self.seen.as_ref();
        let (sent, shaken) = before.map_or((0, Duration::ZERO), |seen| (seen.sent, seen.handshake));
        // Other, and not later: the clock it is told by may have been set back.
        if peer.handshake != shaken && !peer.handshake.is_zero() {
            self.watch.completed(now);
        } else if self.watch.age(now).is_none_or(|age| age >= SESSION) {
            // Without a session nothing is sent but what begins one.
            if peer.sent > sent {
                self.sending = now;
                self.watch.tried(now);
            } else if now.saturating_sub(self.sending) >= GAVE_UP {
                self.watch.gave_up();
            }
            // What the host refuses to send the kernel does not count.
            if let Some(errno) = peer.endpoint.and_then(|endpoint| way(endpoint).err()) {
                self.sending = now;
                self.watch.tried(now);
                self.watch.not_sent(errno);
            }
        }
        self.seen = Some(peer);
    }

    fn status(&self, now: Duration) -> status::Peer {
        let seen = self.seen.as_ref();
        let handshake = seen.map(|seen| seen.handshake).filter(|at| !at.is_zero());
        let age = handshake.map(|at| since_1970().saturating_sub(at));
        let state = match self.watch.state(now) {
            // Longer ago than this process looks back.
            State::Idle if age.is_some_and(|age| age < SESSION) => State::Connected,
            state => state,
        };
        status::Peer {
            public_key: self.key,
            endpoint: seen.and_then(|seen| seen.endpoint),
            state,
            handshake_age: age.map(|age| age.as_secs()),
            received: seen.map_or(0, |seen| seen.received),
            sent: seen.map_or(0, |seen| seen.sent),
        }
    }
}

/// Whether the host has a way there; its errno where not.
fn way(address: SocketAddr) -> std::result::Result<(), i32> {
    way_to(address).map(drop).map_err(|e| e.raw_os_error().unwrap_or(libc::ENETUNREACH))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Until the front hangs up.
pub fn mind(link: &Channel, device: Device, peers: Vec<Peer>) -> Result<u8> {
    let mut minder = Minder { link, device, peers, port: 0, began: Instant::now() };
    loop {
        minder.look()?;
        let end = Instant::now() + TICK;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match kakuri_wire::channel::wait(link, PollFlags::IN, left) {
                Ok(true) => {}
                Ok(false) => break,
                Err(broken) => return Err(lost(broken)),
            }
            match link.recv_now() {
                Ok((word, _)) => minder.obey(word)?,
                Err(Broken::Late) => {}
                // The front has ended, and the container with it.
                Err(Broken::Closed) => return Ok(0),
                Err(broken) => return Err(lost(broken)),
            }
        }
    }
}

struct Minder<'a> {
    link: &'a Channel,
    device: Device,
    peers: Vec<Peer>,
    port: u16,
    began: Instant,
}

impl Minder<'_> {
    fn look(&mut self) -> Result<()> {
        let (seen, now) = (self.device.look()?, self.began.elapsed());
        self.port = seen.port;
        for peer in seen.peers {
            if let Some(own) = self.peers.iter_mut().find(|own| own.key == peer.key) {
                own.note(now, peer, way);
            }
        }
        for at in 0..self.peers.len() {
            let peer = &mut self.peers[at];
            let reason = peer.watch.trouble(now);
            let lost = peer.watch.is_lost(now) && peer.by_name;
            let told = reason.zip(peer.named.as_deref()).map(|(reason, name)| trouble::no_handshake(name, reason));
            if let Some(fail) = told {
                self.tell(&FromNetns::Trouble(fail));
            }
            if lost {
                self.tell(&FromNetns::Lost { peer: at as u32 });
            }
        }
        Ok(())
    }

    fn obey(&mut self, word: ToNetns) -> Result<()> {
        match word {
            ToNetns::Status => {
                self.look()?;
                let now = self.began.elapsed();
                let (peers, more) = status::first(self.peers.iter().map(|peer| peer.status(now)));
                let status = Status {
                    engine: Engine::Kernel,
                    listen_port: self.port,
                    offloads: Vec::new(),
                    peers,
                    more,
                    dropped: std::collections::BTreeMap::new(),
                };
                self.tell(&FromNetns::Status(Box::new(status)));
                Ok(())
            }
            ToNetns::Endpoint { peer, address } => {
                let own = self.peers.get(peer as usize).ok_or_else(|| unexpected("a peer of the configuration"))?;
                if own.seen.as_ref().and_then(|seen| seen.endpoint) == Some(address) {
                    return Ok(());
                }
                self.device.move_peer(&own.key, address)
            }
            _ => Err(unexpected("Status or Endpoint")),
        }
    }

    /// Without waiting for a front that does not listen. No word is worth the tunnel's end.
    fn tell(&self, word: &FromNetns) {
        let _ = self.link.send_now(word, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::watch::Reason;

    fn peer() -> Peer {
        let key = PublicKey::new([1; 32]);
        let (named, sending) = (Some("vpn.example:51820".into()), Duration::ZERO);
        Peer { key, named, by_name: true, watch: Watch::default(), seen: None, sending }
    }

    fn counts(sent: u64, handshake: u64) -> words::Peer {
        words::Peer {
            key: PublicKey::new([1; 32]),
            endpoint: "192.0.2.1:51820".parse().ok(),
            handshake: Duration::from_secs(handshake),
            received: 0,
            sent,
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_peer_is_seen_by_what_the_kernel_counts() {
        let mut peer = peer();
        peer.note(at(0), counts(0, 0), |_| Ok(()));
        assert_eq!((peer.watch.state(at(1)), peer.watch.trouble(at(60))), (State::Idle, None), "nothing is to be sent");
        for second in 60..=80 {
            peer.note(at(second), counts(148 * (second / 5), 0), |_| Ok(()));
        }
        assert!(matches!(peer.watch.trouble(at(80)), Some(Reason::Heard(_))));
        assert!(peer.watch.is_lost(at(81)));
        peer.note(at(82), counts(148 * 17, 1_700_000_000), |_| Ok(()));
        assert_eq!((peer.watch.state(at(83)), peer.watch.trouble(at(120))), (State::Connected, None));
        // What is sent over a session is no attempt to begin one.
        peer.note(at(90), counts(100_000, 1_700_000_000), |_| Ok(()));
        assert_eq!(peer.watch.state(at(130)), State::Connected);
    }

    #[test]
    fn a_clock_that_is_set_back_hides_no_handshake() {
        let mut peer = peer();
        peer.note(at(0), counts(148, 1_700_000_000), |_| Ok(()));
        assert_eq!(peer.watch.state(at(1)), State::Connected);
        // Two minutes later by the machine's own clock.
        peer.note(at(120), counts(500, 1_600_000_000), |_| Ok(()));
        assert_eq!(peer.watch.age(at(121)), Some(at(1)));
        peer.note(at(121), counts(900, 1_600_000_000), |_| Ok(()));
        assert_eq!(peer.watch.age(at(122)), Some(at(2)), "it is the same one");
    }

    #[test]
    fn a_host_without_a_way_is_seen_though_nothing_is_sent() {
        let mut peer = peer();
        for second in 0..=16 {
            peer.note(at(second), counts(0, 0), |_| Err(libc::ENETUNREACH));
        }
        assert_eq!(peer.watch.trouble(at(16)), Some(Reason::NotSent(libc::ENETUNREACH)));
    }

    #[test]
    fn the_kernel_gives_up_and_so_do_we() {
        let mut peer = peer();
        peer.note(at(1), counts(148, 0), |_| Ok(()));
        assert_eq!(peer.watch.state(at(2)), State::Connecting);
        peer.note(at(30), counts(148, 0), |_| Ok(()));
        assert_eq!(peer.watch.state(at(31)), State::Silent);
    }
}
