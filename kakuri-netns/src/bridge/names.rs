//! The container's resolver: names of containers on the bridge it answers itself, all others it asks the host's
//! resolvers for. It listens in the container, at an address of its loopback that nobody else reaches, so that no
//! firewall of the host's is in the way, and no port of the host's is taken.
//!
//! Two threads and as many as there are TCP connections, none of which holds any capability.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kakuri_wire::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::folder;
use super::question::{self, Question, SERVER_FAILURE};

const STAGE: Stage = Stage::Netns;
const DNS: u16 = 53;
/// How long one of the host's resolvers has, before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions that wait for an answer at a time: the oldest gives way.
const PENDING: usize = 128;
/// TCP connections at a time.
const CONNECTIONS: usize = 16;
const IDLE: Duration = Duration::from_secs(10);
const LARGEST: usize = 65535;

/// What both threads know.
struct Known {
    folder: PathBuf,
    servers: Vec<SocketAddr>,
}

/// Starts to answer.
pub fn start(sockets: (OwnedFd, OwnedFd), folder: PathBuf, resolvers: &[IpAddr]) -> Result<()> {
    let servers = resolvers.iter().map(|ip| SocketAddr::new(*ip, DNS)).collect();
    let known = Arc::new(Known { folder, servers });
    let (udp, tcp) = (UdpSocket::from(sockets.0), TcpListener::from(sockets.1));
    let shared = known.clone();
    thread("names", move || datagrams(&udp, &shared))?;
    // Waited for by a thread of its own.
    tcp.set_nonblocking(false).map_err(|e| Fail::new(STAGE, "cannot wait for the container's questions").errno(e))?;
    thread("names tcp", move || connections(&tcp, &known))
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|e| Fail::new(STAGE, "cannot start a thread").errno(e))
}

impl Known {
    /// The answer, where it is ours to give.
    fn answer(&self, message: &[u8], question: &Question) -> Option<Vec<u8>> {
        let lease = folder::find(&self.folder, &question.name)?;
        let addresses: Vec<IpAddr> = std::iter::once(lease.v4.into()).chain(lease.v6.map(Into::into)).collect();
        Some(question::answer(message, question, &addresses))
    }
}

/// A question that one of the host's resolvers has been asked.
struct Pending {
    socket: UdpSocket,
    from: SocketAddr,
    message: Vec<u8>,
    question: Question,
    /// Of the question on its way out: who wants to answer for somebody else has to guess it.
    id: [u8; 2],
    /// The next to be asked.
    next: usize,
    due: Instant,
}

fn datagrams(udp: &UdpSocket, known: &Known) {
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut buffer = vec![0; LARGEST];
    loop {
        let due = pending.iter().map(|p| p.due).min();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.map(|l| Timespec { tv_sec: l.as_secs() as i64, tv_nsec: i64::from(l.subsec_nanos()) });
        let mut fds = vec![PollFd::new(udp, PollFlags::IN)];
        fds.extend(pending.iter().map(|p| PollFd::new(&p.socket, PollFlags::IN)));
        let _ = poll(&mut fds, left.as_ref());
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let now = Instant::now();
        let mut at = 0;
        pending.retain_mut(|asked| {
            at += 1;
            !asked.go_on(ready[at], now, udp, known, &mut buffer)
        });
        if ready[0]
            && let Ok((length, from)) = udp.recv_from(&mut buffer)
            && let Some(asked) = take(&buffer[..length], from, udp, known)
        {
            if pending.len() == PENDING {
                pending.pop_front();
            }
            pending.push_back(asked);
        }
    }
}

/// Answers, or asks somebody who may.
fn take(message: &[u8], from: SocketAddr, udp: &UdpSocket, known: &Known) -> Option<Pending> {
    let question = question::read(message)?;
    if let Some(reply) = known.answer(message, &question) {
        let _ = udp.send_to(&reply, from);
        return None;
    }
    let asked = ask(message, 0, known).map(|(socket, id, next)| Pending {
        socket,
        from,
        message: message.to_vec(),
        question: question.clone(),
        id,
        next,
        due: Instant::now() + PATIENCE,
    });
    if asked.is_none() {
        let _ = udp.send_to(&question::refuse(message, &question, SERVER_FAILURE), from);
    }
    asked
}

/// The first who can be sent to, from this place on; each question by a socket, and so by a port, of its own.
fn ask(message: &[u8], from: usize, known: &Known) -> Option<(UdpSocket, [u8; 2], usize)> {
    known.servers.iter().enumerate().skip(from).find_map(|(place, server)| {
        let id = (RandomState::new().build_hasher().finish() as u16).to_be_bytes();
        let sent = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((any(server), 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            socket.send(&[&id, message.get(2..).unwrap_or_default()].concat())?;
            Ok(socket)
        };
        sent().ok().map(|socket| (socket, id, place + 1))
    })
}

fn any(of: &SocketAddr) -> IpAddr {
    if of.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

impl Pending {
    /// Whether it is done with.
    fn go_on(&mut self, ready: bool, now: Instant, udp: &UdpSocket, known: &Known, buffer: &mut [u8]) -> bool {
        let mut refused = false;
        if ready {
            match self.socket.recv(buffer) {
                Ok(length) if length >= 12 && buffer[..2] == self.id => {
                    buffer[..2].copy_from_slice(&self.message[..2]);
                    let _ = udp.send_to(&buffer[..length], self.from);
                    return true;
                }
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => refused = true,
                _ => {}
            }
        }
        if !refused && now < self.due {
            return false;
        }
        match ask(&self.message, self.next, known) {
            Some((socket, id, next)) => {
                (self.socket, self.id, self.next, self.due) = (socket, id, next, now + PATIENCE);
                false
            }
            None => {
                let _ = udp.send_to(&question::refuse(&self.message, &self.question, SERVER_FAILURE), self.from);
                true
            }
        }
    }
}

fn connections(tcp: &TcpListener, known: &Arc<Known>) {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = tcp.accept() else {
            // Out of descriptors, most likely; asked again at once it would be no better.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if count.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
            count.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (shared, ours) = (known.clone(), count.clone());
        let done = move || {
            // It hangs up, or is late: either way it is over.
            let _ = connection(stream, &shared);
            ours.fetch_sub(1, Ordering::Relaxed);
        };
        if thread("names tcp", done).is_err() {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn connection(mut stream: TcpStream, known: &Known) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    loop {
        let message = read_one(&mut stream)?;
        let Some(question) = question::read(&message) else { return Ok(()) };
        let reply = known.answer(&message, &question).or_else(|| relayed(&message, known));
        let reply = reply.unwrap_or_else(|| question::refuse(&message, &question, SERVER_FAILURE));
        write_one(&mut stream, &reply)?;
    }
}

fn relayed(message: &[u8], known: &Known) -> Option<Vec<u8>> {
    known.servers.iter().find_map(|server| {
        let mut stream = TcpStream::connect_timeout(server, PATIENCE).ok()?;
        stream.set_read_timeout(Some(IDLE)).ok()?;
        stream.set_write_timeout(Some(IDLE)).ok()?;
        write_one(&mut stream, message).ok()?;
        read_one(&mut stream).ok()
    })
}

/// Over TCP a message has its length in front.
fn read_one(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn write_one(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}
