//! The ioctls of tun(4); numbers from linux/if_tun.h.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// TUNSETIFF: makes the file a TUN device of this name, of at most 15 bytes.
pub fn set_interface(file: BorrowedFd, name: &str, with_vnet_header: bool) -> io::Result<()> {
    // SAFETY: an ifreq is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte less than there are: the name ends with a NUL.
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | if with_vnet_header { libc::IFF_VNET_HDR } else { 0 };
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: the request is a whole ifreq and outlives the call.
    super::check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) })
}
