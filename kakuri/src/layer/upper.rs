//! A tree of files, looked at below its own descriptor: a layer's, which a container has written and may be writing, or
//! an original. No link is followed, no mount is crossed, and nothing but regular files and folders is ever opened.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, StatxFlags, XattrFlags, chmodat, getxattr, listxattr,
    openat, openat2, readlinkat, setxattr, statx,
};
use rustix::io::Errno;

use super::Stamp;
use crate::layout::Root;

const HERE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FOLDER: OFlags = LOOK.union(OFlags::DIRECTORY);
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Everything but set-id bits: nothing heeds them in a container, and outside a program would run as the caller.
pub const PERMISSIONS: u32 = 0o1777;
/// With this attribute a folder of an upper layer hides all of the lower one, by its value `y`.
const OPAQUE: &str = "user.overlay.opaque";
/// With this one overlayfs notes that something is a copy; in a user namespace not of what.
const ORIGIN: &str = "user.overlay.origin";
/// What overlayfs keeps for itself.
const OVERLAYS: &[u8] = b"user.overlay.";
/// As large as an attribute may be.
const LARGEST: usize = 64 << 10;

/// Extended attributes, by name.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

pub struct Tree {
    top: Top,
}

enum Top {
    Folder(OwnedFd),
    /// The layers of an image.
    Layers(Box<Root>),
}

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    File,
    Folder,
    Link,
    Fifo,
    Socket,
    Device,
    /// What overlayfs puts where something of the lower layer was removed.
    Whiteout,
}

impl Form {
    pub fn word(self) -> &'static str {
        match self {
            Form::File => "file",
            Form::Folder => "folder",
            Form::Link => "link",
            Form::Fifo => "pipe",
            Form::Socket => "socket",
            Form::Device | Form::Whiteout => "device",
        }
    }
}

/// What is told of a thing without opening it.
#[derive(Clone, Debug)]
pub struct Node {
    pub form: Form,
    /// With set-id bits.
    pub mode: u32,
    pub uid: u32,
    pub size: u64,
    pub modified: Stamp,
    /// When anything of it was changed last; the kernel alone sets it.
    pub changed: Stamp,
    /// When it was made, where the file system knows.
    pub made: Option<Stamp>,
    /// Device and inode.
    pub id: (u64, u64),
    /// Names it has.
    pub names: u32,
}

impl Node {
    pub fn is(&self, form: Form) -> bool {
        self.form == form
    }

    pub fn permissions(&self) -> u32 {
        self.mode & PERMISSIONS
    }

    pub fn of(fd: impl AsFd) -> Result<Node, Errno> {
        let all = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let stat = statx(fd, c"", AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW, all)?;
        let form = match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => Form::File,
            FileType::Directory => Form::Folder,
            FileType::Symlink => Form::Link,
            FileType::Fifo => Form::Fifo,
            FileType::Socket => Form::Socket,
            FileType::CharacterDevice if (stat.stx_rdev_major, stat.stx_rdev_minor) == (0, 0) => Form::Whiteout,
            _ => Form::Device,
        };
        let known = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
        Ok(Node {
            form,
            mode: u32::from(stat.stx_mode) & 0o7777,
            uid: stat.stx_uid,
            size: stat.stx_size,
            modified: stat.stx_mtime.into(),
            changed: stat.stx_ctime.into(),
            made: known.then(|| stat.stx_btime.into()),
            id: (u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), stat.stx_ino),
            names: stat.stx_nlink,
        })
    }
}

impl Tree {
    /// One of kakuri's own, by a path that may lead over links: the home of many a user is one.
    pub fn open_own(path: &Path) -> Result<Tree, Errno> {
        openat(CWD, path, FOLDER, Mode::empty()).map(Tree::of)
    }

    /// An original, by its resolved path.
    pub fn open(path: &Path) -> Result<Tree, Errno> {
        openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS).map(Tree::of)
    }

    pub fn of(top: OwnedFd) -> Tree {
        Tree { top: Top::Folder(top) }
    }

    /// An original that is many folders in one. It can be looked at only.
    pub fn of_layers(root: Root) -> Tree {
        Tree { top: Top::Layers(Box::new(root)) }
    }

    /// Whatever is at a path below; the empty one is the top.
    pub fn at(&self, rest: &[u8]) -> Result<OwnedFd, Errno> {
        self.open_how(rest, LOOK)
    }

    pub fn folder(&self, rest: &[u8]) -> Result<OwnedFd, Errno> {
        self.open_how(rest, FOLDER)
    }

    /// A folder, to read its names or to sync its file system.
    pub fn list(&self, rest: &[u8]) -> Result<OwnedFd, Errno> {
        openat(self.folder(rest)?, c".", LIST, Mode::empty())
    }

    fn open_how(&self, rest: &[u8], how: OFlags) -> Result<OwnedFd, Errno> {
        let top = match &self.top {
            Top::Folder(top) => top,
            Top::Layers(root) => {
                let place = root.open_at(rest)?;
                return match how.contains(OFlags::DIRECTORY) {
                    true => openat(place, c".", how, Mode::empty()),
                    false => Ok(place),
                };
            }
        };
        let rest = if rest.is_empty() { b"." } else { rest };
        // Given up by the kernel where somebody renames folders meanwhile.
        for _ in 0..100 {
            match openat2(top, rest, how, Mode::empty(), HERE) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The thing there; None where there is none.
    pub fn node(&self, rest: &[u8]) -> Result<Option<Node>, Errno> {
        match self.at(rest).and_then(Node::of) {
            Ok(node) => Ok(Some(node)),
            // Something else may be where a folder on the way was.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The names in a folder, in their order.
    pub fn names(&self, rest: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        if let Top::Layers(root) = &self.top {
            return root.names(rest);
        }
        let list = self.list(rest)?;
        let mut names = Vec::new();
        for entry in Dir::new(list)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub fn target(&self, rest: &[u8]) -> Result<Vec<u8>, Errno> {
        readlinkat(self.at(rest)?, c"", Vec::new()).map(|to| to.into_bytes())
    }

    pub fn is_opaque(&self, rest: &[u8]) -> bool {
        let mut value = [0_u8; 4];
        let Ok(place) = self.folder(rest) else { return false };
        getxattr(link_of(&place), OPAQUE, &mut value[..]).is_ok_and(|length| value.get(..length) == Some(b"y"))
    }

    /// Whether it is a copy of something, changed or not.
    pub fn has_origin(&self, rest: &[u8]) -> bool {
        self.at(rest).is_ok_and(|place| getxattr(link_of(&place), ORIGIN, &mut [0_u8; 256][..]).is_ok())
    }

    pub fn make_opaque(&self, rest: &[u8]) -> Result<(), Errno> {
        setxattr(link_of(&self.folder(rest)?), OPAQUE, b"y", XattrFlags::empty())
    }

    pub fn make_transparent(&self, rest: &[u8]) -> Result<(), Errno> {
        rustix::fs::removexattr(link_of(&self.folder(rest)?), OPAQUE)
    }

    /// A regular file, for reading.
    pub fn read(&self, rest: &[u8]) -> Result<File, Errno> {
        read(&self.at(rest)?)
    }

    /// What has been set on it beside its mode: of the user's attributes and the access lists, sorted by name.
    pub fn attributes(&self, rest: &[u8]) -> Result<Attributes, Errno> {
        attributes(&self.at(rest)?)
    }
}

/// Opens in earnest what has been seen to be a regular file. One that is the caller's own and that he has closed to
/// himself is opened all the same, as root in a container would.
pub fn read(place: &OwnedFd) -> Result<File, Errno> {
    let node = Node::of(place)?;
    if !node.is(Form::File) {
        return Err(Errno::INVAL);
    }
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let path = link_of(place);
    let open = || openat(CWD, &path, flags, Mode::empty()).map(File::from);
    match open() {
        Err(Errno::ACCESS) if node.uid == rustix::process::geteuid().as_raw() => {
            let mode = |mode| chmodat(CWD, &path, Mode::from_raw_mode(mode), AtFlags::empty());
            mode(node.mode | 0o400)?;
            let opened = open();
            mode(node.mode)?;
            opened
        }
        done => done,
    }
}

pub fn attributes(place: &OwnedFd) -> Result<Attributes, Errno> {
    let path = link_of(place);
    let mut names = vec![0_u8; LARGEST];
    let length = match listxattr(&path, &mut names[..]) {
        Ok(length) => length,
        // Of what has none by its nature, or is a link.
        Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let wanted = |name: &&[u8]| {
        name.starts_with(b"user.") && !name.starts_with(OVERLAYS) || name.starts_with(b"system.posix_acl_")
    };
    let mut all = Vec::new();
    for name in names[..length].split(|&b| b == 0).filter(|name| !name.is_empty()).filter(wanted) {
        let mut value = vec![0_u8; LARGEST];
        match getxattr(&path, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                all.push((name.to_vec(), value));
            }
            Err(Errno::NODATA) => {}
            Err(Errno::OPNOTSUPP | Errno::ACCESS) => {}
            Err(e) => return Err(e),
        }
    }
    all.sort();
    Ok(all)
}

/// The magic link of one of our descriptors, because one that is for paths alone has neither attributes nor permissions.
pub fn link_of(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}
