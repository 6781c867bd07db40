//! What stands in the container as it is now: its accounts, when a command is to be somebody else in it. All of it is the
//! container's to write, and hostile.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};

use crate::account::Accounts;

/// Links lead where they would inside, and never out.
const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
/// Of a list of accounts.
const LARGEST: u64 = 1 << 20;

pub struct Inside {
    root: Option<OwnedFd>,
}

impl Inside {
    /// By PID 1, our own child, which nobody has collected while the container stands.
    pub fn open(init: i32) -> Inside {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Inside { root: openat(CWD, format!("/proc/{init}/root"), flags, Mode::empty()).ok() }
    }

    pub fn accounts(&self) -> Accounts {
        let text = |path| self.read(path).unwrap_or_default();
        Accounts { passwd: text("etc/passwd"), group: text("etc/group") }
    }

    /// A regular file of a sane size; a pipe would be waited for.
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat2(self.root.as_ref()?, path, flags, Mode::empty(), INSIDE).ok()?;
        if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
            return None;
        }
        let mut text = Vec::new();
        File::from(file).take(LARGEST + 1).read_to_end(&mut text).ok()?;
        (text.len() as u64 <= LARGEST).then_some(text)
    }

    pub fn has_folder(&self, path: &[u8]) -> bool {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.root.as_ref().is_some_and(|root| openat2(root, path, flags, Mode::empty(), INSIDE).is_ok())
    }
}
