//! Datagrams with the address of ours they came to, or are to come from (ip(7), ipv6(7): IP_PKTINFO, IPV6_PKTINFO).

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Room for either kind of word, aligned as the kernel's headers want it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// An address of ours; with the number of its link.
pub type Local = (IpAddr, u32);

/// Asks for it with each datagram.
pub fn ask_for_destination(socket: BorrowedFd, v6: bool) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (level, name) = match v6 {
        true => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        false => (libc::IPPROTO_IP, libc::IP_PKTINFO),
    };
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is a c_int that outlives the call, and its size is given.
    super::check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&on).cast(), size) })
}

/// The next one, without waiting: its length, who sent it and where to.
pub fn receive(socket: BorrowedFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, Option<Local>)> {
    let mut control = Control([0; 64]);
    let mut from = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a msghdr of zeroes is a valid one without anything.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = from.as_mut_ptr().cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: every pointer of the header is to memory of the given size that outlives the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: zeroed, and then filled by the kernel: any bytes are a valid one.
    let from = address(unsafe { from.assume_init_ref() }).ok_or(io::ErrorKind::InvalidData)?;
    let mut to = None;
    // SAFETY: the header is as the kernel left it, over the control buffer, which is still there.
    let mut word = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !word.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give headers that lie whole in the buffer; the kernel puts a pktinfo of
        // its kind behind each of these two, of any alignment.
        unsafe {
            match ((*word).cmsg_level, (*word).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(word).cast());
                    to = Some((IpAddr::V4(u32::from_be(info.ipi_spec_dst.s_addr).into()), 0));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(word).cast());
                    to = Some((IpAddr::V6(info.ipi6_addr.s6_addr.into()), info.ipi6_ifindex));
                }
                _ => {}
            }
            word = libc::CMSG_NXTHDR(&raw const header, word);
        }
    }
    Ok((length, from, to))
}

/// Sends one without waiting, from this address of ours where it is given.
pub fn send(socket: BorrowedFd, bytes: &[u8], to: SocketAddr, from: Option<Local>) -> io::Result<()> {
    let mut control = Control([0; 64]);
    // SAFETY: a sockaddr_storage of zeroes is one of no family.
    let mut name: libc::sockaddr_storage = unsafe { zeroed() };
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a msghdr of zeroes is a valid one without anything.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_namelen = fill(&mut name, to);
    header.msg_name = (&raw mut name).cast();
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    match from {
        Some((IpAddr::V4(ip), _)) => {
            let ipi_spec_dst = libc::in_addr { s_addr: u32::from(ip).to_be() };
            let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst, ipi_addr: libc::in_addr { s_addr: 0 } };
            say(&mut header, &mut control, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        Some((IpAddr::V6(ip), link)) => {
            let ipi6_ifindex = if ip.is_unicast_link_local() { link } else { 0 };
            let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex };
            say(&mut header, &mut control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
        None => {}
    }
    // SAFETY: every pointer of the header is to memory of the given size that outlives the call, and is only read.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts one word into the control buffer and the buffer into the header.
fn say<T>(header: &mut libc::msghdr, control: &mut Control, level: i32, kind: i32, value: T) {
    let size = size_of::<T>() as u32;
    // SAFETY: CMSG_SPACE of either pktinfo is 40 at most, which the buffer, aligned for a header, has; the value is
    // written behind that header.
    unsafe {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_SPACE(size) as _;
        let word = libc::CMSG_FIRSTHDR(header);
        (*word).cmsg_level = level;
        (*word).cmsg_type = kind;
        (*word).cmsg_len = libc::CMSG_LEN(size) as _;
        ptr::write_unaligned(libc::CMSG_DATA(word).cast(), value);
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: a storage is large and aligned enough for every family's address, and this is its family.
            let v4 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            Some(SocketAddrV4::new(u32::from_be(v4.sin_addr.s_addr).into(), u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let (port, flow) = (u16::from_be(v6.sin6_port), v6.sin6_flowinfo);
            Some(SocketAddrV6::new(v6.sin6_addr.s6_addr.into(), port, flow, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Its length.
fn fill(storage: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: a storage is large and aligned enough for every family's address, and zeroes are a valid one.
            let to = unsafe { &mut *ptr::from_mut(storage).cast::<libc::sockaddr_in>() };
            to.sin_family = libc::AF_INET as _;
            to.sin_port = v4.port().to_be();
            to.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>() as _
        }
        SocketAddr::V6(v6) => {
            // SAFETY: as above.
            let to = unsafe { &mut *ptr::from_mut(storage).cast::<libc::sockaddr_in6>() };
            to.sin6_family = libc::AF_INET6 as _;
            to.sin6_port = v6.port().to_be();
            to.sin6_addr.s6_addr = v6.ip().octets();
            to.sin6_flowinfo = v6.flowinfo();
            to.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>() as _
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    /// From the address that was asked, though the socket has them all: the way every answer goes.
    #[test]
    fn an_answer_comes_from_where_the_question_went() {
        for (any, asked) in [("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1")] {
            let Ok(server) = UdpSocket::bind(any) else {
                eprintln!("skipped: no {any} here");
                continue;
            };
            let asked: IpAddr = asked.parse().expect("an address");
            ask_for_destination(server.as_fd(), asked.is_ipv6()).expect("can be told");
            let client = UdpSocket::bind(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).expect("a client");
            client.connect((asked, server.local_addr().expect("bound").port())).expect("connects");
            client.send(b"who?").expect("sent");
            let mut buffer = [0; 16];
            let (length, from, to) = receive(server.as_fd(), &mut buffer).expect("there");
            assert_eq!((&buffer[..length], from), (&b"who?"[..], client.local_addr().expect("bound")));
            assert_eq!(to.map(|(ip, _)| ip), Some(asked));
            send(server.as_fd(), b"me", from, to).expect("sent");
            // A connected socket hears nobody else.
            assert_eq!(client.recv(&mut buffer).expect("an answer"), 2);
            assert!(receive(server.as_fd(), &mut buffer).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock));
        }
    }
}
