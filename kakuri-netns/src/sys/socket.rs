//! Options and addresses of sockets.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

/// setsockopt(2) of a number.
pub fn set_option(socket: BorrowedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a c_int that outlives the call, and its size is given.
    super::check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })
}

/// The same way round: whether the kernel has the option at all.
pub fn has_option(socket: BorrowedFd, level: libc::c_int, name: libc::c_int) -> bool {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: value and length outlive the call, and length is the size of value.
    unsafe {
        let (value, length) = (std::ptr::from_mut(&mut value).cast(), &raw mut length);
        libc::getsockopt(socket.as_raw_fd(), level, name, value, length) == 0
    }
}

/// Room for an address of either family, as the kernel reads and writes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    pub const NONE: Name = Name {
        v6: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// Gives its length.
    pub fn set(&mut self, address: SocketAddr) -> libc::socklen_t {
        *self = Name::NONE;
        match address {
            SocketAddr::V4(address) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(address) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    /// None: of no family we know.
    pub fn get(&self) -> Option<SocketAddr> {
        // SAFETY: every member begins with the family and is plain data; NONE has initialised all of it, and the kernel
        // writes no less than the family says.
        unsafe {
            match i32::from(self.family) {
                libc::AF_INET => {
                    let name = self.v4;
                    let ip = name.sin_addr.s_addr.to_ne_bytes().into();
                    Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let name = self.v6;
                    let ip = name.sin6_addr.s6_addr.into();
                    // The flow label is the datagram's, not the peer's.
                    Some(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id).into())
                }
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn addresses_come_back() {
        for text in ["192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%3]:65535"] {
            let address = text.parse().expect("an address");
            let mut name = Name::NONE;
            name.set(address);
            assert_eq!(name.get(), Some(address));
        }
        assert_eq!(Name::NONE.get(), None);
    }
}
