//! The process of a container on the bridge, in the host's namespaces, from its first word to its last.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use kakuri_wire::channel::Channel;
use kakuri_wire::{Result, Stage, caps};

use super::folder::{self, Held, Lease};
use super::ground::{self, Ground};
use super::{Bridge, names, ports, rules};
use crate::configure::{lost, unexpected};
use crate::janitor::{Janitor, Side};
use crate::link::Kernel;
use crate::visitor::{RESOLVER, Visitor};
use crate::{FromNetns, ToNetns, nat, tunnel};

const STAGE: Stage = Stage::Netns;

/// Serves it until the front goes, which is a good end. Begins with [`super::rights`], of which it keeps none.
pub fn serve(link: &Channel, bridge: Bridge) -> Result<u8> {
    nat::raise_limit();
    let gates = ports::open(&bridge.ports)?;
    // Begun before, dropped after, all it clears up.
    let _janitor = match Janitor::fork()? {
        Side::Minder(janitor) => janitor,
        Side::Janitor(duty) => duty.carry_out(None, sweep),
    };
    let mut kernel = Kernel::open()?;
    let (held, ground) = stand(&mut kernel, &bridge.names)?;
    let lease = &held.lease;
    let (forwards, told) = ground::forward();
    if let Some(fail) = told {
        link.send(&FromNetns::Trouble(fail), &[]).map_err(lost)?;
    }

    let (ToNetns::Join, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Join")) };
    let pid1 = carried.into_iter().next().ok_or_else(|| unexpected("Join"))?;
    let visitor = Visitor::send_to(pid1.as_fd(), || {})?;
    drop(pid1);
    let resolver = visitor.sockets(SocketAddr::new(IpAddr::V4(RESOLVER), 53))?;
    ground::attach(&mut kernel, &ground, lease, visitor.namespace.as_fd())?;
    visitor.carry_out(&ground::inside(&ground, lease.v4, lease.v6, forwards))?;
    drop((visitor, kernel));
    let _rules = rules::put(lease, &bridge.ports, forwards)?;

    caps::drop_all(STAGE)?;
    // It is root still, and strangers and the container speak to it from here on.
    let folder = folder::path()?;
    tunnel::read_only_beneath(&folder)?;
    names::start(resolver, folder, &bridge.resolvers)?;
    link.send(&FromNetns::Running, &[]).map_err(lost)?;
    nat::relay(link, ports::lead(gates, lease))
}

/// A place on a bridge that stands, after what others have left has been cleared away.
fn stand(kernel: &mut Kernel, names: &[String]) -> Result<(Held, Ground)> {
    let locked = folder::lock()?;
    let foreign = ground::sweep(kernel, &locked.roll())?;
    let ground = ground::prepare(kernel)?;
    let held = locked.take(&foreign, |number| {
        let (v4, v6) = ground.subnet.member(number);
        Lease { number, v4, v6, names: names.to_vec(), link: ground::port_name(number) }
    })?;
    Ok((held, ground))
}

/// Removes what nobody living has.
fn sweep() -> Result<()> {
    let locked = folder::lock()?;
    let roll = locked.roll();
    ground::sweep(&mut Kernel::open()?, &roll)?;
    if roll.living.is_empty() {
        locked.remove();
    }
    Ok(())
}
