//! Where live folders lie: `$XDG_RUNTIME_DIR/kakuri/NAME`, else in the container's own folder, else in /tmp.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, mkdirat, openat, symlinkat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{HOME, LiveFolder};
use crate::control;
use crate::store::{Entry, folder, lock, name};

const OURS: &str = "kakuri";
const PRIVATE: Mode = Mode::from_raw_mode(0o700);

/// `RUNTIME/kakuri/NAME` with nothing there any more, if the container can have it; None where the runtime folder is
/// unfit, or another store's container of that name runs.
pub fn claim(entry: &Entry) -> Option<PathBuf> {
    let runtime = named()?;
    let all = open_ours(&runtime, true)?;
    let path = runtime.join(OURS).join(&entry.name);
    match openat(&all, &entry.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => Some(path),
        Ok(_) if clear(&all, &entry.name, &path, Some(entry)) => Some(path),
        _ => None,
    }
}

/// Clears the live folders there whose containers do not run, or no longer are.
pub fn sweep() {
    let Some(runtime) = named() else { return };
    let Some(all) = open_ours(&runtime, false) else { return };
    // Opened anew: an O_PATH descriptor can be searched, and not read.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(entries) = openat(&all, ".", flags, Mode::empty()).and_then(Dir::new) else { return };
    for entry in entries.flatten() {
        if let Ok(name) = entry.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            clear(&all, name, &runtime.join(OURS).join(name), None);
        }
    }
}

/// Clears one of them, unless its container runs. `holder`: whose lock is held by us. Whether it is gone.
fn clear(all: &OwnedFd, name: &str, path: &Path, holder: Option<&Entry>) -> bool {
    let Ok(fd) = open_private(all, Path::new(name)) else { return false };
    let live = LiveFolder { path: path.to_path_buf(), fd, home: PathBuf::new() };
    let ours = holder.is_some_and(|entry| live.home_id() == Some(entry.id));
    // While it is cleared, its container must not be started.
    let mut lock = None;
    // Whose it is cannot be told: it lies where we may not look now, or is being removed.
    if !ours && live.home_id().is_none() && control::answers(&live.fd) {
        return false;
    }
    if !ours && let Some(home) = live.home_id() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(container) = openat(&live.fd, HOME, flags, Mode::empty()) else { return false };
        if folder::id(&container) != Ok(home) || lock::is_held(container.as_fd()) {
            return false;
        }
        match lock::try_take(container.as_fd()) {
            Ok(Some(taken)) => lock = Some(taken),
            _ => return false,
        }
        if live.ending().is_some() {
            return false;
        }
    }
    live.clear();
    drop(lock);
    openat(all, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).is_err()
}

/// Clears what a run that was killed has left in the container's own folder. For who holds the lock.
pub fn clear_within(container: &OwnedFd, path: &Path) {
    if let Ok(fd) = open_private(container, Path::new(super::LIVE)) {
        LiveFolder { path: path.to_path_buf(), fd, home: PathBuf::new() }.clear();
    }
}

/// `$XDG_RUNTIME_DIR`.
fn named() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// `RUNTIME/kakuri`, if the runtime folder is ours and nobody else's.
fn open_ours(runtime: &Path, make: bool) -> Option<OwnedFd> {
    let runtime = open_private(CWD, runtime).ok()?;
    if make {
        match mkdirat(&runtime, OURS, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(_) => return None,
        }
    }
    open_private(&runtime, Path::new(OURS)).ok()
}

/// A name in /tmp that nobody has.
pub fn elsewhere() -> Result<PathBuf> {
    Ok(PathBuf::from(format!("/tmp/{OURS}-{}-{}", geteuid().as_raw(), name::random(6)?)))
}

/// Makes a live folder with its link back; None where the name is taken, or a sweep took the folder for a dead one.
pub fn make(path: &Path, home: &Path) -> Result<Option<LiveFolder>> {
    let cannot = |e: Errno| {
        Fail::new(Stage::Front, format!("cannot make the folder '{}'", Bytes::from(path)))
            .errno(e)
            .hint("a running container's socket lies there: make room, or set XDG_RUNTIME_DIR to a folder of your own")
    };
    match mkdirat(CWD, path, PRIVATE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(None),
        Err(e) => return Err(cannot(e)),
    }
    let made = open_private(CWD, path).and_then(|fd| symlinkat(home, &fd, HOME).map(|()| fd));
    match made {
        Ok(fd) => Ok(Some(LiveFolder { path: path.to_path_buf(), fd, home: home.to_path_buf() })),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => {
            let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
            Err(cannot(e))
        }
    }
}

/// A folder of ours that nobody else may even look into. EACCES for any other.
pub fn open_private(dir: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(dir, path, flags, Mode::empty())?;
    let stat = fstat(&fd)?;
    match stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o077 == 0 {
        true => Ok(fd),
        false => Err(Errno::ACCESS),
    }
}
