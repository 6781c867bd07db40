//! What minds a container's way out: described, read, and what it may do.

use std::os::fd::OwnedFd;

use kakuri_wire::caps::Set;
use kakuri_wire::fail::OrFail;
use kakuri_wire::sys::confine;
use kakuri_wire::{Result, Stage, document};
use serde::{Deserialize, Serialize};

use crate::{Bridge, Nat, Tunnel, Wireguard, bridge};

const STAGE: Stage = Stage::Netns;

/// In the host's namespaces; an ordinary user's without any capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uplink {
    Tunnel(Tunnel),
    Nat(Nat),
    /// Root's alone, as the next.
    Bridge(Bridge),
    Kernel(Wireguard),
}

impl Uplink {
    /// Reads its document. Nobody of the same user may look into this process meanwhile, nor later where there are keys.
    pub fn read(document: OwnedFd) -> Result<Uplink> {
        let what = || "cannot hide this process's memory".to_string();
        let hidden = confine::is_hidden();
        confine::hide().fail(STAGE, what)?;
        let uplink: Uplink = document::read_secret(STAGE, document)?;
        if uplink.tunnel().is_none() && !hidden {
            // It looks into /proc for itself, which would be root's.
            confine::show().fail(STAGE, what)?;
        }
        Ok(uplink)
    }

    /// Of the capabilities it is born with, what it may keep.
    pub fn rights(&self) -> Set {
        match self {
            Uplink::Tunnel(_) => Set::empty(),
            // Until its ports are open.
            Uplink::Nat(_) => Set::NET_BIND_SERVICE,
            Uplink::Bridge(_) => bridge::rights(),
            Uplink::Kernel(_) => Set::NET_ADMIN,
        }
    }

    /// The tunnel, whichever engine it has.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        match self {
            Uplink::Tunnel(tunnel) | Uplink::Kernel(Wireguard { tunnel, .. }) => Some(tunnel),
            Uplink::Nat(_) | Uplink::Bridge(_) => None,
        }
    }
}
