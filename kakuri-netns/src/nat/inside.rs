//! The one process of a NAT that is in the container's network namespace: it makes sockets there and passes them out,
//! because a socket belongs to the namespace it was made in, and who has joined a namespace of a user namespace cannot
//! go back.
//!
//! Once the ports of the host that the container may reach listen, it holds no capability. It is in the host's process
//! namespace, where the container cannot see it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Channel, Fail, Message, Result, Stage, caps, namespace, sys};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, set_parent_process_death_signal, waitid};
use rustix::thread::set_no_new_privs;
use serde::{Deserialize, Serialize};

use super::Protocol;
use super::gate::{self, Gate};
use crate::{Link, PLAN_VERSION, Plan, link};

const STAGE: Stage = Stage::Netns;

/// Asked of it: a socket that can be connected to the container.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    v6: bool,
    protocol: Protocol,
}

impl Message for Wanted {
    fn descriptors(&self) -> usize {
        0
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum Made {
    /// A port of the host's listens in the container.
    Gate {
        port: u16,
        v6: bool,
        protocol: Protocol,
    },
    /// All of them do.
    Ready,
    Socket,
    /// The errno.
    Refused(i32),
    Failed(Fail),
}

impl Message for Made {
    fn descriptors(&self) -> usize {
        usize::from(matches!(self, Made::Gate { .. } | Made::Socket))
    }
}

/// Killed and waited for with this value.
pub struct Inside {
    channel: Channel,
    pidfd: OwnedFd,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}

impl AsFd for Inside {
    /// Readable only once it has ended: it speaks when asked.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Inside {
    /// Begins it, and has it open the ports of the host that the container may reach.
    pub fn begin(pid1: BorrowedFd, host_ports: &[u16]) -> Result<(Inside, Vec<Gate>)> {
        let cannot = || "cannot start what opens ports in the container".to_string();
        let (ours, theirs) = Channel::pair().fail(STAGE, cannot)?;
        let Some((_, pidfd)) = sys::fork().fail(STAGE, cannot)? else {
            drop(ours);
            std::process::exit(i32::from(live(&theirs, pid1, host_ports)));
        };
        drop(theirs);
        let inside = Inside { channel: ours, pidfd };
        let mut gates = Vec::new();
        loop {
            let (made, fds) = inside.channel.recv().map_err(lost)?;
            match (made, fds.into_iter().next()) {
                (Made::Gate { port, v6, protocol }, Some(socket)) => {
                    gates.push(Gate { socket, protocol, inward: false, targets: gate::outward(v6, port) });
                }
                (Made::Ready, None) => return Ok((inside, gates)),
                (Made::Failed(fail), _) => return Err(fail),
                _ => return Err(lost(Broken::Nonsense("a word out of turn".into()))),
            }
        }
    }

    /// A socket of the container's network.
    pub fn socket(&self, v6: bool, protocol: Protocol) -> Result<OwnedFd, Errno> {
        let asked = self.channel.send(&Wanted { v6, protocol }, &[]);
        let made = asked.and_then(|()| self.channel.recv::<Made>()).map_err(|_| Errno::PIPE)?;
        match (made.0, made.1.into_iter().next()) {
            (Made::Socket, Some(socket)) => Ok(socket),
            (Made::Refused(errno), _) => Err(Errno::from_raw_os_error(errno)),
            _ => Err(Errno::PROTO),
        }
    }
}

fn lost(broken: Broken) -> Fail {
    Fail::new(STAGE, "lost what opens ports in the container").why(broken.to_string())
}

/// Its whole life. The exit code says nothing: what there is to say goes over the channel.
fn live(channel: &Channel, pid1: BorrowedFd, host_ports: &[u16]) -> u8 {
    match begin(channel, pid1, host_ports) {
        Ok(()) => {
            while let Ok((wanted, _)) = channel.recv::<Wanted>() {
                let sent = match gate::unconnected(wanted.v6, wanted.protocol) {
                    Ok(socket) => channel.send(&Made::Socket, &[socket.as_fd()]),
                    Err(e) => channel.send(&Made::Refused(e.raw_os_error()), &[]),
                };
                if sent.is_err() {
                    break;
                }
            }
            0
        }
        Err(fail) => {
            let _ = channel.send(&Made::Failed(fail.clone()), &[]);
            fail.code
        }
    }
}

/// Must: let go of all that is the minder's, join, open. Must not: keep a capability beyond that.
fn begin(channel: &Channel, pid1: BorrowedFd, host_ports: &[u16]) -> Result<()> {
    keep_only([channel.as_fd(), pid1]).fail(STAGE, || "cannot close what is another's".into())?;
    namespace::join(STAGE, pid1, namespace::Kind::USER | namespace::Kind::NETWORK)?;
    // After the join, which may clear it; a minder that died before is seen by the end of the channel.
    set_parent_process_death_signal(Some(Signal::KILL)).fail(STAGE, || "cannot ask for a signal".into())?;
    caps::keep(STAGE, caps::Set::NET_ADMIN | caps::Set::NET_BIND_SERVICE)?;
    // PID 1 does the same at its own pace; until then there is no 127.0.0.1 to listen at.
    link::configure(&Plan { version: PLAN_VERSION, tun: None, links: vec![Link::up("lo")], routes: Vec::new() })?;
    let to = |broken: Broken| lost(broken);
    for port in host_ports {
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let address = SocketAddr::new(ip, *port);
                let socket = match gate::open(address, protocol) {
                    Ok(socket) => socket,
                    // A kernel without IPv6.
                    Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if ip.is_ipv6() => continue,
                    Err(e) => {
                        return Err(
                            Fail::new(STAGE, format!("cannot open {address}/{protocol} in the container")).errno(e)
                        );
                    }
                };
                let made = Made::Gate { port: *port, v6: ip.is_ipv6(), protocol };
                channel.send(&made, &[socket.as_fd()]).map_err(to)?;
            }
        }
    }
    caps::drop_all(STAGE)?;
    set_no_new_privs(true).fail(STAGE, || "cannot give up new rights".into())?;
    channel.send(&Made::Ready, &[]).map_err(to)
}

/// The minder's link above all, whose end is its lifeline and nobody else's.
pub fn keep_only(kept: [BorrowedFd; 2]) -> std::io::Result<()> {
    let mut numbers = kept.map(|fd| fd.as_raw_fd() as u32);
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers {
        if number > first {
            sys::close_range(first, number - 1, false)?;
        }
        first = first.max(number + 1);
    }
    sys::close_range(first, u32::MAX, false)
}
