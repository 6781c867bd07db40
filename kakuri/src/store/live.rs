//! The live folder of a running container: its control socket, and who its PID 1 is. It lies in the user's runtime
//! folder, else in the container's own, and NAME/run leads to it.

mod runtime;

use std::fs::read_to_string;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kakuri_wire::channel::wait;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::event::PollFlags;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, readlinkat, renameat, stat, symlinkat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::entry::full;
use super::folder::{self, id_of};
use super::{Entry, Lock};
use crate::control::{self, SOCKET};
pub(super) use runtime::sweep as sweep_runtime;

const STATE: &str = "state.json";
/// It, half written.
const STATE_NEW: &str = ".state.json.new";
/// In the live folder: a link back to the container.
const HOME: &str = "home";
/// In the container: a link to the live folder.
const RUN: &str = "run";
/// In the container: the live folder, where the runtime folder is unfit.
const LIVE: &str = "live";

/// How long the PID 1 of a supervisor that was killed is waited for.
const ENDING: Duration = Duration::from_secs(10);

/// state.json: never believed, only waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// PID 1, as the host numbers it.
    pub init: i32,
    /// When that process began, in clock ticks since boot: field 22 of proc_pid_stat(5).
    pub init_started: u64,
    /// Which boot of the machine that was.
    pub boot: String,
    pub supervisor: i32,
    /// Milliseconds since 1970.
    pub started_ms: u64,
}

impl Live {
    /// Of a container whose PID 1 is `init`, supervised by the calling process.
    pub fn of(init: i32) -> Result<Live> {
        let what = || "cannot tell when the container began".to_string();
        Ok(Live {
            init,
            init_started: began(init).ok_or_else(|| Fail::new(Stage::Front, what()).why("/proc does not say"))?,
            boot: boot(),
            supervisor: rustix::process::getpid().as_raw_nonzero().get(),
            started_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64),
        })
    }
}

/// A live folder: of ours, of mode 0700, and of this container.
#[derive(Debug)]
pub struct LiveFolder {
    pub path: PathBuf,
    /// O_PATH.
    pub fd: OwnedFd,
    /// The container's folder.
    home: PathBuf,
}

impl Entry {
    /// Makes the live folder anew, and leads NAME/run to it. For who holds the lock.
    pub fn open_live(&self, _: &Lock) -> Result<LiveFolder> {
        let container = self.open()?;
        // What says which process that is goes now.
        self.settle();
        if let Some(old) = self.live() {
            old.remove();
        }
        let link = |to: &Path| {
            let new = ".run.new";
            let _ = unlinkat(&container, new, AtFlags::empty());
            symlinkat(to, &container, new).and_then(|()| renameat(&container, new, &container, RUN)).map_err(|e| {
                let what = format!("cannot start the container '{}'", self.name);
                let fail = Fail::new(Stage::Front, what).errno(e);
                let reason = fail.reason().unwrap_or_default();
                full(fail.why(format!("its folder cannot be written: {reason}")), e)
            })
        };
        if let Some(path) = runtime::claim(self) {
            link(&path)?;
            if let Some(live) = runtime::make(&path, &self.folder)? {
                return Ok(live);
            }
        }
        let path = self.folder.join(LIVE);
        runtime::clear_within(&container, &path);
        link(&path)?;
        if let Some(live) = runtime::make(&path, &self.folder)? {
            if control::may_lie(&live.fd) {
                return Ok(live);
            }
            live.clear();
        }
        // A file system without sockets: nothing else makes it lie where any bind of /tmp shows it.
        loop {
            // The link first: whatever happens then, the next call finds and clears what it leads to.
            let path = runtime::elsewhere()?;
            link(&path)?;
            if let Some(live) = runtime::make(&path, &self.folder)? {
                return Ok(live);
            }
        }
    }

    /// The live folder NAME/run leads to; None where there is none, or one that cannot be this container's.
    pub fn live(&self) -> Option<LiveFolder> {
        let path = self.run_link()?;
        let fd = runtime::open_private(CWD, &path).ok()?;
        let live = LiveFolder { path, fd, home: self.folder.clone() };
        (live.home_id()? == self.id).then_some(live)
    }

    /// Where NAME/run leads to.
    pub(super) fn run_link(&self) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let to = readlinkat(self.open().ok()?, RUN, Vec::new()).ok()?;
        Some(PathBuf::from(std::ffi::OsString::from_vec(to.into_bytes())))
    }

    /// Clears what a run has left, unless its PID 1 is still ending: who starts it next waits for that, and needs to
    /// know which process it is. For who holds the lock.
    pub(super) fn clear_dead(&self) {
        match self.live() {
            Some(live) if live.ending().is_some() => {}
            Some(live) => live.remove(),
            None => {
                let _ = self.open().map(|container| unlinkat(container, RUN, AtFlags::empty()));
            }
        }
    }

    /// Waits, at most ten seconds, until the PID 1 of the last run has ended: after a kill -9 of the supervisor the
    /// kernel may still be at it. For who holds the lock; nothing is decided by it.
    pub fn settle(&self) {
        if let Some(pidfd) = self.live().and_then(|live| live.ending()) {
            let _ = wait(&pidfd, PollFlags::IN, ENDING);
        }
    }
}

impl LiveFolder {
    pub fn write_state(&self, live: &Live) -> Result<()> {
        let what = || "cannot write down what runs".to_string();
        let bytes = serde_json::to_vec(live).map_err(|e| Fail::new(Stage::Front, what()).why(e.to_string()))?;
        let folder = self.reopen().fail(Stage::Front, what)?;
        folder::write(&folder, STATE, &bytes)
            .map_err(|e| Fail::new(Stage::Front, what()).errno(e).hint(format!("make room in {}", self.path.display())))
    }

    pub fn state(&self) -> Option<Live> {
        serde_json::from_slice(&folder::read(&self.fd, STATE).ok()?).ok()
    }

    /// PID 1 of the last run, if it still lives.
    pub(super) fn ending(&self) -> Option<OwnedFd> {
        let live = self.state().filter(|live| live.boot == boot())?;
        // Opened first and compared then: a number that was given to another process has another start.
        let pidfd = pidfd_open(Pid::from_raw(live.init)?, PidfdFlags::empty()).ok()?;
        // One that has ended, and that nobody has collected yet, still has its number.
        let ended = wait(&pidfd, PollFlags::IN, Duration::ZERO).unwrap_or(false);
        (!ended && began(live.init) == Some(live.init_started)).then_some(pidfd)
    }

    /// Removes it, and the link that leads to it. What is in the way is left to the next sweep.
    pub fn remove(&self) {
        self.clear();
        let run = openat(CWD, &self.home, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        if let Ok(container) = run {
            let _ = unlinkat(container, RUN, AtFlags::empty());
        }
    }

    /// Removes the folder alone; the link back goes last, because a sweep knows the folder by it.
    fn clear(&self) {
        // By name: what we did not make is not ours to remove, and keeps the folder where it is.
        for name in [SOCKET, STATE, STATE_NEW] {
            let _ = unlinkat(&self.fd, name, AtFlags::empty());
        }
        let _ = unlinkat(&self.fd, HOME, AtFlags::empty());
        // By path, and harmless so: an empty folder that is not ours is no loss that we could cause.
        let _ = unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
    }

    /// For reading, which the O_PATH descriptor is not.
    fn reopen(&self) -> Result<OwnedFd, Errno> {
        openat(&self.fd, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Device and inode of the container this folder says it belongs to.
    fn home_id(&self) -> Option<(u64, u64)> {
        stat(format!("/proc/self/fd/{}/{HOME}", self.fd.as_fd().as_raw_fd())).ok().map(id_of)
    }
}

/// Field 22 of proc_pid_stat(5). The name before it may hold anything, but it ends at the last parenthesis.
fn began(pid: i32) -> Option<u64> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

pub fn boot() -> String {
    read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}
