//! A folder of the host that is the container's root, or the layers of an image that are, while it is being decided: what
//! stands at a path of it.
//!
//! What lies in it may be hostile: links to anywhere, pipes, files without end. Nothing is opened but below its own
//! descriptor, and no link is followed by the kernel. Where the container has kept what it wrote there, that layer is
//! looked at first, as overlayfs would show all of them.

mod merge;

use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};

use kakuri_mount::{Entry, Layer, Lower, RootKind};
use kakuri_wire::Bytes;
use rustix::fs::{Access, CWD, FileType, Mode, OFlags, ResolveFlags, access, fstat, getxattr, openat2, readlinkat};
use rustix::io::Errno;

use crate::host::Host;
use crate::identity::Identity;
use crate::idmap::Ids;
use crate::pathname;
use crate::spec::RootfsMode;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// With this attribute a folder of the upper layer hides all of the lower one (overlayfs's `userxattr`).
const OPAQUE: &str = "user.overlay.opaque";
/// What is read of it here is a list of accounts.
const LARGEST: u64 = 1 << 20;

#[derive(Debug)]
pub struct Root {
    pub typed: Option<Vec<u8>>,
    pub mode: RootfsMode,
    /// Where a container with a name keeps what it writes.
    pub layer: Option<Layer>,
    /// The highest first: what was written, where that is kept, then the folder or the layers of an image.
    stack: Vec<Folder>,
    /// The first of them is what was written.
    written: bool,
}

#[derive(Debug)]
struct Folder {
    path: Vec<u8>,
    fd: OwnedFd,
    /// Device and inode.
    id: (u64, u64),
}

/// What stands somewhere.
#[derive(Debug, PartialEq, Eq)]
pub enum Stands {
    /// `show`: in how many folders of the root, from the highest on, what lies in it is looked for.
    Folder {
        show: usize,
    },
    File,
    Link(Vec<u8>),
    Nothing,
    /// It may not be looked at.
    Closed,
}

impl Root {
    /// Opens a folder by its resolved path, and the layer, which need not exist yet.
    pub fn open(path: &[u8], mode: RootfsMode, layer: Option<Layer>) -> Result<Root, Errno> {
        Root::open_stack(&[path], mode, layer)
    }

    /// The same of folders that lie upon each other, the highest first.
    pub fn open_stack(paths: &[impl AsRef<[u8]>], mode: RootfsMode, layer: Option<Layer>) -> Result<Root, Errno> {
        let upper = layer.as_ref().and_then(|layer| Folder::open(layer.upper.as_bytes()).ok());
        let written = upper.is_some();
        let lowers = paths.iter().map(|path| Folder::open(path.as_ref()));
        let stack: Vec<Folder> = upper.into_iter().map(Ok).chain(lowers).collect::<Result<_, _>>()?;
        match stack.len() > usize::from(written) {
            true => Ok(Root { typed: None, mode, layer, stack, written }),
            false => Err(Errno::INVAL),
        }
    }

    /// The folders themselves, without what was written over them.
    fn lowers(&self) -> &[Folder] {
        &self.stack[usize::from(self.written)..]
    }

    /// The highest of them.
    fn folder(&self) -> &Folder {
        &self.stack[usize::from(self.written)]
    }

    /// Its path on the host.
    pub fn path(&self) -> &[u8] {
        &self.folder().path
    }

    /// Its device and inode.
    pub fn id(&self) -> (u64, u64) {
        self.folder().id
    }

    /// How many folders show what lies at the top.
    pub fn height(&self) -> usize {
        self.stack.len()
    }

    /// Where the root itself is on the host, as far as its own files go.
    pub fn top(&self) -> &[u8] {
        &self.stack[0].path
    }

    /// What stands at a path inside, of which every folder on the way is known to be none but a folder, and where that
    /// is on the host. `show`: how many folders of the root are looked into, as the folder it lies in has said. As
    /// overlayfs has it: what is not in one is looked for in the next, a folder is joined with those of its name below
    /// it, down to where something else is, or to one that is opaque.
    pub fn look(&self, at: &[u8], show: usize) -> (Stands, Vec<u8>) {
        let mut found: Option<Vec<u8>> = None;
        let all = self.stack.get(..show).unwrap_or(&self.stack);
        for (depth, layer) in all.iter().enumerate() {
            let stands = match layer.look(at) {
                Stands::Nothing => continue,
                // A whiteout is a device without a number, which looks like a file otherwise.
                Stands::File if layer.is_whiteout(at) => Stands::Nothing,
                stands => stands,
            };
            match (stands, found.take()) {
                (Stands::Folder { .. }, above) => {
                    let host = above.unwrap_or_else(|| layer.host(at));
                    // The last has nothing below it that could be hidden.
                    if depth + 1 < all.len() && layer.is_opaque(at) {
                        return (Stands::Folder { show: depth + 1 }, host);
                    }
                    found = Some(host);
                }
                (_, Some(host)) => return (Stands::Folder { show: depth }, host),
                (other, None) => return (other, layer.host(at)),
            }
        }
        match found {
            Some(host) => (Stands::Folder { show: all.len() }, host),
            None => (Stands::Nothing, self.folder().host(at)),
        }
    }

    /// Whether the command may stand in a folder that [`Root::look`] has found at this place of the host. Of his own
    /// folders the caller is root inside.
    pub fn may_enter(&self, host: &[u8], caller: &Host, who: &Identity, ids: &Ids) -> bool {
        let Ok(place) = self.place(host).ok_or(Errno::NOENT).and_then(|(folder, rest)| folder.open_at(rest)) else {
            return false;
        };
        let Ok(stat) = fstat(&place) else { return false };
        if ids.range.is_some() {
            let own = ids.own(stat.st_uid, stat.st_gid, caller);
            return (who.uid == 0 && own) || ids.may_enter(who, &stat);
        }
        stat.st_uid == caller.uid || access(by_descriptor(&place), Access::EXEC_OK).is_ok()
    }

    /// Whether something can be made in such a folder, once it is the root's.
    pub fn takes_new(&self, host: &[u8], caller: &Host, ids: &Ids) -> bool {
        let Some((folder, rest)) = self.place(host) else { return false };
        let Ok(place) = folder.open_at(rest) else { return false };
        match self.mode {
            // A skeleton brings it.
            RootfsMode::ReadOnly => true,
            // The root's own folder is the layer's; another one is copied up first, with its owner.
            RootfsMode::Overlay => {
                rest.is_empty() || fstat(&place).is_ok_and(|stat| ids.own(stat.st_uid, stat.st_gid, caller))
            }
            RootfsMode::ReadWrite => access(by_descriptor(&place), Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        }
    }

    /// Whether the folder itself is another user's.
    pub fn is_foreign(&self, caller: &Host, ids: &Ids) -> bool {
        fstat(&self.folder().fd)
            .is_ok_and(|stat| stat.st_uid != caller.uid && !ids.own(stat.st_uid, stat.st_gid, caller))
    }

    /// The layer that a place of the host lies in, and where.
    fn place<'a>(&self, host: &'a [u8]) -> Option<(&Folder, &'a [u8])> {
        self.stack.iter().find_map(|folder| Some((folder, pathname::below(host, &folder.path)?)))
    }

    /// The contents of a file that [`Root::look`] has found at this place of the host; None where that is not a regular
    /// file of a sane size.
    pub fn read(&self, host: &[u8]) -> Option<Vec<u8>> {
        let (folder, rest) = self.place(host).filter(|(_, rest)| !rest.is_empty())?;
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat2(&folder.fd, rest, flags, Mode::empty(), BENEATH).ok()?;
        if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
            return None;
        }
        let mut text = Vec::new();
        std::fs::File::from(file).take(LARGEST + 1).read_to_end(&mut text).ok()?;
        (text.len() as u64 <= LARGEST).then_some(text)
    }

    /// kakuri-mount's part. `lacking`: mount points it has to bring.
    pub fn plan(&self, lacking: Vec<Entry>) -> kakuri_mount::Root {
        let how = match self.mode {
            RootfsMode::Overlay => RootKind::Overlay { layer: self.layer.clone() },
            RootfsMode::ReadOnly if !lacking.is_empty() => RootKind::Skeleton { skeleton: lacking },
            RootfsMode::ReadOnly => RootKind::Bind { read_only: true },
            RootfsMode::ReadWrite => RootKind::Bind { read_only: false },
        };
        let under = &self.lowers()[1..];
        kakuri_mount::Root {
            from: Bytes(self.path().to_vec()),
            typed: self.typed.clone().map(Bytes),
            seen: Some(self.id()),
            under: under.iter().map(|f| Lower { from: Bytes(f.path.clone()), seen: Some(f.id) }).collect(),
            how,
        }
    }

    /// The same from that part.
    pub fn recall(plan: &kakuri_mount::Root) -> Option<Root> {
        let (mode, layer) = match &plan.how {
            RootKind::Overlay { layer } => (RootfsMode::Overlay, layer.clone()),
            RootKind::Skeleton { .. } | RootKind::Bind { read_only: true } => (RootfsMode::ReadOnly, None),
            RootKind::Bind { read_only: false } => (RootfsMode::ReadWrite, None),
        };
        let all: Vec<&[u8]> =
            [&plan.from].into_iter().chain(plan.under.iter().map(|l| &l.from)).map(Bytes::as_bytes).collect();
        Root::open_stack(&all, mode, layer).ok()
    }
}

impl Folder {
    fn open(path: &[u8]) -> Result<Folder, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        let stat = fstat(&fd)?;
        Ok(Folder { path: path.to_vec(), fd, id: (stat.st_dev, stat.st_ino) })
    }

    fn host(&self, at: &[u8]) -> Vec<u8> {
        pathname::join(&self.path, relative(at))
    }

    fn open_at(&self, at: &[u8]) -> Result<OwnedFd, Errno> {
        let rest = relative(at);
        openat2(&self.fd, if rest.is_empty() { b"." } else { rest }, LOOK, Mode::empty(), BENEATH)
    }

    fn look(&self, at: &[u8]) -> Stands {
        let look = || {
            let place = self.open_at(at)?;
            Ok(match FileType::from_raw_mode(fstat(&place)?.st_mode) {
                FileType::Directory => Stands::Folder { show: usize::MAX },
                FileType::Symlink => Stands::Link(readlinkat(&place, c"", Vec::new())?.into_bytes()),
                _ => Stands::File,
            })
        };
        match look() {
            Ok(stands) => stands,
            // Of two layers one may have something else where the other has a folder on the way.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Stands::Nothing,
            Err(_) => Stands::Closed,
        }
    }

    fn is_whiteout(&self, at: &[u8]) -> bool {
        let stat = self.open_at(at).and_then(fstat);
        stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::CharacterDevice && s.st_rdev == 0)
    }

    fn is_opaque(&self, at: &[u8]) -> bool {
        let Ok(place) = self.open_at(at) else { return false };
        let mut value = [0_u8; 4];
        getxattr(by_descriptor(&place), OPAQUE, &mut value[..]).is_ok_and(|length| value.get(..length) == Some(b"y"))
    }
}

/// By this name, because a descriptor that is for paths alone has neither attributes nor permissions.
fn by_descriptor(place: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", place.as_raw_fd())
}

fn relative(at: &[u8]) -> &[u8] {
    at.strip_prefix(b"/").unwrap_or(at)
}
