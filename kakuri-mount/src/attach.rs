//! Making and finding places in a tree of ours, and putting mounts there. Runs with CAP_SYS_ADMIN over the
//! container, whose root this is; the host's files are only seen through binds and never written.
//!
//! Every name is resolved below the tree's own descriptor with openat2(2), and a symbolic link anywhere is an
//! error: a bound folder may be written by others while we build, and a link in it must not carry a mount
//! elsewhere. Mounts are placed by descriptor, on what was opened and looked at.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, mkdirat, openat, openat2, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

/// Below the descriptor, without any symbolic link, magic ones of /proc included.
const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

/// For missing parents.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);

/// A tree that things are made in: the new root, or a skeleton.
pub struct Tree {
    fd: OwnedFd,
    /// Devices of the file systems that are the container's own; only there anything is made.
    ours: Vec<u64>,
    /// The folder the last name was in: a thousand binds into one folder open it once.
    parent: Option<Parent>,
}

struct Parent {
    path: Vec<u8>,
    fd: OwnedFd,
    ours: bool,
}

impl Tree {
    pub fn new(fd: OwnedFd, device: u64) -> Tree {
        Tree { fd, ours: vec![device], parent: None }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Things may be made on this file system too: a tmpfs of the plan.
    pub fn own(&mut self, device: u64) {
        self.ours.push(device);
    }

    /// Opens what is at `at`, whatever it is.
    fn open(&self, at: &[u8]) -> Result<OwnedFd, Errno> {
        openat2(&self.fd, at, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), INSIDE)
    }

    /// What is at this place now.
    pub fn existing(&self, at: &Bytes) -> Result<OwnedFd> {
        self.open(at.as_bytes()).map_err(|e| lost(at.as_bytes(), e))
    }

    /// The folder that `at` is in and its last component. Missing parents are made where `make` says so.
    fn parent<'a>(&mut self, at: &'a [u8], make: bool) -> Result<(&Parent, &'a [u8])> {
        let (path, name) = split(at);
        if self.parent.as_ref().is_none_or(|p| p.path != path) {
            let folder = if path.is_empty() { b"/" } else { path };
            let fd = match self.open(folder) {
                Err(Errno::NOENT) if make => self.make_folders(folder)?,
                opened => opened.map_err(|e| lost(folder, e))?,
            };
            let ours = self.is_ours(&fd, folder)?;
            self.parent = Some(Parent { path: path.to_vec(), fd, ours });
        }
        match &self.parent {
            Some(parent) => Ok((parent, name)),
            None => Err(lost(path, Errno::NOENT)),
        }
    }

    /// Every missing folder of `path`, from the top down, by descriptor.
    fn make_folders(&self, path: &[u8]) -> Result<OwnedFd> {
        let mut here = self.open(b"/").map_err(|e| lost(path, e))?;
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            let step = || openat2(&here, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), INSIDE);
            here = match step() {
                Err(Errno::NOENT) => {
                    if !self.is_ours(&here, path)? {
                        return Err(not_ours(path));
                    }
                    mkdirat(&here, name, FOLDER_MODE).map_err(|e| unmade(path, e))?;
                    step()
                }
                opened => opened,
            }
            .map_err(|e| lost(path, e))?;
        }
        Ok(here)
    }

    fn is_ours(&self, fd: &OwnedFd, at: &[u8]) -> Result<bool> {
        let device = fstat(fd).map_err(|e| lost(at, e))?.st_dev;
        Ok(self.ours.contains(&device))
    }

    /// Puts a detached mount at `at`: on a folder or on a file, as the mount is one, and made where it is
    /// missing and `make` says so.
    pub fn place(&mut self, mount: impl AsFd, at: &Bytes, folder: bool, make: bool) -> Result<()> {
        let at = at.as_bytes();
        if !(make && self.place_on_new(mount.as_fd(), at, folder)?) {
            let target = self.target(at, folder, make)?;
            let by_fd = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            move_mount(mount, c"", target, c"", by_fd).map_err(|e| unplaced(at, e))?;
        }
        // A folder that was opened before now lies under the mount.
        self.parent.take_if(|p| is_below(&p.path, at));
        Ok(())
    }

    /// Makes the mount point and mounts on it. False, and nothing done, where something exists already or
    /// nothing may be made. Tried first, because most mount points are missing.
    fn place_on_new(&mut self, mount: BorrowedFd, at: &[u8], folder: bool) -> Result<bool> {
        let (parent, name) = self.parent(at, true)?;
        if !parent.ours {
            return Ok(false);
        }
        let made = if folder {
            mkdirat(&parent.fd, name, FOLDER_MODE)
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDONLY | OFlags::CLOEXEC;
            openat(&parent.fd, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        };
        match made {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(e) => return Err(unmade(at, e)),
        }
        // By name, which is safe here alone: it is new, of the kind it must be, and on a file system that nobody
        // but us writes yet. move_mount(2) follows no link in the last component.
        move_mount(mount, c"", &parent.fd, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(|e| unplaced(at, e))?;
        Ok(true)
    }

    /// What exists at `at`, looked at.
    fn target(&self, at: &[u8], folder: bool, make: bool) -> Result<OwnedFd> {
        let target = match self.open(at) {
            Err(Errno::NOENT) if make => return Err(not_ours(at)),
            opened => opened.map_err(|e| lost(at, e))?,
        };
        match (folder, is_folder(&target).map_err(|e| lost(at, e))?) {
            (true, false) => Err(wrong_kind(at, "it is not a folder there, and a folder is to be mounted on it")),
            (false, true) => Err(wrong_kind(at, "it is a folder there, and a file is to be mounted on it")),
            _ => Ok(target),
        }
    }

    pub fn folder(&mut self, at: &Bytes, mode: u32) -> Result<()> {
        let at = at.as_bytes();
        let mode = Mode::from_raw_mode(mode);
        let (parent, name) = self.parent_of_ours(at)?;
        match mkdirat(&parent.fd, name, mode) {
            // mkdir(2) takes no set-id bits.
            Ok(()) if !mode.intersects(Mode::SUID | Mode::SGID) => return Ok(()),
            // It came into being as the parent of something.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(unmade(at, e)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat2(&self.fd, at, flags, Mode::empty(), INSIDE).map_err(|e| lost(at, e))?;
        if !self.is_ours(&folder, at)? {
            return Err(not_ours(at));
        }
        fchmod(&folder, mode).map_err(|e| unmade(at, e))
    }

    pub fn file(&mut self, at: &Bytes, mode: u32, text: &[u8]) -> Result<()> {
        let at = at.as_bytes();
        let (parent, name) = self.parent_of_ours(at)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&parent.fd, name, flags, Mode::from_raw_mode(mode)).map_err(|e| unmade(at, e))?;
        if text.is_empty() {
            return Ok(());
        }
        std::fs::File::from(file)
            .write_all(text)
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
            .map_err(|e| unmade(at, e))
    }

    pub fn symlink(&mut self, at: &Bytes, to: &Bytes) -> Result<()> {
        let at = at.as_bytes();
        let (parent, name) = self.parent_of_ours(at)?;
        symlinkat(to.as_bytes(), &parent.fd, name).map_err(|e| unmade(at, e))
    }

    fn parent_of_ours<'a>(&mut self, at: &'a [u8]) -> Result<(&Parent, &'a [u8])> {
        let (parent, name) = self.parent(at, true)?;
        if parent.ours { Ok((parent, name)) } else { Err(not_ours(at)) }
    }
}

pub fn is_folder(fd: impl AsFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Directory)
}

/// `/a/b` is `/a` and `b`; `b` is the empty path and `b`.
fn split(at: &[u8]) -> (&[u8], &[u8]) {
    match at.iter().rposition(|&b| b == b'/') {
        Some(slash) => (&at[..slash], &at[slash + 1..]),
        None => (&[], at),
    }
}

/// Whether `path` is `at` or lies below it.
pub fn is_below(path: &[u8], at: &[u8]) -> bool {
    if at == b"/" {
        return path.first() == Some(&b'/');
    }
    path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

fn show(at: &[u8]) -> Bytes {
    Bytes(at.to_vec())
}

/// A place that cannot be opened.
fn lost(at: &[u8], e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, format!("cannot mount at '{}'", show(at))).errno(e);
    match e {
        Errno::LOOP => fail
            .why("a symbolic link is on the way, and following it could lead anywhere")
            .hint("name the folder the link leads to"),
        Errno::NOENT => fail
            .why("it does not exist in the container")
            .hint("mount it at a place that exists, or below one of the container's own folders such as /tmp"),
        Errno::NOTDIR => fail.why("something on the way is not a folder").hint("choose another destination"),
        Errno::ACCESS => fail.hint("choose another destination, or one whose folders you may enter on the host"),
        _ => fail,
    }
}

/// A mount point that cannot be made.
fn unmade(at: &[u8], e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, format!("cannot make '{}'", show(at))).errno(e);
    match e {
        Errno::ROFS => fail.why("it lies in a read-only folder"),
        Errno::NOSPC | Errno::DQUOT => fail
            .why("the container's own file system is full")
            .hint("bind large files instead of copying them in, or give it more room"),
        Errno::EXIST => fail.why("it exists already"),
        // An overlay copies a folder to its upper layer before anything is made in it.
        Errno::OVERFLOW | Errno::ACCESS | Errno::PERM => fail
            .why("it would have to be made in a folder that belongs to another user, or that you may not write")
            .hint("choose a destination that exists; of a tree that root made, use a copy of your own: cp -r"),
        _ => fail,
    }
}

fn not_ours(at: &[u8]) -> Fail {
    Fail::new(Stage::Mount, format!("cannot make '{}'", show(at)))
        .why("it does not exist, and it would have to be made in a folder of the host")
        .hint("make it on the host first (mkdir), or choose a destination that exists")
}

fn wrong_kind(at: &[u8], why: &str) -> Fail {
    Fail::new(Stage::Mount, format!("cannot mount at '{}'", show(at)))
        .why(why)
        .hint("bind a file on a file and a folder on a folder")
}

fn unplaced(at: &[u8], e: Errno) -> Fail {
    let fail = Fail::new(Stage::Mount, format!("cannot mount at '{}'", show(at))).errno(e);
    match e {
        Errno::NOSPC => fail
            .why("the system's limit of mounts in one namespace is reached")
            .hint("bind a folder instead of its files one by one, or raise sysctl fs.mount-max"),
        Errno::PERM | Errno::ACCESS => {
            fail.hint("a security module forbids mounting here: see the kernel's log, and kakuri doctor")
        }
        _ => fail,
    }
}
