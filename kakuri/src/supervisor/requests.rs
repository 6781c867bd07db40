//! What is asked of the supervisor, and its answers.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::ToInit;
use kakuri_wire::channel::{Broken, Received};
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::handshake::PROTOCOL;
use kakuri_wire::{Bytes, Channel, document};

use super::Life;
use super::sessions::Holder;
use super::watch::{Over, Supervisor};
use crate::cgroup::Group;
use crate::control::{Facts, FromSupervisor, Order, ToSupervisor};
use crate::guarantee;

/// Somebody connected.
pub struct Asker {
    pub id: u32,
    pub channel: Channel,
    pub waits: Waits,
}

/// What an asker is to be told later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    Nothing,
    /// That the container has ended, and how.
    End,
    /// That nothing of it is left.
    Stop,
    /// The terminal of this session.
    Terminal(u32),
    /// Nothing, and the container stays for it.
    Use,
    /// How the tunnel is.
    Tunnel,
    /// Nothing, and there is room for its namespaces beside ours.
    Network,
    /// That the first process runs, or that nothing is left of the start.
    Start,
    /// That his command is known to have ended, and the container with it if it does.
    Stand,
}

/// The starter's number.
pub const STARTER: u32 = 0;

impl Supervisor {
    /// There is a word of this asker's, or its end.
    pub fn hear_asker(&mut self, id: u32) {
        let Some(asker) = self.askers.iter().find(|asker| asker.id == id) else { return };
        // Without waiting: one who has just been accepted may not have said it yet.
        match asker.channel.recv_enclosing_now::<ToSupervisor>() {
            Ok(Received { message, enclosed, fds }) => {
                if let Err(fail) = self.serve(id, message, enclosed.as_deref(), fds) {
                    self.answer(id, &FromSupervisor::Failed(fail), &[]);
                }
            }
            Err(Broken::Late) => {}
            Err(Broken::Nonsense(why)) => {
                let fail = Fail::new(Stage::Front, "the container's supervisor did not understand this kakuri")
                    .why(why)
                    .hint("it was started by another build: kakuri stop NAME, and start it again");
                self.answer(id, &FromSupervisor::Failed(fail), &[]);
            }
            Err(_) => self.forget(id),
        }
    }

    /// An asker that has gone. What it held is hung up by PID 1, which sees the link's end itself.
    fn forget(&mut self, id: u32) {
        let waited = |waits: Waits| self.askers.iter().any(|asker| asker.id == id && asker.waits == waits);
        let (used, shared) = (waited(Waits::Use), waited(Waits::Network));
        self.askers.retain(|asker| asker.id != id);
        if shared {
            self.see_off();
        }
        let held = |s: &&super::sessions::Session| matches!(s.holder, Holder::Asker(holder) if holder == id);
        let orphaned: Vec<u32> = self.sessions.iter().filter(held).map(|session| session.id).collect();
        orphaned.into_iter().for_each(|session| self.disappoint(session));
        let left = used || (id == STARTER && !self.had_session);
        if left && self.life != Life::UntilStopped && self.sessions.is_empty() && !self.is_used() {
            self.over(Over::default());
        }
    }

    /// Whether somebody needs the container beside the sessions in it.
    pub fn is_used(&self) -> bool {
        self.askers.iter().any(|asker| asker.waits == Waits::Use)
    }

    fn serve(&mut self, id: u32, request: ToSupervisor, enclosed: Option<&[u8]>, mut fds: Vec<OwnedFd>) -> Result<()> {
        log::trace!("asked: {request:?}");
        match request {
            ToSupervisor::Run { protocol, inherited, passed } => {
                check(protocol)?;
                let order = self.order(enclosed, &mut fds)?;
                let session = self.run(id, &order, inherited, passed, fds)?;
                // Whoever holds a session is told how the container ended.
                self.wait_for(id, Waits::End);
                let watched = self.plan.judge.is_some();
                self.answer(id, &FromSupervisor::Accepted { session, watched }, &[]);
                if order.first {
                    self.retell_troubles(id);
                }
                Ok(())
            }
            ToSupervisor::Detached { protocol } => {
                check(protocol)?;
                let order = self.order(enclosed, &mut fds)?;
                self.run_detached(id, &order)?;
                if order.first {
                    self.wait_for(id, Waits::Start);
                }
                Ok(())
            }
            ToSupervisor::Keep { session } => self.keep(id, session, fds),
            ToSupervisor::Attach { protocol } => {
                check(protocol)?;
                self.attach(id)
            }
            ToSupervisor::Stop { signal, time } => {
                self.wait_for(id, Waits::Stop);
                self.begin_stop(signal, Duration::from_millis(time))
            }
            ToSupervisor::Signal { signal } => {
                self.signal(signal)?;
                self.answer(id, &FromSupervisor::Done, &[]);
                Ok(())
            }
            ToSupervisor::Look { protocol } => {
                check(protocol)?;
                let document = document::seal(Stage::Front, &self.facts())?;
                self.answer(id, &FromSupervisor::Facts, &[document.as_fd()]);
                Ok(())
            }
            ToSupervisor::Stand => {
                // Who asks because a command of his has ended hears of it before we do.
                if self.sessions.iter().any(|session| matches!(session.holder, Holder::Asker(a) if a == id)) {
                    self.wait_for(id, Waits::Stand);
                    return Ok(());
                }
                self.answer(id, &FromSupervisor::Done, &[]);
                Ok(())
            }
            ToSupervisor::Stay { protocol } => {
                check(protocol)?;
                self.wait_for(id, Waits::Use);
                self.answer(id, &FromSupervisor::Done, &[]);
                Ok(())
            }
            ToSupervisor::Join { protocol } => {
                check(protocol)?;
                self.share_network(id)
            }
            ToSupervisor::Tunnel { protocol } => {
                check(protocol)?;
                self.ask_tunnel(id)
            }
            ToSupervisor::Wait => {
                self.wait_for(id, Waits::End);
                Ok(())
            }
        }
    }

    /// The document of a request to run something, which is not begun any more while the container is being ended.
    fn order(&self, enclosed: Option<&[u8]>, fds: &mut Vec<OwnedFd>) -> Result<Order> {
        if self.stopping.is_some() {
            return Err(Fail::new(Stage::Front, format!("the container '{}' is being stopped", self.name()))
                .hint(format!("kakuri start {} starts it again", self.name())));
        }
        document::unpack(Stage::Front, enclosed, fds, 0)
    }

    /// SIGTERM, or what the container or who asks has for it, to the first process, or to all; who asks at its terminal to go is told it hung up, because
    /// shells heed nothing else.
    pub fn begin_stop(&mut self, signal: Option<i32>, time: Duration) -> Result<()> {
        // Once; but who names one means it.
        if (self.stopping.is_none() || signal.is_some()) && !time.is_zero() {
            self.signal(signal.or(self.plan.stop_signal).unwrap_or(libc::SIGTERM))?;
            if signal.is_none() {
                let talkers: Vec<u32> = self.targets().filter(|s| s.terminal).map(|s| s.id).collect();
                for session in talkers {
                    self.tell_init(&ToInit::Signal { session, signal: libc::SIGHUP, group: false }, &[])?;
                }
                // What is stopped would hear neither.
                self.signal(libc::SIGCONT)?;
            }
        }
        let due = Instant::now().checked_add(time);
        // A second one may be less patient, not more.
        self.stopping = match (self.stopping, due) {
            (Some(Some(before)), Some(now)) => Some(Some(before.min(now))),
            (Some(Some(before)), None) => Some(Some(before)),
            (_, due) => Some(due),
        };
        self.stopped = true;
        if self.sessions.is_empty() {
            self.over(Over::default());
        }
        Ok(())
    }

    /// The first process, or everyone where there is none.
    fn targets(&self) -> impl Iterator<Item = &super::sessions::Session> {
        let first = self.sessions.iter().any(|session| session.first);
        self.sessions.iter().filter(move |session| session.first || !first)
    }

    pub fn signal(&mut self, signal: i32) -> Result<()> {
        let targets: Vec<u32> = self.targets().map(|session| session.id).collect();
        for session in targets {
            self.tell_init(&ToInit::Signal { session, signal, group: false }, &[])?;
        }
        Ok(())
    }

    pub fn wait_for(&mut self, id: u32, waits: Waits) {
        if let Some(asker) = self.askers.iter_mut().find(|asker| asker.id == id) {
            asker.waits = waits;
        }
    }

    /// Nobody is waited for: an asker that does not read is told nothing.
    pub fn answer(&mut self, id: u32, answer: &FromSupervisor, fds: &[BorrowedFd]) {
        if let Some(asker) = self.askers.iter().find(|asker| asker.id == id) {
            log::trace!("answered: {answer:?}");
            if let Err(Broken::Nonsense(why)) = asker.channel.send_now(answer, fds) {
                // Too long for a message. He waits for an answer all the same.
                let fail = Fail::new(Stage::Front, "the container's supervisor cannot answer").why(why);
                let _ = asker.channel.send_now(&FromSupervisor::Failed(fail), &[]);
            }
        }
    }

    fn facts(&self) -> Facts {
        // PID 1 is a child of ours that nobody has collected, so its number cannot be another's.
        let init = self.cell.init_pid;
        let mut namespaces = BTreeMap::new();
        for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            let link = std::fs::read_link(format!("/proc/{init}/ns/{kind}"));
            let inode = link.ok().and_then(|l| l.to_str()?.split(['[', ']']).nth(1)?.parse().ok());
            if let Some(inode) = inode {
                namespaces.insert(kind.to_string(), inode);
            }
        }
        Facts {
            name: self.name().to_string(),
            started: self.started,
            init,
            supervisor: rustix::process::getpid().as_raw_nonzero().get(),
            namespaces,
            network: self.plan.wiring.label.clone(),
            ports: self.plan.wiring.ports().to_vec(),
            sessions: self.shown(),
            refused: self.refused(),
            notes: {
                let plan = self.plan.weaker.iter().chain(&self.plan.notes).cloned();
                plan.chain(self.troubles.iter().map(Fail::to_string)).collect()
            },
            guarantees: guarantee::judge(&self.plan),
            usage: self.cell.group.as_ref().map(Group::usage),
            group: self.cell.group.as_ref().map(|group| Bytes::from(&group.path)),
        }
    }
}

fn check(protocol: u32) -> Result<()> {
    if protocol == PROTOCOL {
        return Ok(());
    }
    Err(Fail::new(Stage::Front, "the container's supervisor and this kakuri are not of one build")
        .why(format!("it speaks protocol {PROTOCOL}, this one {protocol}"))
        .hint("kakuri stop NAME, and start it again"))
}
