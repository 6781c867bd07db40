//! One TCP connection through a gate: bytes are moved between two sockets through pipes (splice(2)), without a copy.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, connect, getpeername, shutdown, sockopt};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

/// What is moved at once, in bytes: what a pipe holds.
const CHUNK: usize = 64 * 1024;
/// So often before others have their turn.
const ROUNDS: usize = 32;

pub struct Stream {
    /// Who came.
    near: OwnedFd,
    /// Who is wanted.
    far: OwnedFd,
    there: Way,
    back: Way,
    connected: bool,
    /// Still to be tried, the next one last.
    targets: Vec<SocketAddr>,
}

/// One direction.
struct Way {
    into: OwnedFd,
    out_of: OwnedFd,
    /// Bytes in the pipe.
    held: usize,
    /// No more comes.
    ended: bool,
    /// The other side was told so.
    told: bool,
}

/// How a connection is after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// For either socket.
    Waits,
    /// There is more to do at once.
    Again,
    Over,
}

impl Stream {
    /// Begins to connect. None where nobody can be reached: `near` is reset.
    pub fn begin(near: OwnedFd, far: OwnedFd, targets: &[SocketAddr]) -> Option<Stream> {
        let (there, back) = match (Way::new(), Way::new()) {
            (Ok(there), Ok(back)) => (there, back),
            _ => {
                reset(&near);
                return None;
            }
        };
        // Small writes are passed on as they come.
        let _ = sockopt::set_tcp_nodelay(&near, true);
        let _ = sockopt::set_tcp_nodelay(&far, true);
        let targets = targets.iter().rev().copied().collect();
        let mut stream = Stream { near, far, there, back, connected: false, targets };
        (stream.try_next() != Turn::Over).then_some(stream)
    }

    pub fn sockets(&self) -> [BorrowedFd<'_>; 2] {
        [self.near.as_fd(), self.far.as_fd()]
    }

    /// Does what can be done without waiting.
    pub fn turn(&mut self) -> Turn {
        if !self.connected {
            match sockopt::socket_error(&self.far) {
                Ok(Ok(())) if getpeername(&self.far).is_err() => return Turn::Waits,
                Ok(Ok(())) => self.connected = true,
                _ if self.try_next() == Turn::Over => return Turn::Over,
                _ => return Turn::Waits,
            }
        }
        for _ in 0..ROUNDS {
            let moved =
                self.there.pump(&self.near, &self.far).and_then(|a| Ok(self.back.pump(&self.far, &self.near)? || a));
            match moved {
                Ok(true) if self.there.told && self.back.told => return Turn::Over,
                Ok(true) => {}
                Ok(false) => return Turn::Waits,
                Err(_) => {
                    // As abrupt for the one as it was for the other.
                    reset(&self.near);
                    reset(&self.far);
                    return Turn::Over;
                }
            }
        }
        Turn::Again
    }

    /// Over where nobody is left to try.
    fn try_next(&mut self) -> Turn {
        while let Some(target) = self.targets.pop() {
            // After a refusal the first call only takes it back (ECONNABORTED).
            let tried = match connect(&self.far, &target) {
                Err(Errno::CONNABORTED) => connect(&self.far, &target),
                other => other,
            };
            if matches!(tried, Ok(()) | Err(Errno::INPROGRESS)) {
                return Turn::Waits;
            }
        }
        reset(&self.near);
        Turn::Over
    }
}

/// So that closing says "connection reset", not a quiet end.
fn reset(socket: &OwnedFd) {
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

impl Way {
    fn new() -> Result<Way, Errno> {
        let (out_of, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Way { into, out_of, held: 0, ended: false, told: false })
    }

    /// Whether anything moved.
    fn pump(&mut self, from: &OwnedFd, to: &OwnedFd) -> Result<bool, Errno> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let mut moved = false;
        if !self.ended && self.held < CHUNK {
            match splice(from, None, &self.into, None, CHUNK, flags) {
                Ok(0) => (self.ended, moved) = (true, true),
                Ok(n) => (self.held, moved) = (self.held + n, true),
                // Nothing there, or no room in the pipe.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        if self.held > 0 {
            match splice(&self.out_of, None, to, None, self.held, flags) {
                Ok(n) => (self.held, moved) = (self.held.saturating_sub(n), true),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        if self.ended && self.held == 0 && !self.told {
            // A peer that has gone already needs not be told.
            let _ = shutdown(to, Shutdown::Write);
            (self.told, moved) = (true, true);
        }
        Ok(moved)
    }
}
