//! UDP through a gate: each sender has a socket of its own on the other side, so that answers find back.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, connect, connect_unspec, recv, send, sockopt};

use crate::sys::{self, datagram::Local};

/// The largest datagram there is, in bytes.
pub const LARGEST: usize = 65536;
/// A sender that has been silent, and heard nothing, for so long is forgotten.
pub const IDLE: Duration = Duration::from_secs(180);

/// Who sent something, and to which address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The gate's place.
    pub gate: usize,
    pub from: SocketAddr,
    pub to: Option<Local>,
}

/// One sender's way.
pub struct Flow {
    far: OwnedFd,
    pub sender: Sender,
    pub used: Instant,
}

/// The next datagram at a gate; None where there is none.
pub fn receive(gate: usize, socket: &OwnedFd, buffer: &mut [u8]) -> Option<(usize, Sender)> {
    // What is wrong with a gate concerns one datagram: an answer of ours that nobody took (ECONNREFUSED).
    for _ in 0..16 {
        match sys::datagram::receive(socket.as_fd(), buffer) {
            Ok((length, from, to)) => return Some((length, Sender { gate, from, to })),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => {}
        }
    }
    None
}

impl Flow {
    /// Sends the first datagram to the first who takes it: on a loopback a refusal is known at once.
    pub fn begin(far: OwnedFd, sender: Sender, targets: &[SocketAddr], first: &[u8]) -> Option<Flow> {
        let taken = targets.iter().any(|target| {
            // The one before has left a refusal, and an address of ours that may be of the other family.
            let _ = (sockopt::socket_error(&far), connect_unspec(&far));
            connect(&far, target).is_ok()
                && send(&far, first, SendFlags::NOSIGNAL).is_ok()
                && matches!(sockopt::socket_error(&far), Ok(Ok(())))
        });
        taken.then(|| Flow { far, sender, used: Instant::now() })
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.far.as_fd()
    }

    /// Passes on what the sender sent. What is not taken is lost, as on any way.
    pub fn forward(&mut self, bytes: &[u8]) {
        self.used = Instant::now();
        if send(&self.far, bytes, SendFlags::NOSIGNAL) == Err(Errno::CONNREFUSED) {
            // That was the answer to an earlier one.
            let _ = send(&self.far, bytes, SendFlags::NOSIGNAL);
        }
    }

    /// Passes one answer back; false where there is none.
    pub fn answer(&mut self, gate: &OwnedFd, buffer: &mut [u8]) -> bool {
        let length = match recv(&self.far, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((length, _)) => length,
            Err(Errno::AGAIN) => return false,
            // A refusal, which UDP tells nobody.
            Err(_) => return true,
        };
        self.used = Instant::now();
        let _ = sys::datagram::send(gate.as_fd(), &buffer[..length], self.sender.from, self.sender.to);
        true
    }
}
