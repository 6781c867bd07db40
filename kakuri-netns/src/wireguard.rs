//! The kernel's own WireGuard, for root: described, and minded.
//!
//! The link is born in the container's network namespace and its UDP socket stays in the host's, where it was asked for
//! (WireGuard's own rule): plain packets inside, sealed ones outside, and nobody copies either. Keys go to the kernel by
//! generic netlink and are wiped. The process that minds it keeps CAP_NET_ADMIN, because only that may ask how a link of
//! WireGuard's is; it hears nothing but the front and the kernel.

mod device;
mod mind;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use serde::{Deserialize, Serialize};

use crate::configure::{lost, unexpected};
use crate::janitor::{Janitor, Side};
use crate::link::{Kernel, Trouble};
use crate::netlink::links;
use crate::visitor::Visitor;
use crate::{FromNetns, Plan, ToNetns, Tunnel, conf, tunnel};
use device::Device;

const STAGE: Stage = Stage::Netns;

/// What it needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wireguard {
    /// The container's side, without a TUN device: the link is there by then.
    pub plan: Plan,
    pub tunnel: Tunnel,
}

/// Whether the kernel makes such links; called where one is in nobody's way, by who has CAP_NET_ADMIN there. It loads the
/// module where the system has it.
pub fn probe() -> Result<()> {
    let tried = Kernel::open()?.order(links::wireguard(conf::DEVICE, None));
    tried.map_err(|e| missing(e, "WireGuard link"))
}

fn missing(trouble: Trouble, what: &str) -> Fail {
    let unknown = trouble.is(libc::EOPNOTSUPP);
    let fail = trouble.fail(what.into());
    if unknown { fail.why("this kernel has no WireGuard").hint("modprobe wireguard") } else { fail }
}

/// Serves it until the front goes, which is a good end.
pub fn serve(link: &Channel, mut wanted: Wireguard) -> Result<u8> {
    tunnel::hide()?;
    let (ToNetns::Join, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Join")) };
    let pid1 = carried.into_iter().next().ok_or_else(|| unexpected("Join"))?;
    let visitor = Visitor::send_to(pid1.as_fd(), || wanted.tunnel.wipe())?;
    drop(pid1);
    let (generic, routes) = (visitor.netlink(true)?, visitor.netlink(false)?);
    // The kernel's tunnel outlives this process by itself, and must not: nobody would tell of it.
    let _janitor = match Janitor::fork()? {
        Side::Minder(janitor) => janitor,
        Side::Janitor(duty) => {
            drop(wanted);
            duty.carry_out(Some(routes.as_fd()), || remove(&routes))
        }
    };
    drop(routes);
    let made = Kernel::open()?.order(links::wireguard(conf::DEVICE, Some(visitor.namespace.as_raw_fd())));
    made.map_err(|e| missing(e, &format!("WireGuard link '{}'", conf::DEVICE)))?;
    let mut device = Device::new(generic)?;
    device.configure(&wanted.tunnel)?;
    visitor.carry_out(&wanted.plan).map_err(|fail| explained(fail, &wanted.tunnel))?;
    drop(visitor);
    let peers = mind::peers(&wanted.tunnel);
    drop(wanted);
    // It is root still.
    tunnel::no_new_privileges()?;
    link.send(&FromNetns::Running, &[]).map_err(lost)?;
    mind::mind(link, device, peers)
}

fn remove(routes: &OwnedFd) -> Result<()> {
    let socket = routes.try_clone().fail(STAGE, || "cannot remove the WireGuard link".into())?;
    let mut kernel = Kernel::over(socket);
    let index = kernel.link(conf::DEVICE).map_err(|e| e.fail(format!("link '{}'", conf::DEVICE)))?.index;
    kernel.order(links::delete(index)).map_err(|e| e.fail(format!("removal of '{}'", conf::DEVICE)))
}

/// Its UDP socket is opened when the link goes up.
fn explained(fail: Fail, tunnel: &Tunnel) -> Fail {
    match (fail.errno, tunnel.listen_port) {
        (Some(libc::EADDRINUSE), Some(port)) => {
            Fail::new(STAGE, format!("cannot listen on UDP port {port}")).why("the port is taken").hint(format!(
                "`ss -lunp 'sport = :{port}'` tells by whom; another ListenPort, or none, in the configuration"
            ))
        }
        _ => fail,
    }
}
