//! What comes back for a datagram that did not arrive ("port unreachable" and the like, IP_RECVERR of ip(7)).
//!
//! Anybody on the way can send such a thing: it is heard for the diagnosis, and changes nothing else.

use std::os::fd::BorrowedFd;

use super::peers::Peers;
use crate::sys::errors::receive_error;

/// Reads all that is queued.
pub fn hear(socket: BorrowedFd, peers: &Peers) {
    while let Some((to, errno)) = receive_error(socket) {
        if let Some(peer) = to.and_then(|to| peers.of_endpoint(to)) {
            peer.watch().not_sent(errno);
        }
    }
}
