//! A process of ours that goes into the container's namespaces, does there what only somebody inside can, passes out
//! what it made, and ends: who has joined a namespace of a user namespace cannot come back.
//!
//! It runs before any of the container's own code does, in the host's process namespace, with CAP_NET_ADMIN over the
//! container and, where it binds a port below 1024, CAP_NET_BIND_SERVICE.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Channel, Fail, Message, Result, Stage, caps, document, namespace, sys};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, set_parent_process_death_signal, waitid};
use serde::{Deserialize, Serialize};

use crate::nat::{Protocol, gate};
use crate::{Link, PLAN_VERSION, Plan, configure, link};

const STAGE: Stage = Stage::Netns;

/// Asked of it, one after the other.
#[derive(Debug, Serialize, Deserialize)]
enum Wanted {
    /// Two sockets at this address of the loopback, for UDP and for TCP.
    Sockets(SocketAddr),
    /// A socket of netlink: the generic kind, or the one for links.
    Netlink { generic: bool },
    /// Carries a plan as a document.
    Plan,
}

impl Message for Wanted {
    fn descriptors(&self) -> usize {
        usize::from(matches!(self, Wanted::Plan))
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum Did {
    /// Carries the network namespace.
    Here,
    Sockets,
    Netlink,
    /// The links and routes of the plan stand.
    Plan,
    Failed(Fail),
}

impl Message for Did {
    fn descriptors(&self) -> usize {
        match self {
            Did::Here | Did::Netlink => 1,
            Did::Sockets => 2,
            Did::Plan | Did::Failed(_) => 0,
        }
    }
}

/// Killed and waited for with this value.
pub struct Visitor {
    channel: Channel,
    pidfd: OwnedFd,
    /// The container's network namespace.
    pub namespace: OwnedFd,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        end(&self.pidfd);
    }
}

fn end(pidfd: &OwnedFd) {
    let _ = pidfd_send_signal(pidfd, Signal::KILL);
    let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
}

impl Visitor {
    /// `forget` runs in the visitor before anything else: what its sender knows is none of its business.
    pub fn send_to(pid1: BorrowedFd, forget: impl FnOnce()) -> Result<Visitor> {
        let cannot = || "cannot start what configures the container's network".to_string();
        let (channel, theirs) = Channel::pair().fail(STAGE, cannot)?;
        let Some((_, pidfd)) = sys::fork().fail(STAGE, cannot)? else {
            forget();
            drop(channel);
            std::process::exit(i32::from(live(&theirs, pid1)));
        };
        drop(theirs);
        match heard(&channel) {
            Ok((Did::Here, mut fds)) if fds.len() == 1 => {
                let namespace = fds.remove(0);
                Ok(Visitor { channel, pidfd, namespace })
            }
            other => {
                end(&pidfd);
                Err(other.err().unwrap_or_else(out_of_turn))
            }
        }
    }

    /// For UDP and TCP, listening.
    pub fn sockets(&self, address: SocketAddr) -> Result<(OwnedFd, OwnedFd)> {
        self.ask(&Wanted::Sockets(address), &[])?;
        match heard(&self.channel)? {
            (Did::Sockets, fds) => {
                <[OwnedFd; 2]>::try_from(fds).map(|[udp, tcp]| (udp, tcp)).map_err(|_| out_of_turn())
            }
            _ => Err(out_of_turn()),
        }
    }

    /// To talk to the kernel about what is in that network namespace.
    pub fn netlink(&self, generic: bool) -> Result<OwnedFd> {
        self.ask(&Wanted::Netlink { generic }, &[])?;
        match heard(&self.channel)? {
            (Did::Netlink, mut fds) if fds.len() == 1 => Ok(fds.remove(0)),
            _ => Err(out_of_turn()),
        }
    }

    pub fn carry_out(&self, plan: &Plan) -> Result<()> {
        let document = document::seal(STAGE, plan)?;
        self.ask(&Wanted::Plan, &[document.as_fd()])?;
        match heard(&self.channel)? {
            (Did::Plan, _) => Ok(()),
            _ => Err(out_of_turn()),
        }
    }

    fn ask(&self, wanted: &Wanted, fds: &[BorrowedFd]) -> Result<()> {
        self.channel.send(wanted, fds).map_err(lost)
    }
}

fn heard(channel: &Channel) -> Result<(Did, Vec<OwnedFd>)> {
    match channel.recv().map_err(lost)? {
        (Did::Failed(fail), _) => Err(fail),
        other => Ok(other),
    }
}

fn lost(broken: Broken) -> Fail {
    Fail::new(STAGE, "lost what configures the container's network").why(broken.to_string())
}

fn out_of_turn() -> Fail {
    lost(Broken::Nonsense("a word out of turn".into()))
}

/// Its whole life. What there is to say goes over the channel.
fn live(channel: &Channel, pid1: BorrowedFd) -> u8 {
    let done = enter(channel, pid1).and_then(|()| {
        // Until its sender has what it wanted and lets go.
        while let Ok((wanted, fds)) = channel.recv() {
            obey(channel, &wanted, fds)?;
        }
        Ok(())
    });
    match done {
        Ok(()) => 0,
        Err(fail) => {
            let _ = channel.send(&Did::Failed(fail.clone()), &[]);
            fail.code
        }
    }
}

/// Must: let go of all that is its sender's, join. Must not: keep a capability it does not need.
fn enter(channel: &Channel, pid1: BorrowedFd) -> Result<()> {
    crate::nat::keep_only([channel.as_fd(), pid1]).fail(STAGE, || "cannot close what is another's".into())?;
    namespace::join(STAGE, pid1, namespace::Kind::USER | namespace::Kind::NETWORK)?;
    // After the join, which may clear it; a sender that died before is seen by the end of the channel.
    set_parent_process_death_signal(Some(Signal::KILL)).fail(STAGE, || "cannot ask for a signal".into())?;
    caps::keep(STAGE, caps::Set::NET_ADMIN | caps::Set::NET_BIND_SERVICE)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(CWD, "/proc/self/ns/net", flags, Mode::empty())
        .fail(STAGE, || "cannot open the container's network namespace".into())?;
    channel.send(&Did::Here, &[namespace.as_fd()]).map_err(lost)
}

fn obey(channel: &Channel, wanted: &Wanted, fds: Vec<OwnedFd>) -> Result<()> {
    match wanted {
        Wanted::Sockets(address) => {
            // PID 1 brings the loopback up at its own pace; until then there is nothing to listen at.
            let links = vec![Link::up("lo")];
            link::configure(&Plan { version: PLAN_VERSION, tun: None, links, routes: Vec::new() })?;
            let open = |protocol| {
                gate::open(*address, protocol)
                    .fail(STAGE, || format!("cannot open {address}/{protocol} in the container"))
            };
            let (udp, tcp) = (open(Protocol::Udp)?, open(Protocol::Tcp)?);
            channel.send(&Did::Sockets, &[udp.as_fd(), tcp.as_fd()]).map_err(lost)
        }
        Wanted::Netlink { generic } => {
            let socket = link::socket(generic.then_some(rustix::net::netlink::GENERIC))?;
            channel.send(&Did::Netlink, &[socket.as_fd()]).map_err(lost)
        }
        Wanted::Plan => {
            let document = fds.into_iter().next().ok_or_else(out_of_turn)?;
            configure::carry_out(&document::read(STAGE, document)?)?;
            channel.send(&Did::Plan, &[]).map_err(lost)
        }
    }
}

/// Where a resolver of the container's own listens: no link leads there but its loopback.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
