//! From helpers at work to a container that stands: the three gates.
//!
//! Join: PID 1's image is loaded. Finish: PID 1 has made what only it can; until then the old root stays, because
//! nobody may make a sysfs who sees none. Go: the root stands, and the network with it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::{FromInit, ToInit};
use kakuri_mount::{FromMount, ToMount};
use kakuri_netns::FromNetns;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Channel, Kernelfs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::wire::{Wire, Worker};
use super::{Cell, DEADLINE, NotStarted, send};
use crate::cgroup::Group;
use crate::phase::{Asked, Phase};
use crate::plan::Plan;
use crate::process::{Owned, WHO_ENDED_IT, lost};
use crate::refusals::Watch;
use crate::signals::{self, Came, Signals};

pub struct Start<'a> {
    pub plan: &'a Plan,
    pub asked: Asked<'a>,
    pub mount_link: Channel,
    pub init_link: Channel,
    pub mount: Owned,
    pub init: Owned,
    pub init_pid: i32,
    pub wire: Wire,
    pub signals: Signals,
    pub end: Instant,
    pub group: Option<Group>,
}

/// The next word of a helper.
enum Said {
    Init(FromInit, Vec<OwnedFd>),
    Mount(FromMount),
    Netns(Worker, FromNetns, Vec<OwnedFd>),
}

impl Start<'_> {
    pub fn carry_through(mut self, reached: &mut dyn FnMut(Phase)) -> Result<(Cell, Signals), NotStarted> {
        let mut phase = Phase::Making;
        let (mut told, mut watch) = (None, None);
        loop {
            if told != Some(phase) {
                reached(phase);
            }
            told = Some(phase);
            match self.next(phase)? {
                Said::Init(message, fds) => {
                    log::trace!("from kakuri-init: {message:?}");
                    if let FromInit::Failed(fail) = message {
                        return Err(explained(fail).into());
                    }
                    phase = phase.after_init(&message, self.asked)?;
                    match message {
                        FromInit::Ready(made) => {
                            self.finish(&made, &fds)?;
                            self.wire.join(&self.init)?;
                        }
                        FromInit::Started { .. } | FromInit::Holding => {
                            reached(phase);
                            let pid = if let FromInit::Started { pid, .. } = message { pid } else { 0 };
                            let (mut cell, signals) = self.stands(pid, fds.into_iter().next());
                            cell.watch = watch;
                            return Ok((cell, signals));
                        }
                        FromInit::Watched { .. } => {
                            let listener = fds.into_iter().next();
                            watch = self.plan.judge.as_ref().zip(listener).and_then(|(j, fd)| Watch::new(j, fd));
                            // Said once: whoever came later would take the place of the first.
                            self.asked.watched = false;
                        }
                        _ => {}
                    }
                }
                Said::Mount(message) => {
                    log::trace!("from kakuri-mount: {message:?}");
                    match message {
                        FromMount::Failed(fail) if kakuri_mount::overlay_refused(&fail) => {
                            return Err(NotStarted::Refused(fail));
                        }
                        FromMount::Failed(fail) => return Err(self.cause(fail).into()),
                        FromMount::Built => {}
                    }
                    phase = phase.after_mount(&message, self.wire.is_up())?;
                    self.go(phase)?;
                }
                Said::Netns(worker, message, fds) => {
                    log::trace!("from kakuri-netns: {message:?}");
                    if let FromNetns::Failed(fail) = message {
                        return Err(self.cause(fail).into());
                    }
                    self.wire.hear(worker, message, fds)?;
                    if phase == Phase::Connecting && self.wire.is_up() {
                        phase = Phase::Launching;
                        self.go(phase)?;
                    }
                }
            }
        }
    }

    /// The second gate: what PID 1 has made goes to kakuri-mount.
    fn finish(&self, made: &[Kernelfs], fds: &[OwnedFd]) -> Result<()> {
        // Only what the plan shows: a bind may stand in the place of one of them.
        let shown = self.plan.attaches();
        let (made, fds): (Vec<Kernelfs>, Vec<BorrowedFd>) =
            made.iter().zip(fds).filter(|(kind, _)| shown.contains(kind)).map(|(kind, fd)| (*kind, fd.as_fd())).unzip();
        send(Stage::Mount, &self.mount_link, &ToMount::Finish(made), &fds)
    }

    /// The third gate.
    fn go(&self, phase: Phase) -> Result<()> {
        if phase == Phase::Launching { send(Stage::Init, &self.init_link, &ToInit::Go, &[]) } else { Ok(()) }
    }

    fn stands(self, pid: i32, terminal: Option<OwnedFd>) -> (Cell, Signals) {
        let cell = Cell {
            link: self.init_link,
            init: self.init,
            init_pid: self.init_pid,
            mount: Some(self.mount),
            uplink: self.wire.into_uplink(),
            bus: None,
            terminal,
            pid,
            watch: None,
            group: self.group,
        };
        (cell, self.signals)
    }

    /// The next word of any helper. After Built, kakuri-mount's hang-up is as it should be.
    fn next(&mut self, phase: Phase) -> Result<Said> {
        let builds = matches!(phase, Phase::Making | Phase::Finishing);
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.stuck(phase));
            }
            let workers: Vec<(Worker, BorrowedFd)> = self.wire.watched().collect();
            let mut fds = Vec::with_capacity(5);
            fds.push(PollFd::new(&self.init_link, PollFlags::IN));
            fds.push(PollFd::new(&self.signals, PollFlags::IN));
            fds.extend(workers.iter().map(|(_, fd)| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
            // kakuri-mount's place comes last, because it is not watched once it has built.
            if builds {
                fds.push(PollFd::new(&self.mount_link, PollFlags::IN));
            }
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the helpers").errno(e)),
            }
            let shown: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            let worker = workers.iter().zip(&shown[2..]).find(|(_, shown)| **shown).map(|((worker, _), _)| *worker);
            // The mount's word first: when both speak, its failure is the cause of the other's.
            if builds && shown.last() == Some(&true) {
                return match self.mount_link.recv() {
                    // There was no PID 1 left to join: its end is the cause, and what it said before it.
                    Ok((FromMount::Failed(fail), _)) if fail.errno == Some(libc::ESRCH) => {
                        Err(self.last_word().unwrap_or_else(|| lost(&mut self.init, &Broken::Closed)))
                    }
                    Ok((message, _)) => Ok(Said::Mount(message)),
                    Err(e) => Err(lost(&mut self.mount, &e)),
                };
            }
            // Where the command has begun before its network ended, that is how a running container ends.
            let begun = phase == Phase::Launching && shown[0];
            if let Some(worker) = worker.filter(|_| !begun) {
                let (message, fds) = self.wire.recv(worker)?;
                return Ok(Said::Netns(worker, message, fds));
            }
            if shown[0] {
                return match self.init_link.recv() {
                    Ok((message, fds)) => Ok(Said::Init(message, fds)),
                    Err(e) => Err(lost(&mut self.init, &e)),
                };
            }
            if shown[1]
                && let Some(came) = self.signals.take()
            {
                self.heed(phase, came)?;
            }
        }
    }

    /// A signal before there is a command to send it to ends the start; a resize or a continue does not. After
    /// Go there is one, or will be: it waits on the link behind Go.
    fn heed(&self, phase: Phase, came: Came) -> Result<()> {
        if matches!(came.signal, libc::SIGWINCH | libc::SIGCONT) {
            return Ok(());
        }
        if phase == Phase::Launching {
            let signal = ToInit::Signal { session: 0, signal: came.signal, group: came.by_terminal };
            return send(Stage::Init, &self.init_link, &signal, &[]);
        }
        Err(Fail::new(
            Stage::Front,
            format!("stopped by SIG{} before the command had started", signals::name(came.signal)),
        )
        .code(128 + came.signal as u8))
    }

    /// What another helper could not do because PID 1 was gone is told as the end of PID 1: in its own words, which lie
    /// on the link before it can be missed, or else by how it ended.
    fn cause(&mut self, fail: Fail) -> Fail {
        if let Some(own) = self.last_word() {
            return own;
        }
        match self.init.died() {
            Some(how) => Fail::new(Stage::Init, "lost kakuri-init").why(how).hint(WHO_ENDED_IT),
            None => fail,
        }
    }

    /// Why PID 1 gave up, if that lies on its link.
    fn last_word(&self) -> Option<Fail> {
        while let Ok((message, _)) = self.init_link.recv_within(Duration::ZERO) {
            if let FromInit::Failed(own) = message {
                return Some(explained(own));
            }
        }
        None
    }

    fn stuck(&self, phase: Phase) -> Fail {
        let stage = match phase {
            Phase::Finishing => Stage::Mount,
            Phase::Connecting => Stage::Netns,
            _ => Stage::Init,
        };
        Fail::new(stage, format!("{stage} did not answer within {} seconds", DEADLINE.as_secs()))
            .why("the start was given up, and everything it had made is gone")
            .hint("is a bound folder on a network that does not answer? KAKURI_LOG=trace shows every step")
    }
}

/// PID 1 knows the errno, and the machine's settings are seen from here.
fn explained(fail: Fail) -> Fail {
    match kakuri_init::payload::namespace_refused(&fail) {
        Some(errno) if !matches!(errno, libc::EMFILE | libc::ENFILE) => {
            let (why, hint) = crate::userns::explain_second(errno);
            fail.why(why).hint(hint)
        }
        None if kakuri_init::network::is_refused(&fail) => {
            let (why, hint, _) = crate::userns::explain_kind(libc::ENOSPC, "net");
            fail.why(why).hint(format!("{hint}; or take the host's network: kakuri --allow-network"))
        }
        _ => fail,
    }
}
