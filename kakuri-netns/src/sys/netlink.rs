//! Netlink sockets.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks for the kernel's own words with a refusal (NETLINK_EXT_ACK, Linux 4.12).
pub fn ask_for_words(socket: BorrowedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the value is a c_int that outlives the call, and its size is given.
    super::check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_EXT_ACK,
            std::ptr::from_ref(&on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })
}
