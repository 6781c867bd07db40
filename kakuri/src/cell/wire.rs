//! The network of a container being made: the configurator of its namespace, and what minds its way out. A start
//! without a network, or with the host's, has neither.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_netns::{FromNetns, ToNetns, Uplink as Wanted};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Channel, document};

use super::uplink::Uplink;
use super::{link, send, spawn};
use crate::helper::{Birth, Programs, title};
use crate::network::Wiring;
use crate::phase::Net;
use crate::process::{Owned, lost};

/// A process of kakuri-netns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    Configurator,
    Uplink,
}

#[derive(Default)]
pub struct Wire {
    configurator: Option<(Channel, Owned)>,
    uplink: Option<Uplink>,
    /// The namespace is the uplink's to configure, which joins it itself.
    joins: bool,
    net: Net,
}

impl Wire {
    /// Starts what is needed, powerless still, and queues all it can be told.
    pub fn spawn(label: &str, wiring: &Wiring, programs: &Programs, null: &OwnedFd) -> Result<Wire> {
        if wiring.netns.is_none() && wiring.uplink.is_none() {
            return Ok(Wire::default());
        }
        let program = programs.open("kakuri-netns")?;
        let helper = |place: usize, label: &str| -> Result<(Channel, Owned)> {
            let (near, far) = link()?;
            let process = spawn(place, Birth::new(&program, &far, null, title("kakuri-netns", label)), Stage::Netns)?;
            Ok((near, process))
        };
        let mut wire = Wire { net: Net::Waiting, ..Wire::default() };
        if let Some(plan) = &wiring.netns {
            let (link, process) = helper(1, label)?;
            let document = document::seal(Stage::Front, plan)?;
            send(Stage::Netns, &link, &ToNetns::Plan(Version::ours()), &[document.as_fd()])?;
            wire.configurator = Some((link, process));
        }
        if let Some(wanted) = &wiring.uplink {
            let what = match wanted {
                Wanted::Tunnel(_) | Wanted::Kernel(_) => "wg",
                Wanted::Nat(_) => "nat",
                Wanted::Bridge(_) => "bridge",
            };
            let (link, process) = helper(2, &format!("{label} {what}"))?;
            let document = document::seal_secret(Stage::Front, wanted)?;
            send(Stage::Netns, &link, &ToNetns::Uplink(Version::ours()), &[document.as_fd()])?;
            wire.joins = !matches!(wanted, Wanted::Tunnel(_));
            wire.uplink = Some(Uplink::new(link, process, wiring, program));
        }
        Ok(wire)
    }

    /// Whether packets pass, or nothing was asked for.
    pub fn is_up(&self) -> bool {
        self.net == Net::Up
    }

    /// PID 1 has made the network namespace.
    pub fn join(&mut self, init: &Owned) -> Result<()> {
        if let Some((link, _)) = &self.configurator {
            self.net = Net::Configuring;
            send(Stage::Netns, link, &ToNetns::Join, &[init.as_fd()])?;
        }
        if let Some(uplink) = self.uplink.as_ref().filter(|_| self.joins) {
            self.net = Net::Connecting;
            send(Stage::Netns, &uplink.link, &ToNetns::Join, &[init.as_fd()])?;
        }
        Ok(())
    }

    pub fn watched(&self) -> impl Iterator<Item = (Worker, BorrowedFd<'_>)> {
        let configurator = self.configurator.as_ref().map(|(link, _)| (Worker::Configurator, link.as_fd()));
        let uplink = self.uplink.as_ref().map(|uplink| (Worker::Uplink, uplink.link.as_fd()));
        configurator.into_iter().chain(uplink)
    }

    pub fn recv(&mut self, worker: Worker) -> Result<(FromNetns, Vec<OwnedFd>)> {
        let (link, process) = match (worker, &mut self.configurator, &mut self.uplink) {
            (Worker::Configurator, Some((link, process)), _) => (link, process),
            (Worker::Uplink, _, Some(uplink)) => (&mut uplink.link, &mut uplink.process),
            // Nobody is watched who is not there.
            _ => return Err(kakuri_wire::Fail::new(Stage::Netns, "lost kakuri-netns")),
        };
        link.recv().map_err(|e: Broken| lost(process, &e))
    }

    /// Takes the network a step further.
    pub fn hear(&mut self, worker: Worker, message: FromNetns, fds: Vec<OwnedFd>) -> Result<()> {
        let tunnel = self.uplink.is_some() && !self.joins;
        self.net = self.net.after(worker == Worker::Configurator, &message, tunnel)?;
        match (message, &mut self.uplink) {
            (FromNetns::Up { .. }, Some(uplink)) => {
                // The tunnel alone keeps the device: with its last holder it is gone, and every way out with it.
                let tun: Vec<BorrowedFd> = fds.iter().map(AsFd::as_fd).collect();
                send(Stage::Netns, &uplink.link, &ToNetns::Tun, &tun)?;
            }
            (FromNetns::Trouble(fail), Some(uplink)) => uplink.keep(fail),
            _ => {}
        }
        if worker == Worker::Configurator {
            // It has said its only word and ends.
            self.configurator = None;
        }
        Ok(())
    }

    pub fn into_uplink(self) -> Option<Uplink> {
        self.uplink
    }
}
