//! The host's side of a bind: what was typed, resolved to a real path and looked at once.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;

use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlink};
use rustix::io::Errno;

use crate::host::{Host, as_path, in_home};
use crate::layout::Source;
use crate::pathname;

/// What a source is on the host now.
#[derive(Clone, Debug)]
pub enum Look {
    Is(Real),
    Missing,
}

#[derive(Clone, Debug)]
pub struct Real {
    /// Absolute, without symbolic links.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub id: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File,
    Device,
    /// A socket or named pipe.
    Endpoint,
}

impl Kind {
    fn of(file: FileType) -> Kind {
        match file {
            FileType::Directory => Kind::Folder,
            FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
            FileType::Socket | FileType::Fifo => Kind::Endpoint,
            _ => Kind::File,
        }
    }
}

impl Real {
    pub fn source(&self, typed: Option<&[u8]>) -> Source {
        Source {
            from: self.path.clone(),
            typed: typed.map(<[u8]>::to_vec),
            folder: self.kind == Kind::Folder,
            seen: Some(self.id),
            ..Source::default()
        }
    }
}

/// Follows a path as the kernel does. Errors other than its absence are given as they are.
pub fn look(path: &[u8]) -> std::io::Result<Look> {
    let missing = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(Look::Missing),
        _ => Err(e),
    };
    if let Some(real) = look_at_once(path) {
        return Ok(Look::Is(real));
    }
    // Component by component: for the error as it is, and where there is no /proc.
    let real = match std::fs::canonicalize(as_path(path)) {
        Ok(real) => real,
        Err(e) => return missing(e),
    };
    let meta = match std::fs::metadata(&real) {
        Ok(meta) => meta,
        Err(e) => return missing(e),
    };
    let kind = Kind::of(FileType::from_raw_mode(meta.mode()));
    Ok(Look::Is(Real { path: real.into_os_string().into_vec(), kind, id: (meta.dev(), meta.ino()) }))
}

/// The same in one walk of the kernel's: what was opened is looked at, and tells its path. None is no answer.
fn look_at_once(path: &[u8]) -> Option<Real> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let by_name = path.first() == Some(&b'/') && !path.split(|&b| b == b'/').any(|name| name == b"..");
    let direct = match by_name {
        true => openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS),
        false => Err(Errno::LOOP),
    };
    let (found, real) = match direct {
        // The common case: no link is on the way, so the path's own words are where it leads.
        Ok(found) => (found, pathname::absolute(b"/", path)),
        Err(Errno::LOOP) => {
            let found = openat(CWD, path, flags, Mode::empty()).ok()?;
            let own = format!("/proc/self/fd/{}", found.as_raw_fd());
            let real = readlink(own, Vec::with_capacity(256)).ok()?.into_bytes();
            (found, real)
        }
        Err(_) => return None,
    };
    let stat = fstat(&found).ok()?;
    // What is deleted or out of this root has no path, though the kernel writes something.
    if stat.st_nlink == 0 || real.first() != Some(&b'/') {
        return None;
    }
    let kind = Kind::of(FileType::from_raw_mode(stat.st_mode));
    Some(Real { path: real, kind, id: (stat.st_dev, stat.st_ino) })
}

/// Where a path leads, if it leads anywhere.
pub fn real(path: &[u8]) -> Option<Vec<u8>> {
    match look(path) {
        Ok(Look::Is(real)) => Some(real.path),
        _ => None,
    }
}

/// The path for the kernel of what was typed as an option's value: absolute, `..` left to the kernel.
pub fn typed_path(host: &Host, typed: &[u8]) -> Result<Vec<u8>> {
    if let Some(rest) = in_home(typed) {
        return Ok(pathname::join(&host.home, rest));
    }
    match (typed.first(), &host.cwd) {
        (Some(b'/'), _) => Ok(typed.to_vec()),
        (_, Some(cwd)) => Ok(pathname::join(cwd, typed)),
        (_, None) => host.absolute(typed),
    }
}

/// A source that has to be there, or may be made.
pub fn wanted(host: &Host, typed: &[u8], verb: &str) -> Result<(Vec<u8>, Look)> {
    let path = typed_path(host, typed)?;
    let look = look(&path).map_err(|e| {
        let shown = Bytes(typed.to_vec());
        let hint = match e.kind() {
            ErrorKind::PermissionDenied => {
                format!(
                    "what you may not open yourself cannot be shown: namei -l '{shown}' shows each folder on the way"
                )
            }
            _ => format!("correct the name; ls -ld '{shown}' shows what is there"),
        };
        Fail::new(Stage::Front, format!("cannot {verb} '{shown}'")).errno(e).hint(hint)
    })?;
    Ok((path, look))
}

/// Where a missing folder will be once it is made: its deepest existing parent resolved, the rest by name.
pub fn future(path: &[u8]) -> Vec<u8> {
    let mut existing = pathname::absolute(b"/", path);
    let whole = existing.clone();
    while let Some(up) = pathname::parent(&existing).map(<[u8]>::to_vec) {
        if let Some(real) = real(&up) {
            let rest = pathname::below(&whole, &up).unwrap_or(b"");
            return pathname::join(&real, rest);
        }
        existing = up;
    }
    whole
}
