//! One link of the kernel's WireGuard, by generic netlink.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use kakuri_wire::{Fail, Result, Stage};

use crate::conf::DEVICE;
use crate::link::{Kernel, Trouble};
use crate::netlink::wireguard::{self as words, MOST_NETWORKS};
use crate::{PublicKey, Tunnel};

const STAGE: Stage = Stage::Netns;
/// Its family of generic netlink.
const FAMILY: &str = "wireguard";

pub struct Device {
    kernel: Kernel,
    family: u16,
}

fn fail(trouble: Trouble, what: &str) -> Fail {
    trouble.fail(format!("WireGuard's {what}"))
}

impl Device {
    /// Over a socket of the network namespace that the link is in.
    pub fn new(generic: OwnedFd) -> Result<Device> {
        let mut kernel = Kernel::over(generic);
        let mut family = None;
        let asked = kernel.ask(words::family(FAMILY), |_, body| {
            family = Some(words::family_number(body)?);
            Ok(())
        });
        asked.map_err(|e| fail(e, "own language"))?;
        let family = family.ok_or_else(|| Fail::new(STAGE, "the kernel does not say how to speak to its WireGuard"))?;
        Ok(Device { kernel, family })
    }

    /// Keys, peers, and what is sent to whom.
    pub fn configure(&mut self, tunnel: &Tunnel) -> Result<()> {
        let family = self.family;
        let own = words::set_device(family, DEVICE, &tunnel.private_key, tunnel.listen_port);
        self.kernel.order(own).map_err(|e| fail(e, "own key"))?;
        for peer in &tunnel.peers {
            let (key, secret) = (&peer.public_key, peer.preshared_key.as_ref());
            let endpoint = peer.endpoint.as_ref().and_then(|endpoint| endpoint.address);
            let request = words::add_peer(family, DEVICE, key, secret, endpoint, peer.keepalive);
            self.kernel.order(request).map_err(|e| fail(e, &format!("peer {key}")))?;
            // One word with all of them would be too long, and with a key in it would leave copies of that behind.
            for networks in peer.allowed.chunks(MOST_NETWORKS) {
                let request = words::add_networks(family, DEVICE, key, networks);
                self.kernel.order(request).map_err(|e| fail(e, &format!("networks of peer {key}")))?;
            }
        }
        Ok(())
    }

    pub fn move_peer(&mut self, key: &PublicKey, to: SocketAddr) -> Result<()> {
        let request = words::move_peer(self.family, DEVICE, key, to);
        self.kernel.order(request).map_err(|e| fail(e, &format!("endpoint {to}")))
    }

    pub fn look(&mut self) -> Result<words::Device> {
        let mut seen = words::Device::default();
        let asked = self.kernel.ask(words::get_device(self.family, DEVICE), |_, body| words::device(body, &mut seen));
        // The kernel tells keys as well.
        self.kernel.wipe();
        asked.map_err(|e| fail(e, "state"))?;
        Ok(seen)
    }
}
