//! A layer on disk for a container that keeps nothing: where the kernel's tmpfs takes no attributes of a user's, of which
//! overlayfs needs some (before Linux 6.6). It lies beside the containers like one that is half made, and what a crash
//! leaves is swept with those.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use kakuri_mount::Layer;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{MemfdFlags, Mode, XattrFlags, fsetxattr, memfd_create, mkdirat};
use rustix::io::Errno;
use rustix::process::{Pid, getpid};

use super::create::begin;
use super::lock::Lock;
use super::{Store, erase};

const UPPER: &str = "upper";
const WORK: &str = "work";

/// Erased by the process that has it, when that drops it.
#[derive(Debug)]
pub struct Scratch {
    store: Store,
    name: String,
    lock: Lock,
    pub layer: Layer,
    /// None: it is being handed from one process to another.
    owner: Option<Pid>,
}

/// Whether a layer in memory can be had. An unnamed file of memory is one of a tmpfs.
pub fn is_wanted() -> bool {
    let set = |file: OwnedFd| fsetxattr(file, "user.overlay.kakuri", b"y", XattrFlags::empty());
    matches!(memfd_create(c"", MemfdFlags::CLOEXEC).and_then(set), Err(Errno::OPNOTSUPP))
}

impl Store {
    /// Makes one, empty.
    pub fn scratch(&self) -> Result<Scratch> {
        let what = || format!("cannot make room for what the container writes in '{}'", Bytes::from(&self.dir));
        let dir = self.open_or_make()?;
        let begun = begin(&dir, "scratch", &self.dir)
            .map_err(|unfit| unfit.fail(what(), "name another folder of containers: kakuri config path"))?;
        let cannot = |e: Errno| Fail::new(Stage::Front, what()).errno(e).hint("make room on its disk");
        mkdirat(&begun.folder, UPPER, Mode::from_raw_mode(0o755)).map_err(cannot)?;
        mkdirat(&begun.folder, WORK, Mode::from_raw_mode(0o700)).map_err(cannot)?;
        // As a bind's source: without links.
        let top = std::fs::canonicalize(self.dir.join(&begun.name))
            .map_err(|e| Fail::new(Stage::Front, what()).why(e.to_string()))?;
        let layer = Layer { upper: Bytes::from(top.join(UPPER)), work: Bytes::from(top.join(WORK)) };
        Ok(Scratch { store: self.clone(), name: begun.name, lock: begun.lock, layer, owner: Some(getpid()) })
    }
}

impl Scratch {
    /// What has to stay open for it to be anybody's.
    pub fn descriptor(&self) -> RawFd {
        self.lock.file.as_raw_fd()
    }

    /// From here on a process that is born from this one erases it.
    pub fn hand_over(&mut self) {
        self.owner = None;
    }

    /// That process is this one.
    pub fn take_over(&mut self) {
        self.owner = Some(getpid());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.owner != Some(getpid()) {
            return;
        }
        let erased = match self.store.open() {
            Ok(Some(dir)) => erase::folder(&dir, &self.name, &self.store.dir),
            Ok(None) => Ok(()),
            Err(fail) => Err(fail),
        };
        if let Err(fail) = erased {
            log::info!("{fail}");
        }
    }
}
