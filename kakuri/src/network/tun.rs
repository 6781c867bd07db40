//! The device a VPN and a NAT are made with.

use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Access, access};
use rustix::io::Errno;

/// Where a TUN device is made.
const TUN: &str = "/dev/net/tun";

/// Looks before anything is made, where the reason can still be told. `who`: what needs it, for the error.
pub fn check(who: &str) -> Result<()> {
    let fail = |e: Errno| Fail::new(Stage::Front, format!("{who} needs {TUN}")).errno(e);
    match access(TUN, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Ok(()),
        Err(e @ (Errno::ACCESS | Errno::PERM)) => Err(fail(e).hint(format!("sudo chmod 0666 {TUN}"))),
        Err(e) => {
            Err(fail(e).hint(format!("sudo modprobe tun; inside a container, start that one with --device {TUN}")))
        }
    }
}
