//! Netlink sockets.

use std::io;
use std::os::fd::BorrowedFd;

use super::socket::set_option;

/// Asks for the kernel's own words with a refusal (NETLINK_EXT_ACK, Linux 4.12).
pub fn ask_for_words(socket: BorrowedFd) -> io::Result<()> {
    set_option(socket, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)
}
