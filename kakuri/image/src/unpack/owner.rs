//! Owners, modes, times and attributes: what makes a thing that is there already the thing the archive means.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr, futimens, utimensat,
};
use rustix::io::Errno;

use crate::Owners;
use crate::tar::Entry;

const SET_ID: u32 = 0o6000;

/// Of an entry.
#[derive(Clone, Debug)]
pub struct Meta {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub changed: (i64, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Meta {
    pub fn of(entry: &mut Entry) -> Meta {
        let Entry { mode, uid, gid, changed, .. } = *entry;
        Meta { mode: mode & 0o7777, uid, gid, changed, xattrs: std::mem::take(&mut entry.xattrs) }
    }

    /// For its creation: the umask is none, and set-id bits come last.
    pub fn mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode & !SET_ID)
    }

    fn times(&self) -> Timestamps {
        times(self.changed)
    }
}

/// When it was read last is left as it is.
pub fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos.min(999_999_999)) },
    }
}

/// Sets them.
#[derive(Clone, Copy)]
pub struct Setter {
    pub owners: Owners,
    /// What is made belongs to root, so that root's own needs no call.
    pub born_roots: bool,
}

impl Setter {
    fn is_foreign(&self, meta: &Meta) -> bool {
        self.owners == Owners::Kept && !(self.born_roots && (meta.uid, meta.gid) == (0, 0))
    }

    /// An id the kernel takes for "none" would leave the owner as it is, and no namespace has it.
    fn ids(&self, meta: &Meta) -> Result<(Option<Uid>, Option<Gid>), Errno> {
        if meta.uid == u32::MAX || meta.gid == u32::MAX {
            return Err(Errno::INVAL);
        }
        Ok((Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid))))
    }

    /// Of a file just made, or a folder at last. Chown takes set-id bits and capabilities away, so it comes first, and
    /// the time last. `whole`: the mode it was made with is not the one it gets.
    pub fn finish(
        &self,
        fd: impl AsFd,
        meta: &Meta,
        whole: bool,
        left: &mut dyn FnMut(&[u8], Errno) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let fd = fd.as_fd();
        if self.is_foreign(meta) {
            let (uid, gid) = self.ids(meta)?;
            fchown(fd, uid, gid)?;
        }
        // Before the mode, which may forbid it to who is not root.
        self.attributes(fd, meta, true, left)?;
        if whole || meta.mode & SET_ID != 0 {
            fchmod(fd, Mode::from_raw_mode(meta.mode))?;
        }
        self.attributes(fd, meta, false, left)?;
        futimens(fd, &meta.times())
    }

    fn attributes(
        &self,
        fd: BorrowedFd,
        meta: &Meta,
        users: bool,
        left: &mut dyn FnMut(&[u8], Errno) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        for (name, value) in &meta.xattrs {
            if name.starts_with(b"user.") != users {
                continue;
            }
            let set = if may_be_set(name) {
                fsetxattr(fd, &name[..], value, XattrFlags::empty())
            } else {
                Err(Errno::OPNOTSUPP)
            };
            if let Err(e) = set {
                left(name, e)?;
            }
        }
        Ok(())
    }

    /// Of what cannot be opened: a link or a pipe. Neither has attributes that an ordinary user may set.
    pub fn finish_at(&self, folder: BorrowedFd, name: &[u8], meta: &Meta) -> Result<(), Errno> {
        if self.is_foreign(meta) {
            let (uid, gid) = self.ids(meta)?;
            chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        utimensat(folder, name, &meta.times(), AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// Those of overlayfs are not an image's to set: they would make whiteouts, or lead elsewhere.
fn may_be_set(name: &[u8]) -> bool {
    let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    user || matches!(name, b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default")
}
