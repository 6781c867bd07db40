//! The kernel's own WireGuard in the place of ours, for root. The container is the same with either.

use kakuri_netns::{Uplink, Wireguard, wireguard};
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::sys;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::Wiring;

/// Whether the kernel has it, tried by a process that is thrown away, in namespaces of its own: nobody sees the link.
pub fn probe() -> Result<()> {
    let cannot = || Fail::new(Stage::Front, "cannot try the kernel's WireGuard");
    if !super::bridge::may_configure()? {
        return Err(cannot().why("root has no CAP_NET_ADMIN here"));
    }
    let mut outcome = Err(cannot());
    let mut child = || {
        outcome = wireguard::probe();
        0
    };
    let (_, pidfd) =
        sys::clone_vfork(libc::CLONE_NEWUSER | libc::CLONE_NEWNET, &mut child).map_err(|e| cannot().errno(e))?;
    let _ = waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&pidfd)), WaitIdOptions::EXITED);
    outcome
}

/// Gives it the tunnel that is described.
pub fn take_over(wiring: &mut Wiring) {
    match (wiring.uplink.take(), wiring.netns.take()) {
        (Some(Uplink::Tunnel(tunnel)), Some(mut plan)) => {
            plan.tun = None;
            wiring.uplink = Some(Uplink::Kernel(Wireguard { plan, tunnel }));
        }
        (uplink, netns) => (wiring.uplink, wiring.netns) = (uplink, netns),
    }
}
