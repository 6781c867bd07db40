//! A container's control group, from its making to its removal.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, mkdirat, openat, statat};
use rustix::io::Errno;

use super::place::{Controllers, Place, ROOT, is_root, own_group};
use super::usage::{self, Usage};
use super::{Decided, manager, sweep};
use crate::process::Owned;
use crate::spec::Limits;
use crate::store::name::random;

/// The group with the limits, and the one below it with the processes.
const CONTAINER: &str = "container";
const INSIDE: &str = "inside";
const FRONT: &str = "front";
/// Of root's, below the root of the tree.
const ALL: &str = "kakuri";
/// Of a group that is directly below one of the user's own: what a sweep knows ours by.
pub const OURS: &str = "kakuri-";

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// The kernel's period, in microseconds, and what a thousandth of a processor has of it.
const PERIOD: u64 = 100_000;
const THOUSANDTH: u64 = PERIOD / 1000;
/// Groups a container may make in its own, if it can mount them: each is memory of the kernel's.
const MOST_GROUPS: &str = "256";
const MOST_LEVELS: &str = "16";
/// How long processes that were killed may take to end.
const ENDING: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Group {
    /// What its folder lies in, and its name there.
    above: OwnedFd,
    name: String,
    folder: OwnedFd,
    inside: OwnedFd,
    /// On the host.
    pub path: PathBuf,
    ended: bool,
}

impl Group {
    /// Makes it. The calling process may find itself in another group afterwards: the manager's scope.
    pub fn make(decided: &Decided, label: &str) -> Result<Group> {
        match &decided.offer.place {
            Place::Manager { sockets } => {
                let unit = format!("{}.scope", name(label)?);
                manager::start_scope(sockets, &unit, &format!("kakuri container {label}"))?;
                let own = own_group().filter(|own| own.ends_with(&unit)).ok_or_else(|| {
                    Fail::new(Stage::Front, "cannot make a control group")
                        .why(format!("the service manager has made {unit}, and not moved this process there"))
                        .hint("is it that of another machine? unset XDG_RUNTIME_DIR")
                })?;
                let path = Path::new(ROOT).join(own);
                let above = open(&path)?;
                // Where there are processes nothing can be passed on: this one goes a level down.
                mkdirat(&above, FRONT, Mode::from_raw_mode(0o755)).fail(Stage::Front, || what(&path))?;
                write(&above, &format!("{FRONT}/cgroup.procs"), "0").fail(Stage::Front, || what(&path))?;
                pass_on(&above, &path, needed(&decided.limits))?;
                mkdirat(&above, CONTAINER, Mode::from_raw_mode(0o755)).fail(Stage::Front, || what(&path))?;
                Group::fill(above, CONTAINER.into(), path.join(CONTAINER), &decided.limits)
            }
            Place::Below(path) => {
                let (mut path, mut above) = (path.clone(), open(path)?);
                pass_on(&above, &path, needed(&decided.limits))?;
                if is_root(&path) {
                    // Nobody may write there without a right that a front of root's has given up when it clears away.
                    match mkdirat(&above, ALL, Mode::from_raw_mode(0o755)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(e) => return Err(Fail::new(Stage::Front, what(&path)).errno(e)),
                    }
                    path.push(ALL);
                    above = open(&path)?;
                    pass_on(&above, &path, needed(&decided.limits))?;
                }
                let path = &path;
                sweep(path);
                loop {
                    let name = name(label)?;
                    mkdirat(&above, &name, Mode::from_raw_mode(0o755)).fail(Stage::Front, || what(path))?;
                    let Some(lock) = lock(&above, &name) else { continue };
                    let mut group = Group::fill(above, name.clone(), path.join(name), &decided.limits)?;
                    group.folder = lock;
                    return Ok(group);
                }
            }
        }
    }

    /// The limits stand before there is any process.
    fn fill(above: OwnedFd, name: String, path: PathBuf, limits: &Limits) -> Result<Group> {
        let folder = openat(&above, &name, FOLDER, Mode::empty()).fail(Stage::Front, || what(&path))?;
        let made = set(&folder, limits).and_then(|()| {
            mkdirat(&folder, INSIDE, Mode::from_raw_mode(0o755)).fail(Stage::Front, || what(&path))?;
            openat(&folder, INSIDE, FOLDER, Mode::empty()).fail(Stage::Front, || what(&path))
        });
        match made {
            Ok(inside) => Ok(Group { above, name, folder, inside, path, ended: false }),
            Err(fail) => {
                sweep::remove(&above, &name);
                Err(fail)
            }
        }
    }

    /// Where PID 1 is born.
    pub fn inside(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }

    pub fn usage(&self) -> Usage {
        Usage::of(self.folder.as_fd())
    }

    /// Every process in it, at once, with what they fork meanwhile (Linux 5.14).
    pub fn kill(&self) {
        let _ = write(&self.folder, "cgroup.kill", "1");
    }

    /// Kills what is left, waits for that, and removes it.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.kill();
        let end = Instant::now() + ENDING;
        await_empty(&self.folder, end);
        sweep::remove(&self.above, &self.name);
    }

    /// Whether PID 1, which ended by itself, was among what the kernel killed for want of memory. It is small, but when all
    /// others are dying already it is what is left to be killed.
    pub fn starved(&self, init: &Owned) -> bool {
        init.is_collected() && self.usage().oom_kills > 0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

fn what(path: &Path) -> String {
    format!("cannot make a control group in {}", Bytes::from(path))
}

fn open(path: &Path) -> Result<OwnedFd> {
    openat(CWD, path, FOLDER, Mode::empty()).fail(Stage::Front, || what(path))
}

/// `kakuri-LABEL-RANDOM`: what a unit's name may be made of, and no two alike.
fn name(label: &str) -> Result<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '_' };
    Ok(format!("{OURS}{}-{}", label.chars().map(plain).collect::<String>(), random(4)?))
}

pub fn write(folder: &OwnedFd, file: &str, text: &str) -> Result<(), Errno> {
    let file = openat(folder, file, OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// Holds the group for as long as this process lives; None where a sweep took it for a dead one.
fn lock(above: &OwnedFd, name: &str) -> Option<OwnedFd> {
    let folder = openat(above, name, FOLDER, Mode::empty()).ok()?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (ours, there) = (rustix::fs::fstat(&folder).ok()?, statat(above, name, rustix::fs::AtFlags::empty()).ok()?);
    (ours.st_ino == there.st_ino).then_some(folder)
}

fn needed(limits: &Limits) -> Controllers {
    Controllers {
        memory: limits.memory.is_some() || limits.swap.is_some(),
        cpu: limits.cpus.is_some(),
        // Where that cannot be had, RLIMIT_NPROC is there.
        pids: false,
        io: false,
    }
}

/// Passes on what the group has to those below it: what is not needed is there to be counted.
fn pass_on(group: &OwnedFd, path: &Path, needed: Controllers) -> Result<()> {
    let list = |file| usage::read(group.as_fd(), file).map(|text| Controllers::read(&text)).unwrap_or_default();
    let missing = list("cgroup.controllers").without(list("cgroup.subtree_control"));
    let mut refused = Ok(());
    for name in missing.names() {
        if let Err(e) = write(group, "cgroup.subtree_control", &format!("+{name}")) {
            refused = Err(e);
        }
    }
    match needed.without(list("cgroup.subtree_control")).names().next() {
        None => Ok(()),
        Some(name) => {
            let what = format!("cannot use the controller '{name}' in {}", Bytes::from(path));
            Err(match refused {
                Err(e) => Fail::new(Stage::Front, what).errno(e),
                Ok(()) => Fail::new(Stage::Front, what).why("it is not delegated"),
            })
            .map_err(|fail| fail.hint("kakuri doctor says what is delegated to you"))
        }
    }
}

fn set(group: &OwnedFd, limits: &Limits) -> Result<()> {
    let put = |option: &str, file: &str, value: Option<u64>| {
        let text = value.map_or_else(|| "max".into(), |n| n.to_string());
        write(group, file, &text).fail(Stage::Front, || format!("cannot set {option} ({file})"))
    };
    if let Some(bytes) = limits.memory {
        put("--memory", "memory.max", Some(bytes))?;
    }
    if let Some(bytes) = limits.swap_bytes() {
        match put("--swap", "memory.swap.max", bytes) {
            // A kernel that does not count swap, and nobody asked it to.
            Err(fail) if limits.swap.is_none() && fail.errno == Some(libc::ENOENT) => {}
            set => set?,
        }
    }
    if let Some(thousandths) = limits.cpus {
        let text = format!("{} {PERIOD}", thousandths * THOUSANDTH);
        write(group, "cpu.max", &text).fail(Stage::Front, || "cannot set --cpus (cpu.max)".into())?;
    }
    if let Some(most) = limits.most_pids() {
        // PID 1 is none of the user's. Where the controller is missing it was said that RLIMIT_NPROC holds.
        match put("--pids-limit", "pids.max", Some(most + 1)) {
            Err(fail) if fail.errno == Some(libc::ENOENT) => {}
            set => set?,
        }
    }
    let _ = write(group, "cgroup.max.descendants", MOST_GROUPS);
    let _ = write(group, "cgroup.max.depth", MOST_LEVELS);
    Ok(())
}

/// Until no process is in the group or below it: cgroups(7), cgroup.events, a change of which shows as an exception.
pub fn await_empty(folder: &OwnedFd, end: Instant) {
    let Ok(events) = openat(folder, "cgroup.events", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else { return };
    let mut text = [0; 256];
    loop {
        let read = rustix::io::pread(&events, &mut text, 0).unwrap_or(0);
        let populated = usage::field(&String::from_utf8_lossy(&text[..read]), "populated");
        let left = end.saturating_duration_since(Instant::now());
        if populated != Some(1) || left.is_zero() {
            return;
        }
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let _ = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&timeout));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_units() {
        let name = name("my [web]: é/..").expect("random");
        assert!(name.starts_with("kakuri-my__web____/".replace('/', "_").as_str()), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name}");
    }
}
