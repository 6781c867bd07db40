//! xdg-dbus-proxy, while a container has a bus. It is minded by whoever minds the container: one end of a pipe is its
//! `--fd`, at whose end it ends, however the other was lost.
//!
//! Its socket lies in a folder of our own for the moment between its making and its bind, and then has no name any more: who
//! has it open, or bound, connects to it all the same. The folder is locked as long as it is in use, so that one without a
//! lock was left by a start that was killed, and is swept by the next.

use std::borrow::Cow;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakuri_wire::channel::wait;
use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, sys};
use rustix::event::PollFlags;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, MemfdFlags, Mode, OFlags, flock, fstat, memfd_create, mkdirat, openat,
    statat, unlinkat,
};
use rustix::io::{Errno, pread, read};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, geteuid, set_parent_process_death_signal, setsid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

use super::dbus::Bus;
use crate::helper::open_null;
use crate::plan::Plan;
use crate::process::Owned;
use crate::spec;
use crate::store::name::random;

/// How long it may take until it listens.
const LIMIT: Duration = Duration::from_secs(10);
const SOCKET: &str = "bus";
/// What the names of our folders begin with.
const OURS: &str = "kakuri-bus-";
/// Another name is tried so often.
const TRIES: usize = 20;
/// Of what it says when it fails, in bytes.
const MOST: usize = 1000;
/// Its descriptors: the pipe, and the folder of its socket.
const PIPE: i32 = 3;
const FOLDER: i32 = 4;
const NONE: CapabilitySet = CapabilitySet::empty();

#[derive(Debug)]
pub struct Proxy {
    process: Owned,
    /// Closed, and it ends.
    _pipe: OwnedFd,
    /// Until the container has the socket.
    place: Option<Place>,
}

/// Where the socket will lie, as far as can be said before it does.
pub fn place(runtime: Option<&[u8]>) -> Vec<u8> {
    folder(runtime, "NEW").join(SOCKET).into_os_string().into_encoded_bytes()
}

impl Plan {
    /// Starts the proxy, if the container is to have a bus; the plan then knows where its socket lies.
    pub fn with_bus(&self) -> Result<(Cow<'_, Plan>, Option<Proxy>)> {
        let Some(bus) = &self.doors.bus else { return Ok((Cow::Borrowed(self), None)) };
        let (proxy, from, seen) = Proxy::start(bus)?;
        let mut plan = self.clone();
        for op in &mut plan.mount.ops {
            if let kakuri_mount::Op::Bind(bind) = op
                && bind.at == bus.at
            {
                (bind.from, bind.seen) = (from.clone(), Some(seen));
            }
        }
        Ok((Cow::Owned(plan), Some(proxy)))
    }
}

impl Proxy {
    fn start(bus: &Bus) -> Result<(Proxy, Bytes, (u64, u64))> {
        let runtime = bus.runtime.as_ref().map(|folder| folder.as_bytes());
        sweep(runtime);
        let place = Place::make(runtime)?;
        let what = || "cannot start xdg-dbus-proxy (--dbus)".to_string();
        let (pipe, end) = pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, what)?;
        let said = memfd_create("xdg-dbus-proxy", MemfdFlags::CLOEXEC).fail(Stage::Front, what)?;
        let null = open_null()?;
        let (argv, env) = (sys::Strings::new(arguments(bus)), sys::Strings::new(Vec::new()));
        let lent = [sys::lend(&null), sys::lend(&said), sys::lend(&end), sys::lend(&place.fd)];
        let mut child = || {
            if settle(lent).is_ok() {
                let _ = argv.exec(&bus.program, &env);
            }
            i32::from(CODE_FAILED)
        };
        let (_, pidfd) = sys::clone_vfork(0, &mut child).fail(Stage::Front, what)?;
        let mut process = Owned::new(pidfd, Stage::Front);
        drop(end);
        // It writes a byte when it listens.
        let listens =
            wait(&pipe, PollFlags::IN, LIMIT).is_ok_and(|ready| ready) && read(&pipe, &mut [0_u8; 1]) == Ok(1);
        if !listens {
            process.end();
            return Err(Fail::new(Stage::Front, what())
                .why(words(&said))
                .hint("xdg-dbus-proxy --help shows whether it runs"));
        }
        let socket = statat(&place.fd, SOCKET, AtFlags::SYMLINK_NOFOLLOW).fail(Stage::Front, what)?;
        let from = Bytes::from(place.path.join(SOCKET).as_path());
        let seen = (socket.st_dev, socket.st_ino);
        Ok((Proxy { process, _pipe: pipe, place: Some(place) }, from, seen))
    }

    /// The container has the socket: it needs no name any more.
    pub fn settle(mut self) -> Proxy {
        self.place = None;
        self
    }

    /// Asked when its descriptor shows something: why there is no bus any more, where it has ended.
    pub fn ended(&mut self) -> Option<Fail> {
        let how = self.process.died()?;
        Some(
            Fail::new(Stage::Front, "the container has lost the session bus")
                .why(format!("xdg-dbus-proxy, which filters it, has ended: {how}"))
                .hint("all else goes on; a new start has a bus again"),
        )
    }
}

impl AsFd for Proxy {
    /// Readable once it has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

/// In the child: a session of its own, whose keys are not the caller's terminal's, and nothing of ours but what it is to have.
fn settle([null, said, pipe, folder]: [BorrowedFd; 4]) -> std::io::Result<()> {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = setsid();
    // What comes from the container is parsed there: started by root it has no more rights than any program of a user.
    set_no_new_privs(true)?;
    set_capabilities(None, CapabilitySets { effective: NONE, permitted: NONE, inheritable: NONE })?;
    // Above the fixed numbers first, so that no placement overwrites a source.
    let high = |fd: BorrowedFd| rustix::io::fcntl_dupfd_cloexec(fd, FOLDER + 1);
    let [null, said, pipe, folder] = [high(null)?, high(said)?, high(pipe)?, high(folder)?];
    for (fd, number) in [(&null, 0), (&null, 1), (&said, 2), (&pipe, PIPE), (&folder, FOLDER)] {
        sys::dup_onto(fd.as_fd(), number)?;
    }
    // The high copies go with the rest.
    std::mem::forget([null, said, pipe, folder]);
    sys::close_range(FOLDER as u32 + 1, u32::MAX, false)
}

fn arguments(bus: &Bus) -> Vec<CString> {
    // By the open folder, because the path of a socket may be no longer than 107 bytes.
    let path = format!("/proc/self/fd/{FOLDER}/{SOCKET}");
    let mut all = vec![b"xdg-dbus-proxy".to_vec(), format!("--fd={PIPE}").into(), bus.address.clone(), path.into()];
    all.push("--filter".into());
    all.extend(bus.names.iter().map(|name| match name {
        spec::Bus::Talk(name) => format!("--talk={name}").into_bytes(),
        spec::Bus::Own(name) => format!("--own={name}").into_bytes(),
    }));
    // None of them has a NUL: they were checked, or escaped.
    all.into_iter().map(|word| CString::new(word).unwrap_or_default()).collect()
}

fn words(said: &OwnedFd) -> String {
    let mut text = [0_u8; MOST];
    let length = pread(said, &mut text[..], 0).unwrap_or(0);
    let said = String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned();
    match said.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => Bytes::from(line).to_string(),
        None => "it ended without a word".into(),
    }
}

/// A folder of ours for the socket, locked.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    fd: OwnedFd,
}

impl Place {
    fn make(runtime: Option<&[u8]>) -> Result<Place> {
        let what = || "cannot make a folder for the socket of the bus (--dbus)".to_string();
        for _ in 0..TRIES {
            let path = folder(runtime, &random(6)?);
            match mkdirat(CWD, &path, Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(e) => {
                    return Err(Fail::new(Stage::Front, what())
                        .errno(e)
                        .hint("set XDG_RUNTIME_DIR to a folder of your own that can be written"));
                }
            }
            // Between the two a sweep may have taken it for an old one.
            let taken = open(&path).and_then(|fd| lock(&fd).map(|()| fd));
            if let Ok(fd) = taken.map_err(drop)
                && fstat(&fd).is_ok_and(|stat| stat.st_nlink > 0)
            {
                return Ok(Place { path, fd });
            }
        }
        Err(Fail::new(Stage::Front, what()).why("others take every one away"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = unlinkat(&self.fd, SOCKET, AtFlags::empty());
        let _ = unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
    }
}

fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty())?;
    let stat = fstat(&fd)?;
    let ours = stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o077 == 0;
    if ours { Ok(fd) } else { Err(Errno::ACCESS) }
}

fn lock(fd: &OwnedFd) -> Result<(), Errno> {
    flock(fd, FlockOperation::NonBlockingLockExclusive)
}

/// In the runtime folder; where there is none that nobody else may enter, in /tmp.
fn folder(runtime: Option<&[u8]>, name: &str) -> PathBuf {
    let runtime = runtime.map(crate::host::as_path).filter(|path| path.is_absolute() && open(path).is_ok());
    match runtime {
        Some(runtime) => runtime.join(format!("{OURS}{name}")),
        None => PathBuf::from(format!("/tmp/kakuri-{}-bus-{name}", geteuid().as_raw())),
    }
}

/// Removes what starts that were killed have left.
fn sweep(runtime: Option<&[u8]>) {
    let example = folder(runtime, "");
    let (Some(parent), Some(start)) = (example.parent(), example.file_name()) else { return };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(entries) = openat(CWD, parent, flags, Mode::empty()).and_then(Dir::new) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_bytes();
        if !name.starts_with(start.as_bytes()) || !matches!(entry.file_type(), FileType::Directory | FileType::Unknown)
        {
            continue;
        }
        let path = parent.join(crate::host::as_path(name));
        if let Ok(fd) = open(&path)
            && lock(&fd).is_ok()
        {
            drop(Place { path, fd });
        }
    }
}
