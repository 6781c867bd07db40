//! The error queue of a socket (ip(7), IP_RECVERR).

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::socket::Name;

/// Room for the control messages, aligned as struct cmsghdr is.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// The oldest error of the queue: where the datagram was sent to, and what became of it. None where there is none.
pub fn receive_error(socket: BorrowedFd) -> Option<(Option<SocketAddr>, i32)> {
    let (mut name, mut control) = (Name::NONE, Control([0; 256]));
    // SAFETY: a msghdr is plain data, for which all zeroes is a value: no bytes of the datagram are asked for.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<Name>() as libc::socklen_t;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: name and control outlive the call and are as long as is said.
    if unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) } < 0 {
        return None;
    }
    let mut errno = 0;
    // SAFETY: the kernel has filled the control buffer, the macros stay within the length it has set, and a value is read
    // only where its header says that it is a whole one.
    unsafe {
        let mut one = libc::CMSG_FIRSTHDR(&header);
        while let Some(message) = one.as_ref() {
            let size = size_of::<libc::sock_extended_err>() as libc::c_uint;
            let kind = (message.cmsg_level, message.cmsg_type);
            let known = [(libc::SOL_IP, libc::IP_RECVERR), (libc::SOL_IPV6, libc::IPV6_RECVERR)].contains(&kind);
            if known && message.cmsg_len as u64 >= u64::from(libc::CMSG_LEN(size)) {
                errno = libc::CMSG_DATA(one).cast::<libc::sock_extended_err>().read_unaligned().ee_errno as i32;
            }
            one = libc::CMSG_NXTHDR(&header, one);
        }
    }
    Some((name.get(), errno))
}
