//! `kakuri-netns --vpn CONF -- CMD`: a command all of whose network is a WireGuard tunnel, and nothing of kakuri's around it.
//!
//! ```text
//!  kakuri-netns      waits, tells what goes wrong, looks names up anew
//!   |- kakuri-netns  the tunnel, as the front would start it
//!   '- kakuri-netns  a user, mount, network and process namespace; makes the TUN device
//!       '- kakuri-netns   PID 1 there, reaps
//!           '- CMD
//! ```
//!
//! Each ends with the one above it, whatever that dies of.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::{Bytes, Fail, Result, Stage, document, handshake};
use rustix::event::{PollFd, PollFlags, poll};

use super::child::Child;
use super::{inside, names};
use crate::conf::{Conf, MAX_SIZE, parse};
use crate::{FromNetns, Plan, ToNetns, Tunnel, Uplink, check::check, resolve, sys::signal, tunnel};

const STAGE: Stage = Stage::Netns;

/// Runs the command; its exit code, or 128 and the signal that ended it.
pub fn run(file: &OsString, command: &[OsString]) -> Result<u8> {
    let conf = read(file)?;
    let (plan, mut described) = (conf.plan(), conf.tunnel());
    check(&plan)?;
    for peer in described.peers.iter_mut().filter_map(|peer| peer.endpoint.as_mut()) {
        peer.address = match peer.address {
            Some(address) => Some(address),
            None => resolve::resolve(&peer.host, peer.port)?.into_iter().next(),
        };
    }
    // What is typed at the terminal is for the command, and kills only what does not expect it.
    signal::ignore_typed();
    let names: Vec<(String, u16)> = described
        .peers
        .iter()
        .map(|peer| peer.endpoint.as_ref().map_or((String::new(), 0), |e| (e.host.clone(), e.port)))
        .collect();
    let tunnel = start_tunnel(&described)?;
    // Neither this process nor the command's has a use for keys.
    drop(described);
    let resolver = names::Resolver { servers: conf.dns.clone(), search: conf.search.clone() };
    drop(conf);
    let (inside, device) = start_inside(&plan, &resolver, command)?;
    tunnel.link.send(&ToNetns::Tun, &[device.as_fd()]).map_err(|e| ended("the tunnel", &e))?;
    drop(device);
    match tunnel.link.recv().map_err(|e| ended("the tunnel", &e))?.0 {
        FromNetns::Running => {}
        FromNetns::Failed(fail) => return Err(fail),
        _ => return Err(unexpected()),
    }
    inside.link.send_raw(inside::GO, &[]).map_err(|e| ended("the command's namespace", &e))?;
    Minder { tunnel, inside, names, lookup: None }.mind()
}

/// A configuration that is sound, and whose warnings have been told.
pub fn read(file: &OsString) -> Result<Conf> {
    let shown = Bytes::from(file).to_string();
    let cannot = |e: std::io::Error| {
        Fail::new(STAGE, format!("cannot read '{shown}'"))
            .errno(e)
            .hint("name a WireGuard configuration as wg-quick takes it")
    };
    let open = std::fs::File::open(file).map_err(cannot)?;
    if open.metadata().map_err(cannot)?.mode() & 0o077 != 0 {
        warn(format_args!("'{shown}' holds a private key and others may read it: chmod 600 {shown}"));
    }
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(MAX_SIZE + 1));
    (&open).take(MAX_SIZE as u64 + 1).read_to_end(&mut text).map_err(cannot)?;
    let conf = parse(&shown, &text)?;
    conf.warnings.iter().for_each(warn);
    match conf.hooks.first() {
        Some(hook) => Err(Fail::new(STAGE, format!("{shown}:{}: {} would run a command", hook.line, hook.key))
            .why("nothing in a configuration is ever run")
            .hint("take the line out of the configuration")),
        None => Ok(conf),
    }
}

pub fn warn(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{STAGE}: warning: {what}");
}

/// The tunnel's process, as the front would have it: waiting for its device.
fn start_tunnel(described: &Tunnel) -> Result<Child> {
    let document = document::seal_secret(STAGE, &Uplink::Tunnel(described.clone()))?;
    let child = Child::start(|link| {
        kakuri_wire::caps::drop_all(STAGE)?;
        let (ToNetns::Uplink(version), carried) = link.recv().map_err(crate::configure::lost)? else {
            return Err(unexpected());
        };
        version.check(STAGE)?;
        let document = carried.into_iter().next().ok_or_else(unexpected)?;
        match Uplink::read(document)? {
            Uplink::Tunnel(described) => tunnel::serve(link, described),
            _ => Err(unexpected()),
        }
    })?;
    let word = ToNetns::Uplink(handshake::Version::ours());
    child.link.send(&word, &[document.as_fd()]).map_err(|e| ended("the tunnel", &e))?;
    Ok(child)
}

/// The namespaces, configured and waiting; and their TUN device.
fn start_inside(plan: &Plan, resolver: &names::Resolver, command: &[OsString]) -> Result<(Child, OwnedFd)> {
    let child = Child::start(|link| inside::run(link, plan, resolver, command))?;
    match child.link.recv().map_err(|e| ended("the command's namespace", &e))? {
        (FromNetns::Up { tun: true }, mut carried) => {
            carried.pop().map(|device| (child, device)).ok_or_else(unexpected)
        }
        (FromNetns::Failed(fail), _) => Err(fail),
        _ => Err(unexpected()),
    }
}

/// The process the shell waits for.
struct Minder {
    tunnel: Child,
    inside: Child,
    /// The endpoints of the peers, by place.
    names: Vec<(String, u16)>,
    /// A look-up under way, and for whom.
    lookup: Option<(Child, u32)>,
}

impl Minder {
    fn mind(mut self) -> Result<u8> {
        loop {
            let mut ready =
                vec![PollFd::new(&self.inside.pidfd, PollFlags::IN), PollFd::new(&self.tunnel.link, PollFlags::IN)];
            ready.extend(self.lookup.iter().map(|(child, _)| PollFd::new(&child.link, PollFlags::IN)));
            let _ = poll(&mut ready, None);
            let ready: Vec<bool> = ready.iter().map(|one| !one.revents().is_empty()).collect();
            if ready[0] {
                return self.inside.wait();
            }
            if ready[1] {
                self.hear()?;
            }
            if ready.get(2) == Some(&true) {
                self.found()?;
            }
        }
    }

    /// The tunnel's next word.
    fn hear(&mut self) -> Result<()> {
        match self.tunnel.link.recv().map_err(|e| ended("the tunnel", &e))?.0 {
            FromNetns::Trouble(fail) => warn(fail),
            FromNetns::Lost { peer } if self.lookup.is_none() => {
                let Some((host, port)) = self.names.get(peer as usize).cloned() else { return Err(unexpected()) };
                // In a process of its own: it may take longer than the command does.
                let child = Child::start(|link| {
                    let _ = link.send(&FromNetns::Resolved(resolve::resolve(&host, port)?), &[]);
                    Ok(0)
                })?;
                self.lookup = Some((child, peer));
            }
            FromNetns::Lost { .. } => {}
            // The command's namespace ends with this process; it has no other way out.
            FromNetns::Failed(fail) => return Err(fail),
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    /// A look-up's answer. One that failed is made again when the tunnel asks again.
    fn found(&mut self) -> Result<()> {
        let Some((child, peer)) = self.lookup.take() else { return Ok(()) };
        if let Ok((FromNetns::Resolved(addresses), _)) = child.link.recv()
            && let Some(address) = addresses.first()
        {
            let word = ToNetns::Endpoint { peer, address: *address };
            // One that has ended is told on this link, and one that does not read asks again.
            let _ = self.tunnel.link.send_now(&word, &[]);
        }
        Ok(())
    }
}

fn ended(what: &str, broken: &Broken) -> Fail {
    Fail::new(STAGE, format!("{what} ended")).why(broken.to_string())
}

fn unexpected() -> Fail {
    Fail::new(STAGE, "a process of this program spoke out of turn")
}

/// What a child does not say itself is said for it.
pub fn tell(link: &Channel, fail: &Fail) {
    let _ = link.send(&FromNetns::Failed(fail.clone()), &[]);
}
