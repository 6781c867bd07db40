//! What a container with a name keeps of its file system, in its own folder on the host.
//!
//! With the host's programs: /home, /root, /var, /srv, and the home wherever it lies. Without them: the home. All else
//! is new at each start, or the host's and read-only.
//!
//! What lies in there was written by the container, and is hostile: nothing is opened but below the folder's own
//! descriptor, and no link is followed.

mod contents;

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, fsync, mkdirat, openat};
use rustix::io::Errno;

use super::Places;
use crate::bind::source;
use crate::host::as_path;
use crate::identity::Identity;
use crate::layout::{Source, What};
use crate::pathname;
use crate::spec::{Base, RootfsMode, Spec};
pub use contents::make_mount_point;
use contents::{open_beneath, walk};

/// What is kept lies in this folder of the container's.
pub const ROOT: &str = "root";

/// And the layers of its `cow` folders in this one.
pub const LAYERS: &str = "cow";

/// In it, of a container whose root is a folder or an image: what was written over that, and what overlayfs wants beside it.
pub const UPPER: &[u8] = b"/upper";
pub const WORK: &[u8] = b"/work";

/// Where a container's kept folders are: NAME/root.
#[derive(Clone, Debug)]
pub struct Kept {
    pub folder: PathBuf,
}

impl Kept {
    /// Of the container in this folder.
    pub fn of(container: &Path) -> Kept {
        Kept { folder: container.join(ROOT) }
    }

    /// Where the layers of its `cow` folders are: NAME/cow.
    pub fn layers(&self) -> PathBuf {
        self.folder.with_file_name(LAYERS)
    }
}

/// What a start finds there or makes there: by path inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Resolved, as the plan's binds are.
    pub root: Vec<u8>,
    pub folders: Vec<Folder>,
    pub home: Vec<u8>,
    /// What the user binds below a kept folder has to have a place there.
    pub mount_points: Vec<MountPoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub at: Vec<u8>,
    pub mode: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    pub at: Vec<u8>,
    pub folder: bool,
}

/// What --explain, --verbose and inspect say of such a container.
pub fn os_is_hosts_note() -> String {
    "the programs are the host's and read-only, so apt, dnf and the like install nothing in here: a container made \
     with --image has a system of its own"
        .into()
}

/// The folders that are kept, for a container of this base and home.
pub fn folders(base: Base, home: &[u8]) -> Vec<Folder> {
    let all: &[(&str, u32)] = match base {
        Base::Host => &[("/home", 0o755), ("/root", 0o700), ("/srv", 0o755), ("/var", 0o755)],
        Base::None => &[],
    };
    let mut folders: Vec<Folder> = all.iter().map(|(at, mode)| Folder { at: (*at).into(), mode: *mode }).collect();
    if pathname::depth(home) > 0 && !folders.iter().any(|f| pathname::below(home, &f.at).is_some()) {
        folders.push(Folder { at: home.to_vec(), mode: 0o700 });
    }
    folders
}

/// The folders of a layer over a root.
fn layer(mode: RootfsMode) -> Vec<Folder> {
    let all: &[(&[u8], u32)] = if mode == RootfsMode::Overlay { &[(UPPER, 0o755), (WORK, 0o700)] } else { &[] };
    all.iter().map(|(at, mode)| Folder { at: at.to_vec(), mode: *mode }).collect()
}

impl Keep {
    pub fn of(kept: &Kept, spec: &Spec, who: &Identity) -> Keep {
        let root = source::future(&Bytes::from(&kept.folder).0);
        let root = std::fs::canonicalize(as_path(&root)).map_or(root, |real| real.into_os_string().into_vec());
        let (folders, home) = match &spec.rootfs {
            Some(rootfs) => (layer(rootfs.mode), b"/".to_vec()),
            None if spec.image.is_some() => (layer(RootfsMode::Overlay), b"/".to_vec()),
            None => (folders(spec.base, &who.home), who.home.clone()),
        };
        Keep { root, folders, home, mount_points: Vec::new() }
    }

    /// The binds that show them.
    pub(super) fn add(&self, places: &mut Places, read_only: bool) {
        for folder in &self.folders {
            let from = self.on_host(&folder.at);
            let seen = match source::look(&from) {
                Ok(source::Look::Is(real)) if real.path == from => Some(real.id),
                _ => None,
            };
            let source = Source { from, folder: true, seen, read_only, kept: true, ..Source::default() };
            places.push((folder.at.clone(), What::Bind(source)));
        }
    }

    /// Where a path inside lies on the host.
    pub fn on_host(&self, at: &[u8]) -> Vec<u8> {
        pathname::join(&self.root, at.strip_prefix(b"/").unwrap_or(at))
    }

    /// Makes what is missing; `root` itself must exist.
    pub fn make(&self) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || openat(CWD, as_path(&self.root), flags, Mode::empty());
        let root = match open() {
            // Somebody has removed it, to begin anew.
            Err(Errno::NOENT) => mkdirat(CWD, as_path(&self.root), Mode::RWXU).and_then(|()| open()),
            opened => opened,
        };
        self.make_in(&root.map_err(|e| cannot(self.root.clone(), e))?, &mut Vec::new())
    }

    /// The same below a descriptor. `made` tells what is new, by path inside.
    pub fn make_in(&self, root: &OwnedFd, made: &mut Vec<Vec<u8>>) -> Result<()> {
        for folder in &self.folders {
            let new = walk(root, &folder.at, folder.mode, made).map_err(|e| cannot(self.on_host(&folder.at), e))?;
            if new && folder.at == b"/var" {
                contents::fill_var(root, made).map_err(|e| cannot(self.on_host(b"/var"), e))?;
            }
        }
        // The home may be one of them, or lie in one and be another than at the last start (`start --user`).
        if pathname::depth(&self.home) > 0 {
            let home = |e| cannot(self.on_host(&self.home), e);
            if walk(root, &self.home, 0o700, made).map_err(home)? || made.contains(&self.home) {
                contents::copy_skeleton(root, &self.home, made).map_err(home)?;
            }
        }
        for MountPoint { at, folder } in &self.mount_points {
            contents::make_mount_point(root, at, *folder, made).map_err(|e| planted(at, e))?;
        }
        Ok(())
    }

    /// Makes durable what was made.
    pub fn sync(&self, root: &OwnedFd, made: &[Vec<u8>]) -> Result<()> {
        for at in made.iter().rev() {
            let synced = open_beneath(root, at, OFlags::RDONLY | OFlags::NONBLOCK).and_then(fsync);
            match synced {
                // A link has nothing but its name, which its folder keeps.
                Ok(()) | Err(Errno::LOOP) => {}
                Err(e) => return Err(cannot(self.on_host(at), e)),
            }
        }
        Ok(())
    }
}

fn cannot(path: Vec<u8>, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Front, format!("cannot make '{}'", Bytes(path))).errno(e);
    match e {
        Errno::NOSPC | Errno::DQUOT => fail.hint("make room on its disk, or name another: kakuri config path"),
        Errno::LOOP | Errno::NOTDIR => fail
            .why("something else was put in the place of a folder")
            .hint("remove it, and the container makes the folder again"),
        Errno::ROFS => fail.hint("its disk is read-only: remount it, or name another: kakuri config path"),
        _ => fail,
    }
}

/// A mount point that cannot be made in what the container has written.
fn planted(at: &[u8], e: Errno) -> Fail {
    let shown = Bytes(at.to_vec());
    let fail = Fail::new(Stage::Front, format!("cannot make a place to mount at '{shown}'")).errno(e);
    match e {
        Errno::LOOP => fail
            .why("the container has put a symbolic link on the way")
            .hint("remove the link, or name the place it leads to"),
        Errno::NOTDIR => fail.why("something on the way is not a folder").hint("choose another destination"),
        Errno::NOSPC | Errno::DQUOT => fail.hint("make room on the container's disk"),
        Errno::ACCESS => {
            fail.hint("the container has closed a folder on the way: kakuri exec NAME chmod u+rwx FOLDER opens it")
        }
        _ => fail,
    }
}
