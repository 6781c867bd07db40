//! Copying files and folders between the host and a container, or a tar archive and a container.
//!
//! A copy is a source that speaks to a [`Sink`]: a [walk](walk::Walk) of a tree tells a [tree](tree::Tree) being written or
//! an [archive](tar::Writer) what it meets, and an archive read is [unpacked](unpack). All of it is done by this process,
//! as the caller, on descriptors:
//!
//! - The container's paths are looked up below a descriptor of its [root](root), as its own processes would see them,
//!   links included, and can lead nowhere else (`RESOLVE_IN_ROOT`).
//! - Within a tree, on either side, every step is one name in an open folder, and no link is followed: what somebody
//!   swaps for a link meanwhile is copied as a link or refused.
//! - Nothing but regular files and folders is ever opened. Pipes, sockets and devices are named and passed over, and so
//!   is what the kernel makes up (proc, sysfs and the like).
//!
//! Owners are the caller's, because one id is all a container has. Set-id bits are taken away in both directions: in
//! the container nothing heeds them, and on the host a program of the container's would run as the caller. Extended
//! attributes are not copied.

pub(crate) mod contents;
mod fresh;
pub mod place;
mod progress;
pub mod root;
pub mod tar;
mod trail;
pub mod tree;
mod trouble;
pub mod unpack;
pub mod walk;

use std::fs::File;

use kakuri_wire::fail::Result;
use rustix::fs::{Mode, Stat, Timespec};

pub use progress::Progress;
pub use trail::Trail;
pub use trouble::{cannot, fail};

/// Device and inode.
pub type Id = (u64, u64);

/// What is kept of a file, a folder or a link.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Permissions and the sticky bit.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// When it was changed last: seconds since 1970, and nanoseconds.
    pub changed: (i64, u32),
    pub id: Id,
    /// Whether it has more names than one.
    pub linked: bool,
}

/// Of a mode: everything but what kind it is and the set-id bits.
pub const PERMISSIONS: u32 = 0o1777;

impl Meta {
    pub fn of(stat: &Stat) -> Meta {
        Meta {
            mode: stat.st_mode & PERMISSIONS,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            changed: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            id: (stat.st_dev, stat.st_ino),
            linked: stat.st_nlink > 1,
        }
    }

    pub fn mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode)
    }
}

/// For utimensat(2): the time it was read is left as it is.
pub fn times(changed: (i64, u32)) -> rustix::fs::Timestamps {
    rustix::fs::Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        last_modification: Timespec { tv_sec: changed.0, tv_nsec: i64::from(changed.1.min(999_999_999)) },
    }
}

/// Takes what a walk meets. Every folder entered is left, in the reverse order.
pub trait Sink {
    fn enter(&mut self, name: &[u8], meta: &Meta) -> Result<()>;
    fn leave(&mut self, meta: &Meta) -> Result<()>;
    /// `source` names the file in errors of reading it.
    fn file(&mut self, name: &[u8], meta: &Meta, from: &File, source: &Trail, progress: &mut Progress) -> Result<()>;
    fn link(&mut self, name: &[u8], meta: &Meta, target: &[u8]) -> Result<()>;
    /// The folder that everything goes into: a walk that meets it would never end.
    fn top(&self) -> Option<Id>;
}
