//! The host's side of a door: a socket, by the path a variable names.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{Access, access};

use crate::host::{Host, as_path};
use crate::pathname;

/// sun_path of unix(7) less its NUL, in bytes.
const LONGEST: usize = 107;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The option, without its dashes.
    pub door: &'static str,
    /// Absolute, without symbolic links.
    pub path: Vec<u8>,
    /// Device and inode; None where it is not there yet.
    pub seen: Option<(u64, u64)>,
}

impl Socket {
    /// Looks at it. `named`: what names the path, for an error: `SSH_AUTH_SOCK`.
    pub fn look(door: &'static str, path: &[u8], named: &str, hint: &str) -> Result<Socket> {
        let shown = Bytes(path.to_vec());
        let fail = || cannot(door).hint(hint);
        if path.first() != Some(&b'/') || path.len() > LONGEST {
            return Err(fail().why(format!("{named} is '{shown}', which is no path of a socket")));
        }
        let found = std::fs::canonicalize(as_path(path)).and_then(|real| Ok((std::fs::metadata(&real)?, real)));
        let (meta, real) = found.map_err(|e| match e.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => fail().why(format!("there is no '{shown}', which {named} names")),
            _ => fail().why(format!("cannot look at '{shown}', which {named} names: {}", e.kind())),
        })?;
        if !meta.file_type().is_socket() {
            return Err(fail().why(format!("'{shown}', which {named} names, is not a socket")));
        }
        if access(&real, Access::WRITE_OK).is_err() {
            return Err(fail().why(format!("you may not connect to '{shown}', which {named} names")));
        }
        Ok(Socket { door, path: real.into_os_string().into_vec(), seen: Some((meta.dev(), meta.ino())) })
    }
}

/// How every error of a door begins.
pub fn cannot(door: &str) -> Fail {
    Fail::new(Stage::Front, format!("cannot open --{door}"))
}

/// A variable of the caller's that says something.
pub fn variable<'a>(host: &'a Host, name: &str) -> Option<&'a [u8]> {
    host.var(name).filter(|value| !value.is_empty())
}

/// The caller's runtime folder and a name in it; None where he has none.
pub fn in_runtime(host: &Host, name: &[u8]) -> Option<Vec<u8>> {
    let folder = variable(host, "XDG_RUNTIME_DIR").filter(|folder| folder.first() == Some(&b'/'))?;
    Some(pathname::join(folder, name))
}
