//! The only unsafe code of this program: system calls that rustix does not have, a file for each of their objects.

pub mod buffer;
pub mod child;
pub mod datagram;
pub mod errors;
pub mod inbox;
pub mod netlink;
pub mod outbox;
pub mod pool;
pub mod signal;
pub mod socket;
pub mod sum;
pub mod tun;

use std::io;

fn check(r: libc::c_int) -> io::Result<()> {
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
