//! Receiving datagrams, many with one call (recvmmsg(2)), each several of one sender where the kernel put them together
//! (UDP_GRO of udp(7), Linux 5.0).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use bytes::BytesMut;

use super::socket::Name;

/// The largest IP packet: what the kernel puts together is no longer.
const ROOM: usize = 65536;
/// Linux's number; libc names it for some systems only.
pub const UDP_GRO: libc::c_int = 104;

/// Room for one control message with a number, aligned as struct cmsghdr is.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Slots, each with room for one message. What is taken out of a slot comes back to it when all of it has been dropped.
pub struct Inbox {
    buffers: Vec<BytesMut>,
    names: Vec<Name>,
    controls: Vec<Control>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// What one slot holds: datagrams of one sender, all but the last `segment` bytes long.
pub struct Message {
    pub from: SocketAddr,
    pub segment: usize,
    pub bytes: BytesMut,
}

impl Inbox {
    pub fn new(slots: usize) -> Inbox {
        // SAFETY: an mmsghdr is plain data, for which all zeroes is a value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        Inbox {
            buffers: (0..slots).map(|_| BytesMut::with_capacity(ROOM)).collect(),
            names: vec![Name::NONE; slots],
            controls: vec![Control([0; 64]); slots],
            parts: vec![libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; slots],
            headers: vec![header; slots],
        }
    }

    pub fn slots(&self) -> usize {
        self.buffers.len()
    }

    /// Fills slots with what there is, without waiting, and gives their number.
    pub fn receive(&mut self, socket: BorrowedFd) -> io::Result<usize> {
        for (slot, buffer) in self.buffers.iter_mut().enumerate() {
            buffer.clear();
            // Whoever still holds a piece of it keeps it; this slot then gets room of its own.
            buffer.reserve(ROOM);
            self.names[slot] = Name::NONE;
            self.parts[slot] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: ROOM };
            let header = &mut self.headers[slot].msg_hdr;
            header.msg_name = (&raw mut self.names[slot]).cast();
            header.msg_namelen = size_of::<Name>() as libc::socklen_t;
            header.msg_iov = &raw mut self.parts[slot];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[slot]).cast();
            header.msg_controllen = size_of::<Control>() as _;
            header.msg_flags = 0;
        }
        // SAFETY: every header points at a name, a part and a control buffer of this value, which stay where they are
        // during the call; every part points at ROOM bytes that its buffer has reserved.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (buffer, header) in self.buffers.iter_mut().zip(&self.headers).take(count) {
            // SAFETY: the kernel has just written so much into the room each part points at.
            unsafe { super::buffer::filled(buffer, header.msg_len as usize) };
        }
        Ok(count)
    }

    /// What a slot that was filled holds; None where it is nothing that could be answered, or was cut.
    pub fn take(&mut self, slot: usize) -> Option<Message> {
        let (buffer, header) = (self.buffers.get_mut(slot)?, self.headers.get(slot)?);
        let from = self.names.get(slot)?.get()?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let bytes = buffer.split();
        let segment = segment(&header.msg_hdr).unwrap_or(bytes.len()).max(1);
        Some(Message { from, segment, bytes })
    }
}

/// How long each datagram is, where the kernel put several together.
fn segment(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: header and control buffer are those of the call that has just filled them, and the macros stay within the
    // length the kernel has set; a value is read only where its header says that it is a whole number.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(one) = control.as_ref() {
            let least = libc::CMSG_LEN(size_of::<libc::c_int>() as libc::c_uint);
            let whole = one.cmsg_len as u64 >= u64::from(least);
            if one.cmsg_level == libc::SOL_UDP && one.cmsg_type == UDP_GRO && whole {
                return usize::try_from(libc::CMSG_DATA(control).cast::<libc::c_int>().read_unaligned()).ok();
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}
