//! The process of a tunnel, in the host's namespaces and without any capability, from its first word to its last.

use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gotatun::noise::errors::WireGuardError;
use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::fail::OrFail;
use kakuri_wire::sys::leave_arena;
use kakuri_wire::{Fail, Result, Stage};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::counters::Counters;
use super::device::Device;
use super::peer::Peer;
use super::peers::{Peers, now};
use super::running::{Running, Work};
use super::sockets::Sockets;
use super::transmit::{Batch, Transmit};
use super::{Tunnel, confine, inward, outward, trouble};
use crate::configure::{lost, unexpected};
use crate::status::{self, Engine, Status};
use crate::{FromNetns, ToNetns};

const STAGE: Stage = Stage::Netns;
/// How often the timers of the protocol are looked at; they are whole seconds.
const TICK: Duration = Duration::from_millis(250);
/// How often the host's ways out are tried anew with many datagrams in one piece.
const FORGET: Duration = Duration::from_secs(10);

/// Serves the tunnel until the front goes, which is a good end.
pub fn serve(link: &Channel, tunnel: Tunnel) -> Result<u8> {
    confine::hide()?;
    // It lives long: what the arena hands out it takes back in one order only.
    leave_arena();
    // Beyond the link (descriptor 3) nothing was meant for this process.
    confine::let_go(4)?;
    let sockets = Sockets::open(tunnel.listen_port)?;
    let (ToNetns::Tun, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Tun")) };
    let device = Device::new(carried.into_iter().next().ok_or_else(|| unexpected("Tun"))?)?;
    let ended = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .fail(STAGE, || "cannot make an event counter".into())?;
    let running = Arc::new(Running {
        peers: Peers::new(&tunnel),
        transmit: Transmit::new(sockets),
        device,
        counters: Counters::default(),
        mtu: tunnel.mtu as usize,
        gate: Barrier::new(3),
        ended,
        why: Mutex::new(None),
    });
    // The keys are in the peers' state machines from here on.
    drop(tunnel);
    start(&running)?;
    link.send(&FromNetns::Running, &[]).map_err(lost)?;
    running.gate.wait();
    Minder { running: &running, link, batch: Batch::new(false), forgot: Instant::now() }.mind()
}

/// Starts the threads and confines them all. They work when the gate opens for the second time.
fn start(running: &Arc<Running>) -> Result<()> {
    // The first look at the clock finds the kernel's page for it, by a call that is forbidden later.
    let _ = now();
    confine::deny_files_and_tcp()?;
    let works: [(&str, Work); 2] = [("outward", outward::run), ("inward", inward::run)];
    for (name, work) in works {
        let shared = running.clone();
        // It ends with the process.
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || shared.live(work))
            .map_err(|e| Fail::new(STAGE, "cannot start a thread").errno(e))?;
    }
    running.gate.wait();
    confine::filter_calls()
}

/// The first thread: the link, the timers, the diagnosis.
struct Minder<'a> {
    running: &'a Running,
    link: &'a Channel,
    batch: Batch,
    forgot: Instant,
}

impl Minder<'_> {
    fn mind(mut self) -> Result<u8> {
        // Before there is anything to send: the first packet then finds a session.
        for peer in self.running.peers.all() {
            self.begin(peer);
        }
        let mut next = Instant::now();
        loop {
            if Instant::now() >= next {
                self.tick();
                next = Instant::now() + TICK;
            }
            let left = next.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut ready = [PollFd::new(self.link, PollFlags::IN), PollFd::new(&self.running.ended, PollFlags::IN)];
            let _ = poll(&mut ready, Some(&left));
            if ready[1].revents().contains(PollFlags::IN) {
                let why = self.running.why.lock().unwrap_or_else(PoisonError::into_inner).take();
                return Err(why.unwrap_or_else(|| Fail::new(STAGE, "a thread of the tunnel ended")));
            }
            if !ready[0].revents().is_empty() {
                match self.link.recv_now() {
                    Ok((word, _)) => self.obey(word)?,
                    Err(Broken::Late) => {}
                    // The front has ended, and the container with it.
                    Err(Broken::Closed) => return Ok(0),
                    Err(broken) => return Err(lost(broken)),
                }
            }
        }
    }

    fn obey(&mut self, word: ToNetns) -> Result<()> {
        match word {
            ToNetns::Status => {
                self.tell(&FromNetns::Status(Box::new(self.status())));
                Ok(())
            }
            ToNetns::Endpoint { peer, address } => {
                let peer = self.running.peers.at(peer).ok_or_else(|| unexpected("a peer of the configuration"))?;
                if peer.endpoint() != Some(address) {
                    peer.is_at(address);
                    // At once: a handshake that is under way would be tried again only seconds later.
                    self.begin(peer);
                }
                Ok(())
            }
            ToNetns::Plan(_) | ToNetns::Uplink(_) | ToNetns::Resolve { .. } | ToNetns::Join | ToNetns::Tun => {
                Err(unexpected("Status or Endpoint"))
            }
        }
    }

    /// Begins a handshake with a peer that is somewhere.
    fn begin(&mut self, peer: &Peer) {
        let Some(to) = peer.endpoint() else { return };
        let mut machine = peer.machine();
        // Sets the machine's clock, which stood still since the last look.
        let _ = machine.update_timers();
        if let Some(message) = machine.format_handshake_initiation(true).map(Into::into) {
            peer.watch().tried(now());
            self.running.peers.remember(peer, &message);
            self.batch.push(peer, to, message);
        }
        drop(machine);
        self.flush();
    }

    fn tick(&mut self) {
        self.running.peers.strict.try_reset_count();
        self.running.peers.limiter.try_reset_count();
        if self.forgot.elapsed() >= FORGET {
            self.forgot = Instant::now();
            self.running.transmit.forget();
        }
        for peer in self.running.peers.all() {
            self.timers(peer);
            self.diagnose(peer);
        }
        self.flush();
    }

    fn timers(&mut self, peer: &Peer) {
        let mut machine = peer.machine();
        let due = match machine.update_timers() {
            // It gives up after 90 seconds. A peer that is to be kept alive is tried for ever, others when there is something
            // to send.
            Err(WireGuardError::ConnectionExpired) if peer.keeps_alive && peer.endpoint().is_some() => {
                machine.format_handshake_initiation(false).map(Into::into)
            }
            Err(_) => {
                peer.watch().gave_up();
                None
            }
            Ok(due) => due,
        };
        let (Some(message), Some(to)) = (due, peer.endpoint()) else { return };
        if matches!(message, gotatun::packet::WgKind::HandshakeInit(_)) {
            peer.watch().tried(now());
            self.running.peers.remember(peer, &message);
        }
        self.batch.push(peer, to, message);
    }

    fn diagnose(&mut self, peer: &Peer) {
        let (trouble, is_lost) = {
            let (mut watch, now) = (peer.watch(), now());
            (watch.trouble(now), watch.is_lost(now) && peer.by_name)
        };
        if let (Some(reason), Some(name)) = (trouble, &peer.named) {
            self.tell(&FromNetns::Trouble(trouble::no_handshake(name, reason)));
        }
        if is_lost {
            self.tell(&FromNetns::Lost { peer: peer.place });
        }
    }

    /// Without waiting for a front that does not listen. No word is worth the tunnel's end: one that has gone is seen by
    /// the end of its link.
    fn tell(&self, word: &FromNetns) {
        let _ = self.link.send_now(word, &[]);
    }

    fn flush(&mut self) {
        self.running.transmit.flush(&mut self.batch, &self.running.peers, &self.running.counters);
    }

    fn status(&self) -> Status {
        let Running { peers, transmit, device, counters, .. } = self.running;
        let offloads = [
            ("tun-tso", device.streams),
            ("tun-uso", device.datagrams),
            ("udp-gso", transmit.sends_many()),
            ("udp-gro", transmit.sockets.receives_many),
        ];
        let now = now();
        let (peers, more) = status::first(peers.all().iter().map(|peer| peer.status(now)));
        Status {
            engine: Engine::Userspace,
            listen_port: transmit.sockets.port,
            offloads: offloads.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.into()).collect(),
            peers,
            more,
            dropped: counters.seen(),
        }
    }
}
