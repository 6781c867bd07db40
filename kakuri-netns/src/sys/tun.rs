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

/// Whether packets have a virtio_net_hdr in front (TUNGETIFF).
pub fn has_vnet_header(file: BorrowedFd) -> io::Result<bool> {
    // SAFETY: an ifreq is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // SAFETY: the request is a whole ifreq, which the kernel fills, and outlives the call.
    super::check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNGETIFF as _, &raw mut request) })?;
    // SAFETY: the kernel has written the flags.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok(libc::c_int::from(flags) & libc::IFF_VNET_HDR != 0)
}

pub const CHECKSUM: libc::c_uint = 0x01;
pub const TSO4: libc::c_uint = 0x02;
pub const TSO6: libc::c_uint = 0x04;
pub const USO4: libc::c_uint = 0x20;
pub const USO6: libc::c_uint = 0x40;

/// TUNSETOFFLOAD: what the reader of the file does for the kernel.
pub fn set_offloads(file: BorrowedFd, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: the argument is a number.
    super::check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD as _, libc::c_ulong::from(offloads)) })
}
