//! Minding a container's NAT, from its making to its end. Host namespaces, no capability, one thread, one epoll.
//!
//! Everything that ends it ends the program with it: the front (parent-death signal, and the link's end of file), this
//! process (the same for its children), or the program's own end, which is told.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage, caps};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::child::Child;
use super::datagram::{self, Flow, Sender};
use super::flows::{Flows, Places};
use super::gate::{self, Gate};
use super::inside::Inside;
use super::ready::{hear, start};
use super::stream::{Stream, Turn};
use super::words::Words;
use super::{Nat, Program, Protocol};
use crate::configure::{lost, unexpected};
use crate::sys::signal;
use crate::{FromNetns, ToNetns};

const STAGE: Stage = Stage::Netns;
/// How long gates are shut where there are no descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// What one gate or flow passes on before others have their turn.
const BATCH: usize = 64;

/// For the front, until its link closes. An error is its last word.
pub fn serve(link: &Channel, nat: Nat) -> Result<u8> {
    raise_limit();
    // Before anything is made of the container's: a port that is taken ends it here.
    let mut gates = published(&nat)?;
    // Root's may be ports below 1024; for nothing else was there a right.
    caps::drop_all(STAGE)?;
    let (ToNetns::Join, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Join")) };
    let pid1 = carried.into_iter().next().ok_or_else(|| unexpected("Join"))?;
    let pid = number(&pid1)?;

    let mut inside = None;
    if !gates.is_empty() || !nat.host_ports.is_empty() {
        let (begun, theirs) = Inside::begin(pid1.as_fd(), &nat.host_ports)?;
        gates.extend(theirs);
        inside = Some(begun);
    }
    let mut words = Words::default();
    let Some(child) = start(link, &nat, pid, &mut words)? else { return Ok(0) };
    // The number was PID 1's all the while: as long as it has not been waited for, nobody else gets it.
    if readable(&pid1) {
        return Err(Fail::new(STAGE, "the container has ended while its network was made"));
    }
    drop(pid1);
    link.send(&FromNetns::Running, &[]).map_err(lost)?;
    // What it said on its way here will not be why it ends.
    let words = Words::default();
    Minder::new(link, Some(Minded { program: nat.program, child, words }), inside, gates)?.mind()
}

/// Gates alone, with no program behind them: until the link closes. All of them lead to the host's own network namespace.
pub fn relay(link: &Channel, gates: Vec<Gate>) -> Result<u8> {
    Minder::new(link, None, None, gates)?.mind()
}

/// Every port is a descriptor, and a connection is six.
pub fn raise_limit() {
    let born = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: born.maximum, maximum: born.maximum });
}

fn published(nat: &Nat) -> Result<Vec<Gate>> {
    let mut gates = Vec::new();
    for forward in &nat.ports {
        for (host, port) in forward.pairs() {
            let (address, protocol) = (SocketAddr::new(forward.address, host), forward.protocol);
            let socket = gate::open(address, protocol).map_err(|e| gate::refused(STAGE, address, protocol, e))?;
            let own6 = nat.ipv6 && nat.program == Program::Pasta;
            let targets = gate::inward(address.is_ipv6(), port, own6);
            gates.push(Gate { socket, protocol, inward: true, targets });
        }
    }
    Ok(gates)
}

/// The number of the process a pidfd names, as this process namespace has it (proc(5), fdinfo).
fn number(pidfd: &OwnedFd) -> Result<i32> {
    let cannot = || "cannot tell which process the container is".to_string();
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(path).fail(STAGE, cannot)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|n| n.trim().parse().ok());
    match pid {
        Some(pid) if pid > 0 => Ok(pid),
        // -1: it has ended. 0: it is of no process namespace that we see.
        _ => Err(Fail::new(STAGE, cannot()).why("it has ended, or is not to be seen from here")),
    }
}

fn readable(fd: impl AsFd) -> bool {
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
}

/// What an event is about: the upper half of its number says, the lower is the place.
const LINK: u64 = 0;
const CHILD: u64 = 1 << 32;
const WORDS: u64 = 2 << 32;
const INSIDE: u64 = 3 << 32;
const GATE: u64 = 4 << 32;
const STREAM: u64 = 5 << 32;
const FLOW: u64 = 6 << 32;

/// A program that is at work.
struct Minded {
    program: Program,
    child: Child,
    words: Words,
}

struct Minder<'a> {
    link: &'a Channel,
    // Ended first.
    minded: Option<Minded>,
    inside: Option<Inside>,
    gates: Vec<Gate>,
    epoll: OwnedFd,
    streams: Places<Stream>,
    flows: Flows,
    /// When flows are looked at that nobody may use any more.
    look: Instant,
    /// Gates wait: there are no more descriptors. They are opened again when a connection ends, and tried then at the
    /// latest, because what used the descriptors up may have been no connection.
    shut: Option<Instant>,
    buffer: Vec<u8>,
}

impl<'a> Minder<'a> {
    fn new(link: &'a Channel, minded: Option<Minded>, inside: Option<Inside>, gates: Vec<Gate>) -> Result<Minder<'a>> {
        let cannot = || "cannot watch the container's NAT".to_string();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).fail(STAGE, cannot)?;
        let watch = |fd: BorrowedFd, number: u64| {
            epoll::add(&epoll, fd, EventData::new_u64(number), EventFlags::IN).fail(STAGE, cannot)
        };
        watch(link.as_fd(), LINK)?;
        if let Some(Minded { child, .. }) = &minded {
            watch(child.pidfd.as_fd(), CHILD)?;
            watch(child.words.as_fd(), WORDS)?;
        }
        if let Some(inside) = &inside {
            watch(inside.as_fd(), INSIDE)?;
        }
        for (place, gate) in gates.iter().enumerate() {
            watch(gate.socket.as_fd(), GATE | place as u64)?;
        }
        Ok(Minder {
            link,
            minded,
            inside,
            gates,
            epoll,
            streams: Places::default(),
            flows: Flows::default(),
            look: Instant::now(),
            shut: None,
            buffer: vec![0; datagram::LARGEST],
        })
    }

    /// Until the front hangs up.
    fn mind(mut self) -> Result<u8> {
        // Whoever goes while something is on its way to him would take the container with him.
        signal::ignore_broken_pipes();
        let mut events = Vec::with_capacity(64);
        // Connections that have not finished their turn.
        let mut again: Vec<usize> = Vec::new();
        loop {
            let now = Instant::now();
            self.keep_time(now);
            let look = (!self.flows.is_empty()).then_some(self.look);
            let next = look.into_iter().chain(self.shut).min();
            let wait = match again.is_empty() {
                true => next.map(|next| next.saturating_duration_since(now)),
                false => Some(Duration::ZERO),
            };
            let wait = wait.map(|w| Timespec { tv_sec: w.as_secs() as i64, tv_nsec: i64::from(w.subsec_nanos()) });
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(Fail::new(STAGE, "cannot watch the container's NAT").errno(e)),
            }
            for place in std::mem::take(&mut again) {
                self.turn(place, &mut again);
            }
            for event in &events {
                let number = event.data.u64();
                let place = (number & 0xffff_ffff) as usize;
                match number & !0xffff_ffff {
                    LINK => match self.link.recv::<ToNetns>() {
                        Ok(_) => return Err(unexpected("nothing")),
                        Err(_) => return Ok(0),
                    },
                    CHILD | WORDS => {
                        let Some(Minded { program, child, words }) = &mut self.minded else { continue };
                        let more = hear(&child.words, words);
                        if number == CHILD {
                            let how = child.ended().unwrap_or_else(|| "it has gone".into());
                            return Err(words.fail(*program, "has ended", &how));
                        }
                        if !more {
                            let _ = epoll::delete(&self.epoll, &child.words);
                        }
                    }
                    INSIDE => return Err(Fail::new(STAGE, "lost what opens ports in the container")),
                    GATE => match self.gates[place].protocol {
                        Protocol::Tcp => self.admit(place, &mut again),
                        Protocol::Udp => self.take_in(place),
                    },
                    STREAM => self.turn(place, &mut again),
                    _ => self.give_back(place),
                }
            }
        }
    }

    /// What is due, however much comes meanwhile.
    fn keep_time(&mut self, now: Instant) {
        if self.look <= now {
            self.flows.forget_idle(now);
            self.look = now + datagram::IDLE / 3;
        }
        if self.shut.is_some_and(|until| until <= now) {
            self.open_gates();
        }
    }

    /// A socket for the other side of a gate.
    fn socket(&self, place: usize) -> Result<OwnedFd, Errno> {
        let gate = &self.gates[place];
        let v6 = gate.targets.first().is_some_and(SocketAddr::is_ipv6);
        match (&self.inside, gate.inward) {
            (Some(inside), true) => inside.socket(v6, gate.protocol),
            _ => gate::unconnected(v6, gate.protocol),
        }
    }

    /// Takes whoever waits at a gate.
    fn admit(&mut self, place: usize, again: &mut Vec<usize>) {
        for _ in 0..BATCH {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let near = match accept_with(&self.gates[place].socket, flags) {
                Ok(near) => near,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => return self.shut_gates(),
                Err(Errno::AGAIN) => return,
                // Whoever it was has gone already.
                Err(_) => continue,
            };
            let far = match self.socket(place) {
                Ok(far) => far,
                Err(_) => return self.shut_gates(),
            };
            let Some(stream) = Stream::begin(near, far, &self.gates[place].targets) else { continue };
            let place = self.streams.add(stream);
            let Some(stream) = self.streams.get(place) else { return };
            // Edges: a side that is not wanted just now does not wake us for ever.
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            let data = EventData::new_u64(STREAM | place as u64);
            if stream.sockets().iter().any(|fd| epoll::add(&self.epoll, fd, data, edges).is_err()) {
                self.streams.remove(place);
                return self.shut_gates();
            }
            self.turn(place, again);
        }
    }

    fn turn(&mut self, place: usize, again: &mut Vec<usize>) {
        match self.streams.get(place).map(Stream::turn) {
            Some(Turn::Over) => {
                self.streams.remove(place);
                self.open_gates();
            }
            Some(Turn::Again) if !again.contains(&place) => again.push(place),
            _ => {}
        }
    }

    /// There are no descriptors left: whoever comes waits in the kernel.
    fn shut_gates(&mut self) {
        self.watch_gates(EventFlags::empty());
        self.shut = Some(Instant::now() + PAUSE);
    }

    fn open_gates(&mut self) {
        if self.shut.take().is_some() {
            self.watch_gates(EventFlags::IN);
        }
    }

    fn watch_gates(&self, flags: EventFlags) {
        for (place, gate) in self.gates.iter().enumerate().filter(|(_, gate)| gate.protocol == Protocol::Tcp) {
            let _ = epoll::modify(&self.epoll, &gate.socket, EventData::new_u64(GATE | place as u64), flags);
        }
    }

    /// Passes on what has come to a gate.
    fn take_in(&mut self, place: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..BATCH {
            let Some((length, sender)) = datagram::receive(place, &self.gates[place].socket, &mut buffer) else {
                break;
            };
            let bytes = &buffer[..length];
            match self.flows.of(&sender) {
                Some(flow) => flow.forward(bytes),
                None => self.begin_flow(sender, bytes),
            }
        }
        self.buffer = buffer;
    }

    fn begin_flow(&mut self, sender: Sender, first: &[u8]) {
        self.flows.make_room();
        let Ok(far) = self.socket(sender.gate) else { return };
        let Some(flow) = Flow::begin(far, sender, &self.gates[sender.gate].targets, first) else { return };
        let place = self.flows.add(flow);
        let Some(flow) = self.flows.get(place) else { return };
        let data = EventData::new_u64(FLOW | place as u64);
        if epoll::add(&self.epoll, flow.socket(), data, EventFlags::IN).is_err() {
            self.flows.remove(place);
        }
    }

    fn give_back(&mut self, place: usize) {
        let Some(flow) = self.flows.get(place) else { return };
        let gate = &self.gates[flow.sender.gate].socket;
        for _ in 0..BATCH {
            if !flow.answer(gate, &mut self.buffer) {
                return;
            }
        }
    }
}
