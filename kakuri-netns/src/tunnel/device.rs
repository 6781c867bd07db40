//! The container's TUN device, as the tunnel holds it: packets in and out, many in one piece where the kernel agrees.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use rustix::io::Errno;

use super::vnet::{self, Header};
use crate::sys::tun as ioctl;

const STAGE: Stage = Stage::Netns;
/// A packet of the kernel's, whole or in one piece, with the header in front.
pub const FRAME: usize = vnet::LENGTH + 65536;

pub struct Device {
    file: OwnedFd,
    /// Whether there is a virtio_net_hdr in front of every packet.
    vnet: bool,
    /// TCP streams pass in one piece; UDP flows do.
    pub streams: bool,
    pub datagrams: bool,
}

impl Device {
    /// Agrees with the driver on what passes in one piece, the most first.
    pub fn new(file: OwnedFd) -> Result<Device> {
        let vnet = ioctl::has_vnet_header(file.as_fd())
            .fail(STAGE, || "cannot use what should be a TUN device".into())
            .map_err(|fail| fail.why("kakuri sent a file of another kind"))?;
        rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::NONBLOCK)
            .fail(STAGE, || "cannot read the TUN device without waiting".into())?;
        let tcp = ioctl::CHECKSUM | ioctl::TSO4 | ioctl::TSO6;
        let agreed = |offloads| vnet && ioctl::set_offloads(file.as_fd(), offloads).is_ok();
        let (streams, datagrams) = if agreed(tcp | ioctl::USO4 | ioctl::USO6) {
            (true, true)
        } else if agreed(tcp) {
            (true, false)
        } else {
            let _ = agreed(ioctl::CHECKSUM) || agreed(0);
            (false, false)
        };
        Ok(Device { file, vnet, streams, datagrams })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The next packet, read into `frame`; None where there is none now.
    pub fn read<'a>(&self, frame: &'a mut [u8]) -> Result<Option<(Header, &'a mut [u8])>> {
        let at = if self.vnet { 0 } else { vnet::LENGTH };
        let Some(room) = frame.get_mut(at..) else { return Ok(None) };
        match rustix::io::read(&self.file, room) {
            Ok(length) => {
                if at > 0 {
                    frame[..at].copy_from_slice(&Header::default().bytes());
                }
                Ok(frame.get_mut(..at + length).and_then(Header::read))
            }
            // A packet that was too long for us, or was lost on the way, is no reason to end.
            Err(Errno::AGAIN | Errno::INTR | Errno::INVAL | Errno::FAULT | Errno::NOMEM) => Ok(None),
            Err(errno) => Err(gone(errno)),
        }
    }

    /// Writes a packet of several pieces, the first of them the header. False where the kernel did not take it.
    pub fn write(&self, pieces: &[IoSlice]) -> Result<bool> {
        let pieces = if self.vnet { pieces } else { pieces.get(1..).unwrap_or_default() };
        match rustix::io::writev(&self.file, pieces) {
            Ok(_) => Ok(true),
            Err(errno @ (Errno::BADFD | Errno::BADF | Errno::NODEV)) => Err(gone(errno)),
            Err(_) => Ok(false),
        }
    }
}

/// The device ends with its network namespace, and the tunnel with it.
fn gone(errno: Errno) -> Fail {
    Fail::new(STAGE, "the container's end of the tunnel is gone").errno(errno)
}
