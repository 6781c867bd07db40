//! Carrying a plan out over a NETLINK_ROUTE socket. Runs with CAP_NET_ADMIN over the network namespace it
//! is in, and with no other capability.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink};

use zeroize::{Zeroize, Zeroizing};

use crate::netlink::reply::{self, AddressInfo, LinkInfo};
use crate::netlink::request::{self, RTM_NEWADDR, RTM_NEWLINK};
use crate::netlink::{Answer, Malformed, Refusal, Request, messages};
use crate::{Cidr, Link, Plan, Route, sys, tun};

const STAGE: Stage = Stage::Netns;
/// The kernel fills at most 32 KiB of a list at a time.
const PACKET: usize = 32 * 1024;

/// Makes the network namespace this process is in what the plan says.
pub fn configure(plan: &Plan) -> Result<()> {
    if plan.links.is_empty() && plan.routes.is_empty() {
        return Ok(());
    }
    let mut kernel = Kernel::open()?;
    let mut indexes = Vec::with_capacity(plan.links.len());
    for link in &plan.links {
        indexes.push((link.final_name(), kernel.set_link(link)?));
        if plan.tun.as_deref() == Some(link.name.as_str()) {
            // What comes in one piece then also leaves in one. A kernel that refuses it is only slower.
            let packets = tun::packets_in_one_piece(link.mtu);
            let _ = kernel.order(request::link_largest_piece(indexes.last().map_or(0, |(_, i)| *i), packets));
        }
    }
    // Routes last: the kernel takes one only once its link is up and its gateway can be reached, and an
    // IPv6 route that refuses hangs on lo.
    for route in &plan.routes {
        let index = match route {
            Route::Unicast { link, .. } => indexes.iter().find(|(name, _)| name == link).map_or(0, |(_, i)| *i),
            Route::Unreachable { .. } | Route::Blackhole { .. } => 0,
        };
        kernel.order(request::route_add(route, index)).map_err(|e| e.fail(format!("route to {}", route.to())))?;
    }
    Ok(())
}

/// A conversation with rtnetlink of this network namespace, or with another of netlink's families.
pub struct Kernel {
    socket: OwnedFd,
    sequence: u32,
    packet: Vec<u8>,
}

/// A netlink socket of the network namespace this process is in.
pub fn socket(protocol: Option<Protocol>) -> Result<OwnedFd> {
    let what = || "cannot talk to the kernel about the network".to_string();
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, protocol).fail(STAGE, what)?;
    // Connected to port 0, the kernel: it then lets nobody else put an answer into our queue.
    rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0)).fail(STAGE, what)?;
    sys::netlink::ask_for_words(socket.as_fd()).fail(STAGE, what)?;
    Ok(socket)
}

/// Why a request did not work.
#[derive(Debug)]
pub enum Trouble {
    Refused(Refusal),
    System(rustix::io::Errno),
    Nonsense,
}

impl Kernel {
    pub fn open() -> Result<Kernel> {
        // No protocol named is the first one, NETLINK_ROUTE.
        Ok(Kernel::over(socket(None)?))
    }

    /// Over a socket of [`socket`], wherever that was made: it speaks of the network namespace it was made in.
    pub fn over(socket: OwnedFd) -> Kernel {
        Kernel { socket, sequence: 0, packet: vec![0; PACKET] }
    }

    /// The link of this name.
    pub fn link(&mut self, name: &str) -> Result<LinkInfo, Trouble> {
        let mut found = Err(Trouble::Nonsense);
        self.ask(request::link_by_name(name), |kind, body| {
            if kind == RTM_NEWLINK {
                found = Ok(reply::link(body)?);
            }
            Ok(())
        })?;
        found
    }

    /// Every address of every link.
    pub fn addresses(&mut self) -> Result<Vec<AddressInfo>, Trouble> {
        let mut found = Vec::new();
        self.ask(request::addresses(), |kind, body| {
            if kind == RTM_NEWADDR {
                found.push(reply::address(body)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn set_link(&mut self, link: &Link) -> Result<u32> {
        let name = link.final_name();
        let index = self.link(&link.name).map_err(|e| e.fail(format!("link '{}'", link.name)))?.index;
        // The name first: a link that is up cannot be renamed (EBUSY).
        if let Some(new) = &link.rename {
            self.order(request::link_rename(index, new)).map_err(|e| e.fail(format!("rename of '{}'", link.name)))?;
        }
        // Before up, because going up is when the kernel makes its own address.
        if link.no_own_address {
            self.order(request::link_no_own_address(index))
                .map_err(|e| e.fail(format!("address generation of '{name}'")))?;
        }
        // Before the addresses: below 1280 the kernel removes IPv6 from a link and refuses it.
        if let Some(mtu) = link.mtu {
            self.order(request::link_mtu(index, mtu)).map_err(|e| e.fail(format!("mtu {mtu} of '{name}'")))?;
        }
        self.add_addresses(index, name, &link.addresses)?;
        if link.up {
            self.order(request::link_up(index)).map_err(|e| e.fail(format!("bringing up '{name}'")))?;
        }
        Ok(index)
    }

    /// An address the link has already stays as it is.
    fn add_addresses(&mut self, index: u32, name: &str, wanted: &[Cidr]) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let present = self.addresses().map_err(|e| e.fail(format!("list of the addresses of '{name}'")))?;
        for address in wanted.iter().filter(|a| !present.contains(&AddressInfo { index, address: **a })) {
            self.order(request::address_add(index, address))
                .map_err(|e| e.fail(format!("address {address} of '{name}'")))?;
        }
        Ok(())
    }

    pub fn order(&mut self, request: Request) -> Result<(), Trouble> {
        self.ask(request, |_, _| Ok(()))
    }

    /// Sends one request and reads until it is answered. The kernel works on a request while it is being
    /// sent and queues the answer before send returns: the waiting below has always an end.
    pub fn ask(
        &mut self,
        request: Request,
        mut data: impl FnMut(u16, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Trouble> {
        self.sequence += 1;
        // Wiped after: some requests carry a key.
        let bytes = Zeroizing::new(request.finish(self.sequence));
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        loop {
            let (_, length) = rustix::net::recv(&self.socket, &mut self.packet[..], RecvFlags::TRUNC)?;
            let packet = self.packet.get(..length).ok_or(Trouble::Nonsense)?;
            for message in messages(packet) {
                let message = message?;
                if message.sequence != self.sequence {
                    continue;
                }
                match message.answer()? {
                    Answer::Done => return Ok(()),
                    Answer::Refused(refusal) => return Err(Trouble::Refused(refusal)),
                    Answer::Data(kind, body) => data(kind, body)?,
                    Answer::Nothing => {}
                }
            }
        }
    }
}

impl Kernel {
    /// Forgets what the kernel said last: some answers carry a key.
    pub fn wipe(&mut self) {
        self.packet.as_mut_slice().zeroize();
    }

    /// Several requests as one: all of them are carried out, or none (nfnetlink's batches).
    pub fn order_all(&mut self, requests: Vec<Request>) -> Result<(), Trouble> {
        let (first, mut bytes) = (self.sequence + 1, Vec::new());
        for request in requests {
            self.sequence += 1;
            bytes.extend(request.finish(self.sequence));
        }
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        // All answers are there when send returns: for the batch as a whole one, a refusal, or one each for its requests.
        let (mut refused, mut heard) = (None, false);
        loop {
            let length =
                match rustix::net::recv(&self.socket, &mut self.packet[..], RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
                    Ok((_, length)) => length,
                    Err(rustix::io::Errno::AGAIN) => break,
                    // More answers than the queue holds: the first, which it does hold, tells how it went.
                    Err(rustix::io::Errno::NOBUFS) => continue,
                    Err(e) => return Err(e.into()),
                };
            for message in messages(self.packet.get(..length).ok_or(Trouble::Nonsense)?) {
                let message = message?;
                if !(first..=self.sequence).contains(&message.sequence) {
                    continue;
                }
                heard = true;
                if let Answer::Refused(refusal) = message.answer()? {
                    refused.get_or_insert(refusal);
                }
            }
        }
        match refused {
            Some(refusal) => Err(Trouble::Refused(refusal)),
            None if heard => Ok(()),
            None => Err(Trouble::Nonsense),
        }
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(e: rustix::io::Errno) -> Self {
        Trouble::System(e)
    }
}

impl From<Malformed> for Trouble {
    fn from(_: Malformed) -> Self {
        Trouble::Nonsense
    }
}

impl Trouble {
    /// Whether the kernel said no with this errno.
    pub fn is(&self, errno: i32) -> bool {
        matches!(self, Trouble::Refused(refusal) if refusal.errno == errno)
    }

    /// As the record the front renders; `on` is the thing of the plan.
    pub fn fail(self, on: String) -> Fail {
        let fail = Fail::new(STAGE, format!("cannot configure the network: {on}"));
        match self {
            Trouble::Nonsense => fail.why("the kernel's answer makes no sense"),
            Trouble::System(errno) => fail.errno(errno),
            Trouble::Refused(refusal) => {
                let fail = fail.errno(refusal.errno);
                let fail = match refusal.text {
                    Some(text) => {
                        fail.why(format!("{} ({})", kakuri_wire::fail::describe(refusal.errno), text.escape_debug()))
                    }
                    None => fail,
                };
                match hint(refusal.errno) {
                    Some(hint) => fail.hint(hint),
                    None => fail,
                }
            }
        }
    }
}

fn hint(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM => "this needs CAP_NET_ADMIN over the network namespace: run it inside a container of your own",
        libc::ENODEV => "no such link in this network namespace; `ip link` lists them",
        libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EACCES => {
            "the kernel may lack IPv6, or it is switched off (net.ipv6.conf.all.disable_ipv6): leave IPv6 out of the plan"
        }
        libc::ENETUNREACH | libc::EHOSTUNREACH => "a gateway must lie in a network one of the links has an address of",
        libc::EBUSY => "a link that is up cannot be renamed: take it down first",
        _ => return None,
    })
}
