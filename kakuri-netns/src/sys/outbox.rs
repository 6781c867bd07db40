//! Sending datagrams, many with one call (sendmmsg(2)), each several to one receiver where the kernel (or the card) cuts
//! them (UDP_SEGMENT of udp(7), Linux 4.18).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::socket::Name;

/// Linux's number; libc names it for some systems only.
pub const UDP_SEGMENT: libc::c_int = 103;

/// Datagrams to one receiver: `count` pieces, all but the last `segment` bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub to: SocketAddr,
    pub count: usize,
    /// None: all pieces are one datagram.
    pub segment: Option<u16>,
}

/// One control message with 16 bits, aligned as struct cmsghdr is.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 32]);

/// The arrays the call reads, kept from call to call.
#[derive(Default)]
pub struct Outbox {
    names: Vec<Name>,
    controls: Vec<Control>,
    headers: Vec<libc::mmsghdr>,
}

impl Outbox {
    /// Sends runs, whose pieces lie one after another; gives how many runs have been sent. An error is the first run's.
    pub fn send(&mut self, socket: BorrowedFd, runs: &[Run], pieces: &[IoSlice], wait: bool) -> io::Result<usize> {
        let count = runs.len();
        if self.headers.len() < count {
            self.names.resize(count, Name::NONE);
            self.controls.resize(count, Control([0; 32]));
            // SAFETY: an mmsghdr is plain data, for which all zeroes is a value.
            self.headers.resize(count, unsafe { std::mem::zeroed() });
        }
        let mut rest = pieces;
        for (i, run) in runs.iter().enumerate() {
            let Some((own, after)) = rest.split_at_checked(run.count) else {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            };
            rest = after;
            let header = &mut self.headers[i].msg_hdr;
            header.msg_namelen = self.names[i].set(run.to);
            header.msg_name = (&raw mut self.names[i]).cast();
            // IoSlice is an iovec (its documentation promises it), which the call does not write to.
            header.msg_iov = own.as_ptr().cast_mut().cast();
            header.msg_iovlen = own.len() as _;
            header.msg_control = std::ptr::null_mut();
            header.msg_controllen = 0;
            if let Some(segment) = run.segment {
                header.msg_control = (&raw mut self.controls[i]).cast();
                // SAFETY: the control buffer is longer than one message with 16 bits, and aligned for its header.
                unsafe {
                    header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as libc::c_uint) as _;
                    if let Some(control) = libc::CMSG_FIRSTHDR(header).as_mut() {
                        control.cmsg_level = libc::SOL_UDP;
                        control.cmsg_type = UDP_SEGMENT;
                        control.cmsg_len = libc::CMSG_LEN(size_of::<u16>() as libc::c_uint) as _;
                        libc::CMSG_DATA(control).cast::<u16>().write_unaligned(segment);
                    }
                }
            }
        }
        let flags = libc::MSG_NOSIGNAL | if wait { 0 } else { libc::MSG_DONTWAIT };
        // SAFETY: every header points at a name and a control buffer of this value and at pieces of the caller's, all of
        // which outlive the call.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count as libc::c_uint, flags as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}
