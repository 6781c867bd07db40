//! One file, read once, and the places in it.

use std::io::Read;
use std::sync::Arc;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use crate::config::position;
use crate::host::Host;
use crate::pathname;

/// Bytes of a file: more than anybody writes.
const MOST: u64 = 1024 * 1024;

#[derive(Clone, PartialEq)]
pub struct File {
    /// As it was typed, or the including file's folder and what stands there.
    pub typed: Vec<u8>,
    /// The folder it was named in, absolute.
    pub folder: Vec<u8>,
    pub text: Arc<str>,
    /// Device and inode.
    pub id: (u64, u64),
}

/// Never what is in it: that is the container's business, and may be secret.
impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("File").field("typed", &Bytes(self.typed.clone())).finish_non_exhaustive()
    }
}

impl File {
    /// Opened without waiting for anybody, looked at, and read.
    pub fn read(typed: Vec<u8>, host: &Host) -> Result<File> {
        let shown = Bytes(typed.clone());
        let cannot = || Fail::new(Stage::Front, format!("cannot read '{shown}'"));
        let hint = "a file of TOML is named: --config-file FILE, or include = [\"FILE\"] in another";
        if typed.is_empty() {
            return Err(Fail::new(Stage::Front, "--config-file names no file").hint(hint));
        }
        let path = crate::bind::source::typed_path(host, &typed)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = openat(CWD, &path[..], flags, Mode::empty()).map_err(|e| cannot().errno(e).hint(hint))?;
        let stat = fstat(&fd).map_err(|e| cannot().errno(e))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(cannot().why("it is a folder").hint("name a file in it")),
            _ => return Err(cannot().why("it is no regular file").hint("write it to one first")),
        }
        if stat.st_mode & 0o002 != 0 {
            return Err(cannot()
                .why("everybody may write it, and with it what the container may see of yours")
                .hint(format!("chmod o-w {}", crate::output::words(&[Bytes(path)]))));
        }
        let mut bytes = Vec::new();
        std::fs::File::from(fd).take(MOST + 1).read_to_end(&mut bytes).fail(Stage::Front, || cannot().what)?;
        if bytes.len() as u64 > MOST {
            return Err(cannot().why(format!("it is larger than {MOST} bytes")).hint(hint));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                let (line, column) = position(e.as_bytes(), at);
                return Err(Fail::new(Stage::Front, format!("{shown}:{line}:{column}"))
                    .why("this is not UTF-8")
                    .hint("what is no text can be given on the command line"));
            }
        };
        let folder = pathname::parent(&path).unwrap_or(b"/").to_vec();
        Ok(File { typed, folder, text, id: (stat.st_dev, stat.st_ino) })
    }

    pub fn shown(&self) -> String {
        Bytes(self.typed.clone()).to_string()
    }

    /// `box.toml:3:8`
    pub fn place(&self, offset: usize) -> String {
        let (line, column) = position(self.text.as_bytes(), offset);
        format!("{}:{line}:{column}", self.shown())
    }

    /// An error about what stands there.
    pub fn wrong(&self, offset: usize, why: impl Into<String>) -> Fail {
        Fail::new(Stage::Front, self.place(offset)).why(why)
    }

    /// An option's own error, behind the place.
    pub fn refuse(&self, offset: usize, fail: Fail) -> Fail {
        Fail { what: format!("{}: {}", self.place(offset), fail.what), ..fail }
    }
}
