//! Making a TUN device (tun(4)) in the network namespace this process is in. Runs with CAP_NET_ADMIN over it.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::{Fail, Result, Stage};
use rustix::fs::{Mode, OFlags};

use crate::sys::tun as ioctl;

const STAGE: Stage = Stage::Netns;
const DEVICE: &str = "/dev/net/tun";

/// The most packets of a device with this MTU that leave in one piece once they are sealed: what one datagram holds of
/// them, each 32 bytes longer, and UDP_MAX_SEGMENTS of the kernel.
pub fn packets_in_one_piece(mtu: Option<u32>) -> u32 {
    (65507 / (mtu.unwrap_or(1500).saturating_add(32))).clamp(1, 64)
}

/// A device of this name, which lives as long as the descriptor (or a copy of it) does. Packets pass without a prefix of
/// the driver's, with a virtio_net_hdr in front where the kernel has that. Reads and writes never wait.
pub fn make(name: &str) -> Result<OwnedFd> {
    // Opened after the namespace was joined: the device is made where its file was opened.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(DEVICE, flags, Mode::empty()).map_err(|errno| {
        let fail = Fail::new(STAGE, format!("cannot open {DEVICE}")).errno(errno);
        match errno {
            rustix::io::Errno::NOENT | rustix::io::Errno::NODEV | rustix::io::Errno::NXIO => {
                fail.hint("load the driver: sudo modprobe tun")
            }
            rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
                fail.hint("let ordinary users open it, as most systems do: sudo chmod 0666 /dev/net/tun")
            }
            _ => fail,
        }
    })?;
    let made = match ioctl::set_interface(file.as_fd(), name, true) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => ioctl::set_interface(file.as_fd(), name, false),
        other => other,
    };
    match made {
        Ok(()) => Ok(file),
        Err(e) => {
            let fail = Fail::new(STAGE, format!("cannot make the TUN device '{name}'")).errno(e);
            Err(match fail.errno {
                Some(libc::EBUSY) => fail.why("a link of this name exists already"),
                Some(libc::EPERM) => fail.hint("this needs CAP_NET_ADMIN over the network namespace"),
                _ => fail,
            })
        }
    }
}
