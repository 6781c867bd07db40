//! One container being made: the sequence of kakuri/docs/architecture.md. Host namespaces, no capability.
//!
//! Nobody waits for another's exec: what can be known early is queued on a link before its reader exists.
//! Three gates order the rest: Join (PID 1's image is loaded), Finish (PID 1 has made what only it can; until
//! then the old root stays, because nobody may make a sysfs who sees none), Go (the root stands).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::{FromInit, Process, ToInit};
use kakuri_mount::{FromMount, ToMount};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Channel, Kernelfs, document, sys};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::helper::{Birth, Programs, open_null, title};
use crate::idmap;
use crate::phase::{Asked, Phase};
use crate::plan::{Namespaces, Outline, Plan};
use crate::process::{Owned, lost};
use crate::signals::{self, Came, Signals};

/// How long the helpers may take together before a start is given up: far beyond any slow disk, so that only
/// a stuck one is met.
const DEADLINE: Duration = Duration::from_secs(20);

/// Descriptors the command starts with, in the order kakuri-init wants them.
pub struct Descriptors<'a> {
    /// Those of 0-2 that are not the container's terminal.
    pub inherited: Vec<BorrowedFd<'a>>,
    pub passed: Vec<BorrowedFd<'a>>,
}

/// What a container starts with.
pub enum First<'a> {
    /// Its command, which it ends with.
    Command(&'a Process, Descriptors<'a>),
    /// Nothing: commands come as sessions.
    Hold,
}

/// A container that stands; its command, if it started with one, runs.
pub struct Cell {
    /// PID 1's link; EOF on it is the end of the container.
    pub link: Channel,
    pub init: Owned,
    /// PID 1's number on the host, for people.
    pub init_pid: i32,
    /// Has said its last word and is ending; reaped when it has.
    pub mount: Option<Owned>,
    /// The master of the container's terminal.
    pub terminal: Option<OwnedFd>,
    /// The command's pid inside; 0 where there is none yet.
    pub pid: i32,
}

/// Why there is no container.
#[derive(Debug)]
pub enum NotStarted {
    Failed(Fail),
    /// The kernel makes no overlay of a folder; planned with its entries bound one by one it can be built.
    Refused(Fail),
}

impl From<Fail> for NotStarted {
    fn from(fail: Fail) -> NotStarted {
        NotStarted::Failed(fail)
    }
}

/// A container of which nothing stands but its namespaces and its helpers. Dropped, it is gone.
pub struct Begun {
    mount_link: Channel,
    init_link: Channel,
    mount: Owned,
    init: Owned,
    init_pid: i32,
    end: Instant,
}

/// kakuri-mount, started without any right yet, and what is needed to begin PID 1 beside it.
pub struct Builder {
    link: Channel,
    mount: Owned,
    init_program: OwnedFd,
    null: OwnedFd,
}

/// Starts kakuri-mount as soon as its name is known. It then often waits for its plan already when PID 1 is begun, so that
/// PID 1 and the front have a processor each where there are but two: the scheduler leaves whoever must share one
/// then where he is, and waits for its next tick, longer than the whole start takes.
pub fn spawn_builder(label: &str, programs: &Programs) -> Result<Builder> {
    let (program, init_program) = (programs.open("kakuri-mount")?, programs.open("kakuri-init")?);
    let null = open_null()?;
    let (link, end) = link()?;
    let mount = spawn(Birth::new(&program, &end, &null, title("kakuri-mount", label)), Stage::Mount)?;
    Ok(Builder { link, mount, init_program, null })
}

impl Builder {
    /// Begins a container: PID 1 in its namespaces.
    ///
    /// Called before the files are planned, because PID 1 takes longer for what it makes than all the rest, and
    /// nothing it makes is seen by anybody: an error found while planning drops it again.
    pub fn begin(self, outline: &Outline) -> Result<Begun> {
        let Builder { link: mount_link, mount, init_program, null } = self;
        let (init_link, init_end) = link()?;
        let own =
            pidfd_open(getpid(), PidfdFlags::empty()).fail(Stage::Front, || "cannot open our own pidfd".into())?;
        send(Stage::Init, &init_link, &ToInit::Hello(Version::ours(), outline.setup.clone()), &[own.as_fd()])?;
        let init = Birth::new(&init_program, &init_end, &null, title("kakuri-init", &outline.label));
        let (init_pid, init) = clone_init(&init, outline.namespaces)?;
        // The clock is first read here, where nobody waits for it.
        Ok(Begun { mount_link, init_link, mount, init, init_pid, end: Instant::now() + DEADLINE })
    }
}

impl Begun {
    /// Carries the container through to its running command.
    pub fn carry_out(
        self,
        plan: &Plan,
        first: &First,
        reached: &mut dyn FnMut(Phase),
    ) -> Result<(Cell, Signals), NotStarted> {
        // PID 1's maps are written and its image is loaded since it was begun, so kakuri-mount may join.
        let document = document::seal(Stage::Front, &plan.mount)?;
        send(Stage::Mount, &self.mount_link, &ToMount::Plan(Version::ours()), &[document.as_fd()])?;
        send(Stage::Mount, &self.mount_link, &ToMount::Join, &[self.init.as_fd()])?;
        let asked = Asked { filesystems: &plan.setup.filesystems, ..first.queue(&self.init_link)? };
        let signals = Signals::block()?;
        let Begun { mount_link, init_link, mount, init, init_pid, end } = self;
        Start { plan, asked, mount_link, init_link, mount, init, init_pid, signals, end }.carry_through(reached)
    }
}

impl First<'_> {
    /// Tells PID 1, which reads it when its own work is done.
    fn queue(&self, link: &Channel) -> Result<Asked<'static>> {
        match self {
            First::Command(process, descriptors) => {
                let document = document::seal(Stage::Front, process)?;
                let mut fds = vec![document.as_fd()];
                fds.extend(&descriptors.inherited);
                fds.extend(&descriptors.passed);
                let (inherited, passed) = (descriptors.inherited.len() as u8, descriptors.passed.len() as u8);
                send(Stage::Init, link, &ToInit::Start { inherited, passed }, &fds)?;
                Ok(Asked { terminal: process.terminal.contains(&true), ..Asked::default() })
            }
            First::Hold => {
                send(Stage::Init, link, &ToInit::Hold, &[])?;
                Ok(Asked { hold: true, ..Asked::default() })
            }
        }
    }
}

fn link() -> Result<(Channel, Channel)> {
    Channel::pair().fail(Stage::Front, || "cannot make a link to a helper".into())
}

fn send<M: kakuri_wire::Message>(stage: Stage, link: &Channel, message: &M, fds: &[BorrowedFd]) -> Result<()> {
    log::trace!("to {stage}: {message:?}");
    match link.send(message, fds) {
        // A helper that has ended has left the reason on the link, or in its exit status: both are read there.
        Ok(()) | Err(Broken::Closed) => Ok(()),
        Err(e) => Err(Fail::new(stage, format!("cannot speak to {stage}")).why(e.to_string())),
    }
}

/// Starts kakuri-mount and goes on: waiting for its exec would cost the start a tenth of its time.
fn spawn(birth: Birth, stage: Stage) -> Result<Owned> {
    let spawned = sys::clone_beside(0, move || {
        let _ = birth.become_helper();
        i32::from(CODE_FAILED)
    });
    let (_, pidfd) = spawned.fail(Stage::Front, || format!("cannot start {stage}"))?;
    Ok(Owned::new(pidfd, stage))
}

/// PID 1 in namespaces of its own: maps itself, then becomes kakuri-init. Returns once it has.
fn clone_init(birth: &Birth, namespaces: Namespaces) -> Result<(i32, Owned)> {
    let mut flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    for (wanted, flag) in [
        (namespaces.ipc, libc::CLONE_NEWIPC),
        (namespaces.uts, libc::CLONE_NEWUTS),
        (namespaces.cgroup, libc::CLONE_NEWCGROUP),
    ] {
        if wanted {
            flags |= flag;
        }
    }
    let map = idmap::Single::of_caller();
    let mut failure: Option<Fail> = None;
    let cloned = sys::clone_vfork(flags, &mut || {
        let made: Result<()> = map.write_own().and_then(|()| {
            rustix::process::chdir("/").fail(Stage::Front, || "cannot enter /".into())?;
            Err(Fail::new(Stage::Front, "cannot start kakuri-init").errno(birth.become_helper()))
        });
        failure = made.err();
        i32::from(CODE_FAILED)
    });
    let (pid, pidfd) = cloned.map_err(|e| {
        let errno = e.raw_os_error().unwrap_or(0);
        if matches!(errno, libc::EMFILE | libc::ENFILE) {
            return Fail::new(Stage::Front, "cannot start kakuri-init").errno(e);
        }
        let (why, hint) = crate::userns::explain_failure(errno);
        Fail::new(Stage::Front, "cannot make a user namespace").errno(e).why(why).hint(hint)
    })?;
    let mut init = Owned::new(pidfd, Stage::Init);
    match failure {
        None => Ok((pid, init)),
        Some(fail) => {
            init.end();
            Err(fail)
        }
    }
}

struct Start<'a> {
    plan: &'a Plan,
    asked: Asked<'a>,
    mount_link: Channel,
    init_link: Channel,
    mount: Owned,
    init: Owned,
    init_pid: i32,
    signals: Signals,
    end: Instant,
}

impl Start<'_> {
    /// The three gates.
    fn carry_through(mut self, reached: &mut dyn FnMut(Phase)) -> Result<(Cell, Signals), NotStarted> {
        let mut phase = Phase::Making;
        loop {
            reached(phase);
            match self.next(phase)? {
                Said::Init(message, fds) => {
                    log::trace!("from kakuri-init: {message:?}");
                    if let FromInit::Failed(fail) = message {
                        return Err(explained(fail).into());
                    }
                    phase = phase.after_init(&message, self.asked)?;
                    match message {
                        FromInit::Ready(made) => {
                            // Only what the plan shows: a bind may stand in the place of one of them.
                            let shown = self.plan.attaches();
                            let (made, fds): (Vec<Kernelfs>, Vec<BorrowedFd>) = made
                                .iter()
                                .zip(&fds)
                                .filter(|(kind, _)| shown.contains(kind))
                                .map(|(kind, fd)| (*kind, fd.as_fd()))
                                .unzip();
                            send(Stage::Mount, &self.mount_link, &ToMount::Finish(made), &fds)?;
                        }
                        FromInit::Started { .. } | FromInit::Holding => {
                            reached(phase);
                            let pid = if let FromInit::Started { pid, .. } = message { pid } else { 0 };
                            let cell = Cell {
                                link: self.init_link,
                                init: self.init,
                                init_pid: self.init_pid,
                                mount: Some(self.mount),
                                terminal: fds.into_iter().next(),
                                pid,
                            };
                            return Ok((cell, self.signals));
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
                    phase = phase.after_mount(&message)?;
                    send(Stage::Init, &self.init_link, &ToInit::Go, &[])?;
                }
            }
        }
    }

    /// The next word of either helper. After Built, kakuri-mount's hang-up is as it should be.
    fn next(&mut self, phase: Phase) -> Result<Said> {
        let builds = matches!(phase, Phase::Making | Phase::Finishing);
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.stuck(phase));
            }
            // kakuri-mount's place comes last, because it is not watched once it has built.
            let mut fds = [
                PollFd::new(&self.init_link, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
                PollFd::new(&self.mount_link, PollFlags::IN),
            ];
            let watched = if builds { 3 } else { 2 };
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            match poll(&mut fds[..watched], Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the helpers").errno(e)),
            }
            let [init, signals, mount] = fds.map(|fd| !fd.revents().is_empty());
            // The mount's word first: when both speak, its failure is the cause of the other's.
            if mount {
                return match self.mount_link.recv() {
                    // There was no PID 1 left to join: its end is the cause, and what it said before it.
                    Ok((FromMount::Failed(fail), _)) if fail.errno == Some(libc::ESRCH) => {
                        Err(self.last_word().unwrap_or_else(|| lost(&mut self.init, &Broken::Closed)))
                    }
                    Ok((message, _)) => Ok(Said::Mount(message)),
                    Err(e) => Err(lost(&mut self.mount, &e)),
                };
            }
            if init {
                return match self.init_link.recv() {
                    Ok((message, fds)) => Ok(Said::Init(message, fds)),
                    Err(e) => Err(lost(&mut self.init, &e)),
                };
            }
            if signals && let Some(came) = self.signals.take() {
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

    /// What kakuri-mount could not do because PID 1 was gone is told as the end of PID 1: in its own words, which lie
    /// on the link before it can be missed, or else by how it ended.
    fn cause(&mut self, fail: Fail) -> Fail {
        if let Some(own) = self.last_word() {
            return own;
        }
        match self.init.died() {
            Some(how) => Fail::new(Stage::Init, "lost kakuri-init").why(how),
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
        let stage = if phase == Phase::Finishing { Stage::Mount } else { Stage::Init };
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
        _ => fail,
    }
}

enum Said {
    Init(FromInit, Vec<OwnedFd>),
    Mount(FromMount),
}
