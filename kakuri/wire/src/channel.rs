//! A link's end: one serde_json message a packet, with a counted number of descriptors.
//!
//! SOCK_SEQPACKET keeps message borders and shows a dead peer as end of file. Received descriptors are
//! close-on-exec from birth; truncation of either the bytes or the descriptors is an error, and so is any
//! number of descriptors but the one the message speaks of: all are closed then.
//!
//! A document that is small travels in the packet of its message, behind a line feed, which no message contains; a
//! large one as a descriptor. It is not looked at before its receiver asks for it.

use std::fmt::Debug;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Serialize, de::DeserializeOwned};

/// The largest message, in bytes; what may be larger crosses as a document.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// The most descriptors one message may carry; the kernel's own limit (SCM_MAX_FD) is 253.
pub const MAX_DESCRIPTORS: usize = 64;

/// One direction of a link, as an enum.
pub trait Message: Serialize + DeserializeOwned + Debug {
    /// How many descriptors travel with this very message.
    fn descriptors(&self) -> usize;

    /// Whether one of them is a document, which may be enclosed instead.
    fn has_document(&self) -> bool {
        false
    }
}

/// What came in one packet.
#[derive(Debug)]
pub struct Received<M> {
    pub message: M,
    /// The document, where it is none of the descriptors.
    pub enclosed: Option<Vec<u8>>,
    pub fds: Vec<OwnedFd>,
}

/// Between a message and what is enclosed.
const SEPARATOR: u8 = b'\n';

/// Where a packet of any length is received, and only as much of it touched as comes: a page costs when it is used.
static LANDING: Mutex<[u8; MAX_MESSAGE + 1]> = Mutex::new([0; MAX_MESSAGE + 1]);

/// Why a message could not be sent or received.
#[derive(Debug)]
pub enum Broken {
    /// The peer is gone.
    Closed,
    /// The deadline passed; or there was nothing to receive, or no room to send, where nobody waits.
    Late,
    /// The peer said something that is not a message of this link.
    Nonsense(String),
    System(io::Error),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Broken::Closed => f.write_str("it ended without a word"),
            Broken::Late => f.write_str("it did not answer in time"),
            Broken::Nonsense(why) => write!(f, "it sent what is no message: {why}"),
            // The kernel counts descriptors that are sent and not yet received against the sender's limit, for all of a
            // user's processes together (unix(7)).
            Broken::System(e) if e.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                f.write_str("too many open files are on their way; raise the limit of open files: ulimit -n")
            }
            Broken::System(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<rustix::io::Errno> for Broken {
    fn from(e: rustix::io::Errno) -> Self {
        match e {
            rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET => Broken::Closed,
            rustix::io::Errno::AGAIN => Broken::Late,
            e => Broken::System(e.into()),
        }
    }
}

/// One end of a link.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        Channel { socket }
    }
}

impl Channel {
    /// The two ends of a new link, both close-on-exec.
    pub fn pair() -> io::Result<(Channel, Channel)> {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((a.into(), b.into()))
    }

    /// Sends one message. `fds` are duplicated to the peer; ours stay open. Waits while the peer has too much unread.
    pub fn send<M: Message>(&self, message: &M, fds: &[BorrowedFd]) -> Result<(), Broken> {
        self.send_enclosing(message, None, fds)
    }

    /// The same with a document in the packet, which is then not among `fds`.
    pub fn send_enclosing<M: Message>(
        &self,
        message: &M,
        enclosed: Option<&[u8]>,
        fds: &[BorrowedFd],
    ) -> Result<(), Broken> {
        self.send_raw(&encode(message, enclosed, fds)?, fds)
    }

    /// [`Channel::send`] without waiting for anybody: [`Broken::Late`] where the peer has too much unread, and nothing
    /// is sent.
    pub fn send_now<M: Message>(&self, message: &M, fds: &[BorrowedFd]) -> Result<(), Broken> {
        self.send_enclosing_now(message, None, fds)
    }

    /// The same with a document in the packet.
    pub fn send_enclosing_now<M: Message>(
        &self,
        message: &M,
        enclosed: Option<&[u8]>,
        fds: &[BorrowedFd],
    ) -> Result<(), Broken> {
        self.send_bytes(&encode(message, enclosed, fds)?, fds, SendFlags::DONTWAIT)
    }

    /// Sends bytes as they are: for tests that play a lying peer.
    pub fn send_raw(&self, bytes: &[u8], fds: &[BorrowedFd]) -> Result<(), Broken> {
        self.send_bytes(bytes, fds, SendFlags::empty())
    }

    fn send_bytes(&self, bytes: &[u8], fds: &[BorrowedFd], flags: SendFlags) -> Result<(), Broken> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Broken::Nonsense(format!("{} descriptors, more than {MAX_DESCRIPTORS}", fds.len())));
        }
        // NOSIGNAL: a peer that has gone is an error here, not a SIGPIPE.
        let flags = flags | SendFlags::NOSIGNAL;
        let sent = retry(|| sendmsg(&self.socket, &[io::IoSlice::new(bytes)], &mut control, flags))?;
        if sent == bytes.len() { Ok(()) } else { Err(Broken::Nonsense("it was cut".into())) }
    }

    /// Receives one message; blocks until it comes or the peer is gone.
    pub fn recv<M: Message>(&self) -> Result<(M, Vec<OwnedFd>), Broken> {
        self.recv_bytes(RecvFlags::empty(), plain)
    }

    /// The same for a message that may enclose a document.
    pub fn recv_enclosing<M: Message>(&self) -> Result<Received<M>, Broken> {
        self.recv_bytes(RecvFlags::empty(), decode)
    }

    /// [`Channel::recv`] without waiting for anybody: [`Broken::Late`] where there is none.
    pub fn recv_now<M: Message>(&self) -> Result<(M, Vec<OwnedFd>), Broken> {
        self.recv_bytes(RecvFlags::DONTWAIT, plain)
    }

    /// The same for a message that may enclose a document.
    pub fn recv_enclosing_now<M: Message>(&self) -> Result<Received<M>, Broken> {
        self.recv_bytes(RecvFlags::DONTWAIT, decode)
    }

    /// [`Channel::recv`], waiting no longer than `limit`.
    pub fn recv_within<M: Message>(&self, limit: Duration) -> Result<(M, Vec<OwnedFd>), Broken> {
        if wait(&self.socket, PollFlags::IN, limit)? { self.recv() } else { Err(Broken::Late) }
    }

    /// One packet and its descriptors, unread.
    pub fn recv_raw(&self) -> Result<(Vec<u8>, Vec<OwnedFd>), Broken> {
        self.recv_bytes(RecvFlags::empty(), |bytes, fds| Ok((bytes.to_vec(), fds)))
    }

    /// Receives one packet and has it read.
    fn recv_bytes<T>(
        &self,
        flags: RecvFlags,
        read: impl FnOnce(&[u8], Vec<OwnedFd>) -> Result<T, Broken>,
    ) -> Result<T, Broken> {
        // Another thread may be waiting in it: that is a test, our programs have one.
        match LANDING.try_lock() {
            Ok(mut landing) => self.recv_into(&mut landing[..], flags, read),
            Err(_) => self.recv_into(&mut vec![0; MAX_MESSAGE + 1], flags, read),
        }
    }

    fn recv_into<T>(
        &self,
        landing: &mut [u8],
        flags: RecvFlags,
        read: impl FnOnce(&[u8], Vec<OwnedFd>) -> Result<T, Broken>,
    ) -> Result<T, Broken> {
        // With TRUNC its whole length is told.
        let flags = flags | RecvFlags::CMSG_CLOEXEC | RecvFlags::TRUNC;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            retry_received(|| recvmsg(&self.socket, &mut [io::IoSliceMut::new(landing)], &mut control, flags))?;
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        // The buffer is padded for alignment, so the kernel may deliver one or two more than it was sized for.
        if received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > MAX_DESCRIPTORS {
            return Err(Broken::Nonsense(
                "more descriptors than fit (too many, or this process may open no more)".into(),
            ));
        }
        let length = received.bytes;
        if length == 0 {
            return Err(Broken::Closed);
        }
        match landing.get(..length).filter(|bytes| bytes.len() <= MAX_MESSAGE) {
            Some(bytes) => read(bytes, fds),
            None => Err(Broken::Nonsense(format!("{length} bytes, more than {MAX_MESSAGE}"))),
        }
    }

    /// Whether the peer has closed its end (what it sent before may still be read).
    pub fn hung_up(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() && fds[0].revents().contains(PollFlags::HUP)
    }
}

fn encode<M: Message>(message: &M, enclosed: Option<&[u8]>, fds: &[BorrowedFd]) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::with_capacity(128 + enclosed.map_or(0, <[u8]>::len));
    serde_json::to_writer(&mut bytes, message).map_err(|e| Broken::Nonsense(e.to_string()))?;
    if let Some(document) = enclosed {
        bytes.push(SEPARATOR);
        bytes.extend_from_slice(document);
    }
    if bytes.len() > MAX_MESSAGE {
        return Err(Broken::Nonsense(format!("{} bytes, more than {MAX_MESSAGE}", bytes.len())));
    }
    if belonging(message, enclosed.is_some()) != Some(fds.len()) || fds.len() > MAX_DESCRIPTORS {
        // Not the message itself: it may hold what is nobody's business.
        return Err(Broken::Nonsense(format!("{} descriptors, and another number belongs to it", fds.len())));
    }
    Ok(bytes)
}

fn decode<M: Message>(bytes: &[u8], fds: Vec<OwnedFd>) -> Result<Received<M>, Broken> {
    let (words, enclosed) = match bytes.iter().position(|&byte| byte == SEPARATOR) {
        Some(at) => (&bytes[..at], Some(bytes[at + 1..].to_vec())),
        None => (bytes, None),
    };
    let message: M = serde_json::from_slice(words).map_err(|e| Broken::Nonsense(e.to_string()))?;
    match belonging(&message, enclosed.is_some()) {
        Some(count) if count == fds.len() => Ok(Received { message, enclosed, fds }),
        Some(count) => Err(Broken::Nonsense(format!("{} descriptors where {count} belong", fds.len()))),
        None => Err(Broken::Nonsense("a document where none belongs".into())),
    }
}

/// A message without a document in its packet.
fn plain<M: Message>(bytes: &[u8], fds: Vec<OwnedFd>) -> Result<(M, Vec<OwnedFd>), Broken> {
    match decode(bytes, fds)? {
        Received { message, enclosed: None, fds } => Ok((message, fds)),
        Received { .. } => Err(Broken::Nonsense("a document where none is expected".into())),
    }
}

/// How many descriptors travel with a message; none where it cannot enclose a document and does.
fn belonging(message: &impl Message, enclosed: bool) -> Option<usize> {
    match enclosed {
        false => Some(message.descriptors()),
        true if message.has_document() => message.descriptors().checked_sub(1),
        true => None,
    }
}

/// Waits until `fd` shows one of `events` (or has hung up); false when `limit` passed first.
pub fn wait(fd: impl AsFd, events: PollFlags, limit: Duration) -> Result<bool, Broken> {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(&fd, events)], Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}

/// The same for receiving. A peer that closed its end with words of ours unread is told by one ECONNRESET, ahead of
/// what it said last; that word (an error, mostly) comes with the next call, or the end of file.
fn retry_received<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    match retry(&mut call) {
        Err(rustix::io::Errno::CONNRESET) => retry(call),
        other => other,
    }
}
