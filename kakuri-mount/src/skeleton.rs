//! The staging tmpfs: one file system for everything that is the container's own. Runs with CAP_SYS_ADMIN over
//! the container.
//!
//! It has to be attached in the new mount namespace, because overlayfs takes no lower folder, and open_tree(2)
//! before Linux 6.15 no source, that is not. Not over "/": whoever's root is covered looks chrooted to the kernel,
//! and PID 1 could make no user namespace any more. Not over a folder that binds come from. So it goes where the
//! kernel itself keeps an empty folder for somebody's mount, which is there on every host and asks for nothing.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::OrFail;
use kakuri_wire::sys::{MOUNT_ATTR_NOEXEC, MOUNT_ATTR_RDONLY, MountAttr, mount_setattr};
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, fstat, mkdirat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use crate::attach::{Tree, is_below};
use crate::{Entry, Node};

/// Where the staging tmpfs is attached: the first that exists. The last is for a /proc of processes only.
const PLACES: [&str; 3] = ["/proc/fs/nfsd", "/proc/fs", "/sys/fs"];

/// In it, the root to be.
const ROOT: &str = "root";

pub struct Staging {
    tmpfs: OwnedFd,
    device: u64,
    place: &'static str,
    /// Folders made so far; their names are counted.
    made: u32,
    empty_folder: bool,
    empty_file: bool,
}

impl Staging {
    /// The tmpfs, attached.
    pub fn new(size: Option<u64>) -> Result<Staging> {
        let what = || "cannot make the container's own file system".to_string();
        let tmpfs = tmpfs(size, None, MountAttrFlags::empty()).map_err(|e| unavailable(what(), e))?;
        let attach = |place| move_mount(&tmpfs, c"", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
        let mut places = PLACES.into_iter();
        let place = loop {
            let Some(place) = places.next() else {
                return Err(Fail::new(Stage::Mount, what())
                    .why("there is neither /proc/fs nor /sys/fs to attach it to")
                    .hint("kakuri wants a /proc that is mounted whole"));
            };
            match attach(place) {
                Ok(()) => break place,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(unavailable(what(), e)),
            }
        };
        let device = fstat(&tmpfs).fail(Stage::Mount, what)?.st_dev;
        Ok(Staging { tmpfs, device, place, made: 0, empty_folder: false, empty_file: false })
    }

    /// Runs `copy`, which copies the mounts at and below the host's folder `from`, so that the staging tmpfs is
    /// not among them: a copy leaves out what is unbindable, with everything below it.
    pub fn unseen<T>(&self, from: &Bytes, copy: impl FnOnce() -> Result<T>) -> Result<T> {
        if !is_below(self.place.as_bytes(), from.as_bytes()) {
            return copy();
        }
        let turn = |propagation: MountPropagationFlags| {
            let attr = MountAttr { propagation: propagation.bits().into(), ..Default::default() };
            mount_setattr(self.tmpfs.as_fd(), false, &attr)
                .fail(Stage::Mount, || format!("cannot copy the mounts below '{from}'"))
        };
        turn(MountPropagationFlags::UNBINDABLE)?;
        let copied = copy()?;
        turn(MountPropagationFlags::PRIVATE)?;
        Ok(copied)
    }

    /// Whether a path of the host leads into the staging tmpfs, which is none of the host's.
    pub fn covers(&self, from: &Bytes) -> bool {
        is_below(from.as_bytes(), self.place.as_bytes())
    }

    /// The root to be, empty.
    pub fn root(&self) -> Result<Tree> {
        let what = || "cannot make the container's root".to_string();
        mkdirat(&self.tmpfs, ROOT, Mode::from_raw_mode(0o755)).fail(Stage::Mount, what)?;
        let root = self.clone_of(ROOT).fail(Stage::Mount, what)?;
        self.attach_root(root)
    }

    /// The root to be, a detached mount of something else.
    pub fn root_of(&self, mount: OwnedFd) -> Result<Tree> {
        let what = || "cannot make the container's root".to_string();
        mkdirat(&self.tmpfs, ROOT, Mode::from_raw_mode(0o755)).fail(Stage::Mount, what)?;
        self.attach_root(mount)
    }

    /// pivot_root(2) takes nothing but a mount that is attached.
    fn attach_root(&self, mount: OwnedFd) -> Result<Tree> {
        move_mount(&mount, c"", &self.tmpfs, ROOT, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .fail(Stage::Mount, || "cannot make the container's root".into())?;
        Ok(Tree::new(mount, self.device))
    }

    /// The two folders a writable overlay wants, in memory. `mode`: of what it shows.
    pub fn layer(&mut self, mode: u32) -> Result<(OwnedFd, OwnedFd), Errno> {
        Ok((self.plain("upper", mode)?, self.plain("work", 0o700)?))
    }

    /// A new folder, for an overlay.
    pub fn plain(&mut self, kind: &str, mode: u32) -> Result<OwnedFd, Errno> {
        let name = self.named(kind, mode)?;
        openat(&self.tmpfs, &name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// A new folder by its name, for a mount of a moment.
    pub fn named(&mut self, kind: &str, mode: u32) -> Result<String, Errno> {
        let name = self.next(kind);
        self.folder(&name, mode)?;
        Ok(name)
    }

    /// Gives a detached mount a place, which nobody sees.
    pub fn hold(&mut self, mount: BorrowedFd) -> Result<(), Errno> {
        let name = self.named("held", 0o700)?;
        move_mount(mount, c"", &self.tmpfs, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
    }

    /// Where such a folder is.
    pub fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// A new writable folder, as a detached mount.
    pub fn private(&mut self, mode: u32) -> Result<OwnedFd> {
        let name = self.next("private");
        self.folder(&name, mode)
            .and_then(|()| self.clone_of(&name))
            .fail(Stage::Mount, || "cannot make a private folder".into())
    }

    /// A new writable file, as a detached mount.
    pub fn private_file(&mut self, mode: u32, text: &[u8]) -> Result<OwnedFd> {
        let name = self.next("file");
        let make = || {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = openat(&self.tmpfs, &name, flags, Mode::from_raw_mode(mode))?;
            let written = std::fs::File::from(file).write_all(text);
            written.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
            self.clone_of(&name)
        };
        make().fail(Stage::Mount, || "cannot make a private file".into())
    }

    /// A new folder with these entries. It is written through the staging mount; what shows it is a
    /// read-only mount or an overlay.
    pub fn skeleton(&mut self, entries: &[Entry]) -> Result<OwnedFd> {
        let name = self.next("skeleton");
        let what = || "cannot make a folder for the container".to_string();
        self.folder(&name, 0o755).fail(Stage::Mount, what)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&self.tmpfs, &name, flags, Mode::empty()).fail(Stage::Mount, what)?;
        let mut tree = Tree::new(folder, self.device);
        for Entry { at, node } in entries {
            match node {
                Node::Folder => tree.folder(at, 0o755)?,
                Node::File(text) => tree.file(at, 0o644, text.as_bytes())?,
                Node::Symlink(to) => tree.symlink(at, to)?,
            }
        }
        Ok(tree.into_fd())
    }

    /// A read-only detached mount of a folder made by [`Staging::skeleton`].
    pub fn read_only(&self, folder: BorrowedFd) -> Result<OwnedFd> {
        let what = || "cannot make a read-only folder for the container".to_string();
        let mount = open_tree(folder, c"", CLONE | OpenTreeFlags::AT_EMPTY_PATH).fail(Stage::Mount, what)?;
        let attr = MountAttr { set: MOUNT_ATTR_RDONLY, ..Default::default() };
        mount_setattr(mount.as_fd(), false, &attr).fail(Stage::Mount, what)?;
        Ok(mount)
    }

    /// An empty folder or file, as a detached mount nobody can write.
    pub fn empty(&mut self, folder: bool) -> Result<OwnedFd> {
        let name = if folder { "empty-folder" } else { "empty-file" };
        let made = if folder { &mut self.empty_folder } else { &mut self.empty_file };
        let what = || "cannot make an empty cover".to_string();
        if !std::mem::replace(made, true) {
            if folder {
                mkdirat(&self.tmpfs, name, Mode::from_raw_mode(0o555)).fail(Stage::Mount, what)?;
            } else {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDONLY | OFlags::CLOEXEC;
                openat(&self.tmpfs, name, flags, Mode::from_raw_mode(0o444)).fail(Stage::Mount, what)?;
            }
        }
        let mount = self.clone_of(name).fail(Stage::Mount, what)?;
        let attr = MountAttr { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, ..Default::default() };
        mount_setattr(mount.as_fd(), false, &attr).fail(Stage::Mount, what)?;
        Ok(mount)
    }

    fn next(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    fn folder(&self, name: &str, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        mkdirat(&self.tmpfs, name, mode)?;
        // mkdir(2) takes no set-id bits.
        if mode.intersects(Mode::SUID | Mode::SGID) {
            chmodat(&self.tmpfs, name, mode, AtFlags::empty())?;
        }
        Ok(())
    }

    /// nosuid and nodev come with the mount it is a clone of.
    pub fn clone_of(&self, name: &str) -> Result<OwnedFd, Errno> {
        open_tree(&self.tmpfs, name, CLONE)
    }
}

const CLONE: OpenTreeFlags = OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC);

/// A new tmpfs, detached, nosuid and nodev.
pub fn tmpfs(size: Option<u64>, mode: Option<u32>, more: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(size) = size {
        fsconfig_set_string(&fs, "size", size.to_string())?;
    }
    if let Some(mode) = mode {
        fsconfig_set_string(&fs, "mode", format!("{mode:o}"))?;
    }
    fsconfig_create(&fs)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | more;
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn unavailable(what: String, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, what).errno(e);
    match e {
        Errno::PERM | Errno::ACCESS => fail
            .why("this system does not let an ordinary user mount, not even in namespaces of his own")
            .hint("kakuri doctor says which setting or security module forbids it"),
        Errno::NOSYS => fail.why("the kernel is too old").hint("Linux 5.12 is the oldest that works"),
        _ => fail,
    }
}
