//! The configurator: reads and checks a plan without power, joins the container, carries the plan out, and ends.
//!
//! The payload runs only after its answer. It never sees a key, and never touches the host's network.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::{Fail, Result, Stage, caps, document, namespace};

use crate::{Plan, ToNetns, check::check, link, tun};

const STAGE: Stage = Stage::Netns;

/// Gives the plan's TUN device, where it has one.
pub fn serve(link: &Channel, document: OwnedFd) -> Result<Option<OwnedFd>> {
    let plan: Plan = document::read(STAGE, document)?;
    check(&plan)?;
    let (ToNetns::Join, carried) = link.recv().map_err(lost)? else { return Err(unexpected("Join")) };
    let pid1 = carried.into_iter().next().ok_or_else(|| unexpected("Join"))?;
    // Both in one call: the network namespace is S's, and only S gives the right to enter it.
    namespace::join(STAGE, pid1.as_fd(), namespace::Kind::USER | namespace::Kind::NETWORK)?;
    caps::keep(STAGE, caps::Set::NET_ADMIN)?;
    carry_out(&plan)
}

/// In the network namespace this process is in, with CAP_NET_ADMIN over it.
pub fn carry_out(plan: &Plan) -> Result<Option<OwnedFd>> {
    // First: the links and the routes name it.
    let tun = plan.tun.as_deref().map(tun::make).transpose()?;
    link::configure(plan)?;
    Ok(tun)
}

pub fn unexpected(word: &str) -> Fail {
    Fail::new(STAGE, "kakuri spoke out of turn").why(format!("expected {word}"))
}

pub fn lost(broken: Broken) -> Fail {
    Fail::new(STAGE, "kakuri stopped talking to kakuri-netns").why(broken.to_string())
}
