//! One container being made: the sequence of kakuri/docs/architecture.md. Host namespaces, no capability.
//!
//! Nobody waits for another's exec: what can be known early is queued on a link before its reader exists.
//! Three gates order the rest ([`start`]).

mod clone;
pub(crate) mod lookup;
mod start;
mod uplink;
mod wire;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kakuri_init::{Process, ToInit};
use kakuri_mount::ToMount;
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Channel, document, sys};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::cgroup::Group;
use crate::door::proxy::Proxy;
use crate::helper::{Birth, Programs, open_null, title};
use crate::idmap;
use crate::network::Wiring;
use crate::phase::{Asked, Phase};
use crate::plan::{Outline, Plan};
use crate::process::{Owned, lost};
use crate::refusals::Watch;
use crate::signals::Signals;
use clone::{Mapped, clone_init, clone_mapped};
use start::Start;
pub use uplink::{Heard, Uplink};
use wire::Wire;

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
    /// What minds its way out, as long as that lives.
    pub uplink: Option<Uplink>,
    /// The filter of the session bus, where there is a door to it.
    pub bus: Option<Proxy>,
    /// The master of the container's terminal.
    pub terminal: Option<OwnedFd>,
    /// The command's pid inside; 0 where there is none yet.
    pub pid: i32,
    /// The refused calls of the command, where they are listed.
    pub watch: Option<Watch>,
    /// What limits all of it together, where anything does. Last: it can go when all else has.
    pub group: Option<Group>,
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
    wire: Wire,
    mapping: Mapped,
    /// Of root's: whose the host's files are inside.
    owners: Option<OwnedFd>,
    end: Instant,
    /// After PID 1, which is in it.
    group: Option<Group>,
}

/// Begins a container whose outline is known.
pub fn begin(outline: &Outline, wiring: &Wiring, programs: &Programs) -> Result<Begun> {
    Builder::open(programs)?.begin(outline, wiring, programs)
}

/// The programs PID 1 and kakuri-mount are made from, and kakuri-mount, if it was started already: without any right yet.
pub struct Builder {
    mount: Option<(Channel, Owned)>,
    mount_program: OwnedFd,
    init_program: OwnedFd,
    null: OwnedFd,
}

impl Builder {
    pub fn open(programs: &Programs) -> Result<Builder> {
        let (mount_program, init_program) = (programs.open("kakuri-mount")?, programs.open("kakuri-init")?);
        Ok(Builder { mount: None, mount_program, init_program, null: open_null()? })
    }

    /// Starts kakuri-mount as soon as its name is known. It then often waits for its plan already when PID 1 is begun, so
    /// that PID 1 and the front have a processor each where there are but two: the scheduler leaves whoever must share one
    /// then where he is, and waits for its next tick, longer than the whole start takes.
    pub fn spawn(&mut self, label: &str) -> Result<()> {
        let (link, end) = link()?;
        let birth = Birth::new(&self.mount_program, &end, &self.null, title("kakuri-mount", label));
        self.mount = Some((link, spawn(0, birth, Stage::Mount)?));
        Ok(())
    }

    /// Begins a container: PID 1 in its namespaces.
    ///
    /// Called before the files are planned, because PID 1 takes longer for what it makes than all the rest, and
    /// nothing it makes is seen by anybody: an error found while planning drops it again.
    pub fn begin(mut self, outline: &Outline, wiring: &Wiring, programs: &Programs) -> Result<Begun> {
        // Their execs and their reading take place beside PID 1's work; with a range beside that of the two tools, which
        // takes longer than all else and begins first.
        let early = match outline.range {
            None => Some(self.others(&outline.label, wiring, programs)?),
            Some(_) => None,
        };
        let (init_link, init_end) = link()?;
        let own =
            pidfd_open(getpid(), PidfdFlags::empty()).fail(Stage::Front, || "cannot open our own pidfd".into())?;
        send(Stage::Init, &init_link, &ToInit::Hello(Version::ours(), outline.setup.clone()), &[own.as_fd()])?;
        let group = outline.limits.as_ref().map(|limits| Group::make(limits, &outline.label)).transpose()?;
        let init = Birth::new(&self.init_program, &init_end, &self.null, title("kakuri-init", &outline.label));
        let init = init.guarded()?;
        let (init_pid, init, mapping) = match &outline.range {
            None => {
                let (pid, init) = clone_init(&init, outline.namespaces, wiring.joined.as_deref(), group.as_ref())?;
                (pid, init, None)
            }
            Some(range) => clone_mapped(init, outline, range, wiring.joined.as_deref(), group.as_ref())?,
        };
        let (mount_link, mount, wire) = match early {
            Some(early) => early,
            None => self.others(&outline.label, wiring, programs)?,
        };
        let roots = outline.range.as_ref().filter(|range| range.is_roots());
        let owners = roots.map(idmap::root::owners).transpose()?;
        // The clock is first read here, where nobody waits for it.
        Ok(Begun {
            mount_link,
            init_link,
            mount,
            init,
            init_pid,
            wire,
            mapping,
            owners,
            end: Instant::now() + DEADLINE,
            group,
        })
    }

    /// Who works beside PID 1.
    fn others(&mut self, label: &str, wiring: &Wiring, programs: &Programs) -> Result<(Channel, Owned, Wire)> {
        if self.mount.is_none() {
            self.spawn(label)?;
        }
        let wire = Wire::spawn(label, wiring, programs, &self.null)?;
        match self.mount.take() {
            Some((link, mount)) => Ok((link, mount, wire)),
            None => Err(Fail::new(Stage::Front, "cannot start kakuri-mount")),
        }
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
        let Begun { mount_link, init_link, mount, mut init, init_pid, wire, mapping, owners, end, group } = self;
        // Queued for both before anything is waited for.
        let document = document::pack(Stage::Front, &plan.mount)?;
        let fds: Vec<BorrowedFd> = document.descriptor().into_iter().collect();
        hand(Stage::Mount, &mount_link, &ToMount::Plan(Version::ours()), document.enclosed(), &fds)?;
        if let Some(owners) = owners.filter(|_| plan.mount.is_mapped()) {
            send(Stage::Mount, &mount_link, &ToMount::Map, &[owners.as_fd()])?;
        }
        let asked = Asked { filesystems: &plan.setup.filesystems, ..first.queue(&init_link)? };
        if let Some((mapping, gate)) = mapping {
            // Before any signal is held back: until here one ends this process, and all that was begun with it.
            mapping.finish(end)?;
            // One that is gone has nothing to be told: how it ended is the answer.
            sys::ignoring(libc::SIGPIPE, || rustix::io::write(&gate, b"1"))
                .map_err(|_| lost(&mut init, &Broken::Closed))?;
        }
        // PID 1's maps are written, and its image is loaded since it was begun or is being loaded now: with maps
        // kakuri-mount may join.
        send(Stage::Mount, &mount_link, &ToMount::Join, &[init.as_fd()])?;
        let signals = Signals::block()?;
        let start = Start { plan, asked, mount_link, init_link, mount, init, init_pid, wire, signals, end, group };
        start.carry_through(reached)
    }
}

impl First<'_> {
    /// Tells PID 1, which reads it when its own work is done.
    fn queue(&self, link: &Channel) -> Result<Asked<'static>> {
        match self {
            First::Command(process, descriptors) => {
                let document = document::pack(Stage::Front, process)?;
                let mut fds: Vec<BorrowedFd> = document.descriptor().into_iter().collect();
                fds.extend(&descriptors.inherited);
                fds.extend(&descriptors.passed);
                let (inherited, passed) = (descriptors.inherited.len() as u8, descriptors.passed.len() as u8);
                hand(Stage::Init, link, &ToInit::Start { inherited, passed }, document.enclosed(), &fds)?;
                Ok(Asked { terminal: process.terminal.contains(&true), watched: process.watched, ..Asked::default() })
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
    hand(stage, link, message, None, fds)
}

/// The same with a document.
fn hand<M: kakuri_wire::Message>(
    stage: Stage,
    link: &Channel,
    message: &M,
    enclosed: Option<&[u8]>,
    fds: &[BorrowedFd],
) -> Result<()> {
    log::trace!("to {stage}: {message:?}");
    match link.send_enclosing(message, enclosed, fds) {
        // A helper that has ended has left the reason on the link, or in its exit status: both are read there.
        Ok(()) | Err(Broken::Closed) => Ok(()),
        Err(e) => Err(Fail::new(stage, format!("cannot speak to {stage}")).why(e.to_string())),
    }
}

/// Starts a helper and goes on: waiting for its exec would cost the start a tenth of its time. Each of those started
/// together has a place of its own.
fn spawn(place: usize, birth: Birth, stage: Stage) -> Result<Owned> {
    let spawned = sys::clone_beside(place, 0, move || {
        let _ = birth.become_helper();
        i32::from(CODE_FAILED)
    });
    let (_, pidfd) = spawned.fail(Stage::Front, || format!("cannot start {stage}")).map_err(explained)?;
    Ok(Owned::new(pidfd, stage))
}

/// A limit of processes is met by whatever is started first.
fn explained(fail: Fail) -> Fail {
    match fail.errno {
        Some(libc::EAGAIN) => {
            let (why, hint) = crate::userns::explain_failure(libc::EAGAIN);
            fail.why(why).hint(hint)
        }
        _ => fail,
    }
}
