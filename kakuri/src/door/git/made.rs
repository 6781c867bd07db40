//! What is made in a repository on the host, so that the container finds it there and cannot make it itself.

use std::io::{Read, Write};

use kakuri_wire::{Bytes, Fail, Result};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;

use super::super::socket::cannot;
use crate::pathname;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub path: Bytes,
    /// None is a folder.
    pub text: Option<String>,
}

impl Made {
    pub fn make(&self) -> Result<()> {
        let path = self.path.as_bytes();
        let (parent, name) = (pathname::parent(path).unwrap_or(b"/"), pathname::name(path));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = openat2(CWD, parent, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).map_err(|e| self.fail(e))?;
        let Some(text) = &self.text else {
            return match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                // What it is then is looked at when it is bound.
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                Err(e) => Err(self.fail(e)),
            };
        };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        match openat(&parent, name, flags, Mode::from_raw_mode(0o644)) {
            Ok(file) => std::fs::File::from(file)
                .write_all(text.as_bytes())
                .map_err(|e| self.fail(Errno::from_io_error(&e).unwrap_or(Errno::IO))),
            // Another start made it in this moment, or somebody else something else.
            Err(Errno::EXIST) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = openat(&parent, name, flags, Mode::empty()).map_err(|e| self.fail(e))?;
                let mut there = Vec::new();
                let read = std::fs::File::from(file).take(text.len() as u64 + 1).read_to_end(&mut there);
                match read.is_ok() && there == text.as_bytes() {
                    true => Ok(()),
                    false => Err(cannot("git").why(format!("'{}' was made by somebody else just now", self.path))),
                }
            }
            Err(e) => Err(self.fail(e)),
        }
    }

    fn fail(&self, e: Errno) -> Fail {
        cannot("git")
            .why(format!(
                "cannot make '{}', which the container must not make: {}",
                self.path,
                kakuri_wire::fail::describe(e.raw_os_error())
            ))
            .hint("it has to be yours to write; a copy that is: git clone, or --bind .:cow without --git")
    }
}
