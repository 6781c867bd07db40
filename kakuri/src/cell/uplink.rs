//! What minds a container's way out, once it runs: its words, its end, and the look-up of names for it, which it cannot
//! do itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kakuri_netns::{FromNetns, Status, ToNetns, Uplink as Wanted, Wireguard};
use kakuri_wire::Channel;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::sys;

use super::{link, send};
use crate::helper::{Birth, open_null, title};
use crate::network::Wiring;
use crate::process::{Owned, lost};
use crate::spec::OnFailure;

/// How long one that has something to undo on the host may take for it.
const TO_UNDO: Duration = Duration::from_secs(5);

pub struct Uplink {
    pub(super) link: Channel,
    pub(super) process: Owned,
    /// kakuri-netns, for look-ups.
    program: OwnedFd,
    /// `VPN tunnel`, `NAT`.
    what: &'static str,
    /// Of the tunnel's peers, by their place in the configuration: the names some have.
    names: Vec<Option<(String, u16)>>,
    lookups: Vec<Lookup>,
    /// It has made what it has to undo at its end.
    undoes: bool,
    /// Told before the container stood.
    pub(super) troubles: Vec<Fail>,
    on_failure: OnFailure,
}

/// A name being looked up, by a process of its own.
struct Lookup {
    peer: u32,
    link: Channel,
    // Ended with this value.
    _process: Owned,
}

/// What came of listening.
#[derive(Debug)]
pub enum Heard {
    /// Something the user should know; all goes on.
    Trouble(Fail),
    Status(Box<Status>),
    /// It has ended, and why. The container has no way out any more.
    Ended(Fail),
}

impl Drop for Uplink {
    /// A link that closes is its word to end by itself; it is killed when it does not.
    fn drop(&mut self) {
        if self.undoes {
            let _ = rustix::net::shutdown(&self.link, rustix::net::Shutdown::Both);
            self.process.await_end(TO_UNDO);
        }
    }
}

impl Uplink {
    pub fn new(link: Channel, process: Owned, wiring: &Wiring, program: OwnedFd) -> Uplink {
        let (what, names) = match &wiring.uplink {
            Some(Wanted::Bridge(_)) => ("bridge", Vec::new()),
            Some(Wanted::Tunnel(tunnel) | Wanted::Kernel(Wireguard { tunnel, .. })) => {
                let name = |peer: &kakuri_netns::tunnel::Peer| {
                    peer.endpoint.as_ref().filter(|e| e.is_named()).map(|e| (e.host.clone(), e.port))
                };
                ("VPN tunnel", tunnel.peers.iter().map(name).collect())
            }
            _ => ("NAT", Vec::new()),
        };
        let undoes = matches!(&wiring.uplink, Some(Wanted::Bridge(_) | Wanted::Kernel(_)));
        let (lookups, troubles) = (Vec::new(), Vec::new());
        Uplink { link, process, program, what, names, lookups, undoes, troubles, on_failure: wiring.on_failure }
    }

    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.link.as_fd()).chain(self.lookups.iter().map(|lookup| lookup.link.as_fd()))
    }

    /// Whether the container goes on without it.
    pub fn may_end(&self) -> bool {
        self.on_failure == OnFailure::Block
    }

    pub fn is_tunnel(&self) -> bool {
        !self.names.is_empty()
    }

    /// Asks how it is; answered some time later.
    pub fn ask_status(&self) -> Result<()> {
        send(Stage::Netns, &self.link, &ToNetns::Status, &[])
    }

    /// Hears all there is to hear, and waits for nobody.
    pub fn hear(&mut self) -> Vec<Heard> {
        let mut heard: Vec<Heard> = self.troubles.drain(..).map(Heard::Trouble).collect();
        self.hear_lookups();
        loop {
            let message = match self.link.recv_now::<FromNetns>() {
                Ok((message, _)) => message,
                Err(Broken::Late) => return heard,
                Err(e) => {
                    let how = lost(&mut self.process, &e);
                    heard.push(Heard::Ended(self.ended(how.why.unwrap_or(how.what))));
                    return heard;
                }
            };
            log::trace!("from kakuri-netns: {message:?}");
            match message {
                FromNetns::Trouble(fail) => heard.push(Heard::Trouble(fail)),
                FromNetns::Status(status) => heard.push(Heard::Status(status)),
                FromNetns::Lost { peer } => self.look_up(peer),
                FromNetns::Failed(fail) => {
                    let hint = fail.hint.clone();
                    let mut ended = self.ended(Fail { hint: None, ..fail }.to_string());
                    ended.hint = hint;
                    heard.push(Heard::Ended(ended));
                    return heard;
                }
                other => {
                    let word: String = format!("it spoke out of turn: {other:?}").chars().take(60).collect();
                    heard.push(Heard::Ended(self.ended(word)));
                    return heard;
                }
            }
        }
    }

    fn ended(&mut self, why: String) -> Fail {
        self.process.end();
        let then = if self.may_end() { "goes on without a network" } else { "ends with it" };
        Fail::new(Stage::Netns, format!("the container's {} has ended, and the container {then}", self.what)).why(why)
    }

    /// A peer with a name has fallen silent: the name may mean another address by now.
    fn look_up(&mut self, peer: u32) {
        let Some(Some((host, port))) = self.names.get(peer as usize).cloned() else { return };
        // One that still waits has waited long enough.
        self.lookups.retain(|lookup| lookup.peer != peer);
        match self.begin_lookup(peer, host.clone(), port) {
            Ok(lookup) => self.lookups.push(lookup),
            Err(fail) => log::info!("cannot look up '{host}' anew: {fail}"),
        }
    }

    fn begin_lookup(&self, peer: u32, host: String, port: u16) -> Result<Lookup> {
        let (near, far) = link()?;
        let null = open_null()?;
        let birth = Birth::new(&self.program, &far, &null, title("kakuri-netns", "resolve"));
        // Several may be begun at once, so each is waited for until it has left our memory.
        let spawned = sys::clone_vfork(0, &mut || {
            let _ = birth.become_helper();
            i32::from(CODE_FAILED)
        });
        let (_, pidfd) = spawned.fail(Stage::Front, || "cannot start kakuri-netns".into())?;
        let process = Owned::new(pidfd, Stage::Netns);
        send(Stage::Netns, &near, &ToNetns::Resolve { version: Version::ours(), host, port }, &[])?;
        Ok(Lookup { peer, link: near, _process: process })
    }

    fn hear_lookups(&mut self) {
        let mut answers = Vec::new();
        self.lookups.retain(|lookup| match lookup.link.recv_now::<FromNetns>() {
            Err(Broken::Late) => true,
            Ok((FromNetns::Resolved(addresses), _)) => {
                answers.extend(addresses.first().map(|address| (lookup.peer, *address)));
                false
            }
            _ => false,
        });
        for (peer, address) in answers {
            // A tunnel that has ended is told on its own link.
            let _ = send(Stage::Netns, &self.link, &ToNetns::Endpoint { peer, address }, &[]);
        }
    }
}
