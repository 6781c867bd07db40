//! What minds a container's way out, once it runs: its words, its end, and the look-up of names for it, which it cannot
//! do itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_netns::{FromNetns, Status, ToNetns, Uplink as Wanted, Wireguard};
use kakuri_wire::Channel;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::lookup::Lookup;
use crate::network::Wiring;
use crate::process::{Owned, lost};
use crate::spec::OnFailure;

/// How long one that has something to undo on the host may take for it.
const TO_UNDO: Duration = Duration::from_secs(5);
/// Words heard before others have their turn. Strangers send packets to who says them, so none of them is trusted with
/// more of this process than it needs.
const WORDS: usize = 16;
/// A name is not looked up again sooner. A tunnel that is well asks after twenty seconds at the soonest.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// Troubles that are kept until the container stands.
const TROUBLES: usize = 8;

pub struct Uplink {
    pub(super) link: Channel,
    pub(super) process: Owned,
    /// kakuri-netns, for look-ups.
    program: OwnedFd,
    /// `VPN tunnel`, `NAT`.
    what: &'static str,
    /// Of the tunnel's peers, by their place in the configuration: the names some have.
    names: Vec<Option<Name>>,
    /// By the peer.
    lookups: Vec<(u32, Lookup)>,
    /// It has made what it has to undo at its end.
    undoes: bool,
    /// Told before the container stood.
    troubles: Vec<Fail>,
    on_failure: OnFailure,
}

/// The name of a peer.
struct Name {
    host: String,
    port: u16,
    /// When it was looked up last.
    looked: Option<Instant>,
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
                    let named = peer.endpoint.as_ref().filter(|endpoint| endpoint.is_named());
                    named.map(|endpoint| Name { host: endpoint.host.clone(), port: endpoint.port, looked: None })
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
        std::iter::once(self.link.as_fd()).chain(self.lookups.iter().map(|(_, lookup)| lookup.as_fd()))
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
        match self.link.send_now(&ToNetns::Status, &[]) {
            // One that has ended is told on this link.
            Ok(()) | Err(Broken::Closed) => Ok(()),
            Err(Broken::Late) => Err(Fail::new(Stage::Netns, "the tunnel does not answer")
                .why("it has not read what it was asked before")
                .hint("kakuri restart NAME, where it stays so")),
            Err(broken) => Err(Fail::new(Stage::Netns, "cannot ask the tunnel").why(broken.to_string())),
        }
    }

    /// Something it said before the container stood: heard with what it says next.
    pub(super) fn keep(&mut self, trouble: Fail) {
        if self.troubles.len() < TROUBLES {
            self.troubles.push(trouble);
        }
    }

    /// Hears what there is to hear, and waits for nobody. What is more than a turn's is shown by the next poll.
    pub fn hear(&mut self) -> Vec<Heard> {
        let mut heard: Vec<Heard> = self.troubles.drain(..).map(Heard::Trouble).collect();
        self.hear_lookups();
        for _ in 0..WORDS {
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
                _ => {
                    heard.push(Heard::Ended(self.ended("it spoke out of turn".into())));
                    return heard;
                }
            }
        }
        heard
    }

    fn ended(&mut self, why: String) -> Fail {
        self.process.end();
        let then = if self.may_end() { "goes on without a network" } else { "ends with it" };
        Fail::new(Stage::Netns, format!("the container's {} has ended, and the container {then}", self.what)).why(why)
    }

    /// A peer with a name has fallen silent: the name may mean another address by now.
    fn look_up(&mut self, peer: u32) {
        let Some(Some(name)) = self.names.get_mut(peer as usize) else { return };
        if name.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        name.looked = Some(Instant::now());
        let (host, port) = (name.host.clone(), name.port);
        // One that still waits has waited long enough.
        self.lookups.retain(|(of, _)| *of != peer);
        match Lookup::begin(&self.program, host.clone(), port) {
            Ok(lookup) => self.lookups.push((peer, lookup)),
            Err(fail) => log::info!("cannot look up '{host}' anew: {fail}"),
        }
    }

    fn hear_lookups(&mut self) {
        let mut answers = Vec::new();
        self.lookups.retain(|(peer, lookup)| match lookup.hear() {
            None => true,
            Some(answer) => {
                answers.extend(answer.ok().and_then(|addresses| addresses.first().map(|address| (*peer, *address))));
                false
            }
        });
        for (peer, address) in answers {
            // A tunnel that has ended is told on its own link, and one that does not read asks again.
            let _ = self.link.send_now(&ToNetns::Endpoint { peer, address }, &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::super::link;
    use super::*;

    /// An uplink whose process is a double, with the other end of its link.
    fn uplink() -> (Uplink, Channel) {
        let (near, far) = link().expect("a link");
        // Waited for by its owner.
        #[allow(clippy::zombie_processes)]
        let child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let pid = Pid::from_raw(child.id() as i32).expect("a number");
        let process = Owned::new(pidfd_open(pid, PidfdFlags::empty()).expect("a pidfd"), Stage::Netns);
        let program = std::fs::File::open("/bin/true").expect("true").into();
        let wiring = Wiring { kind: crate::network::Kind::Own, ..Wiring::alone() };
        let mut uplink = Uplink::new(near, process, &wiring, program);
        uplink.what = "VPN tunnel";
        uplink.names = vec![Some(Name { host: "localhost".into(), port: 7, looked: None }), None];
        (uplink, far)
    }

    fn trouble() -> FromNetns {
        FromNetns::Trouble(Fail::new(Stage::Netns, "no handshake"))
    }

    #[test]
    fn one_that_never_stops_talking_is_heard_a_little_at_a_time() {
        let (mut uplink, far) = uplink();
        let mut said = 0;
        while far.send_now(&trouble(), &[]).is_ok() {
            said += 1;
        }
        assert!(said > 2 * WORDS, "{said}");
        assert_eq!((uplink.hear().len(), uplink.hear().len()), (WORDS, WORDS));
        for _ in 0..1000 {
            uplink.keep(Fail::new(Stage::Netns, "early"));
        }
        assert_eq!(uplink.hear().len(), TROUBLES + WORDS);
    }

    #[test]
    fn a_name_is_looked_up_once_however_often_it_is_asked_for() {
        let (mut uplink, far) = uplink();
        for peer in [0, 0, 1, 7] {
            far.send(&FromNetns::Lost { peer }, &[]).expect("said");
        }
        assert!(uplink.hear().is_empty());
        assert_eq!(uplink.lookups.len(), 1);
        let first = uplink.lookups[0].1.as_fd().try_clone_to_owned().expect("a copy");
        far.send(&FromNetns::Lost { peer: 0 }, &[]).expect("said");
        // The double ends without an answer, and nobody takes its place so soon.
        assert!(
            kakuri_wire::channel::wait(&first, rustix::event::PollFlags::IN, Duration::from_secs(60)).expect("a poll")
        );
        assert!(uplink.hear().is_empty() && uplink.lookups.is_empty());
    }

    #[test]
    fn one_that_does_not_read_is_not_waited_for() {
        let (uplink, far) = uplink();
        let refused = (0..1_000_000).find_map(|_| uplink.ask_status().err()).expect("it is full at last");
        assert!(refused.to_string().contains("the tunnel does not answer"), "{refused}");
        // And when it does read, it is asked again.
        while far.recv_now::<ToNetns>().is_ok() {}
        assert!(uplink.ask_status().is_ok());
    }
}
