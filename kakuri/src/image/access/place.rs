//! Files of other programs that say how registries are reached: their folders, and reading one of them.

use std::fs::File;
use std::io::Read;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::host::{Host, as_path};
use crate::pathname;

/// Of one such file, in bytes: far above what people have.
const LARGEST: usize = 1 << 20;

/// What lies in a folder of the caller's home, by the variable that may name another one.
fn of_home(host: &Host, variable: &str, usual: &[u8], name: &[u8]) -> Vec<u8> {
    match host.var(variable).filter(|base| base.first() == Some(&b'/')) {
        Some(base) => pathname::absolute(base, name),
        None => pathname::join(&pathname::join(&host.home, usual), name),
    }
}

/// `~/.config/NAME`.
pub fn config(host: &Host, name: &[u8]) -> Vec<u8> {
    of_home(host, "XDG_CONFIG_HOME", b".config", name)
}

/// `~/.cache/NAME`.
pub fn cache(host: &Host, name: &[u8]) -> Vec<u8> {
    of_home(host, "XDG_CACHE_HOME", b".cache", name)
}

/// A path for people.
pub fn shown(path: &[u8]) -> String {
    Bytes(path.to_vec()).to_string()
}

/// A file, whole; None where there is none. It may hold secrets: what was read is wiped when dropped.
pub fn read(path: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let cannot = || Fail::new(Stage::Front, format!("cannot read '{}'", shown(path)));
    // Without waiting for whoever writes into a pipe of that name.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(CWD, as_path(path), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(cannot().errno(e).hint(format!("make it yours to read: ls -l '{}'", shown(path)))),
    };
    let stat = fstat(&file).map_err(|e| cannot().errno(e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(cannot().why("it is no regular file").hint("move it away, or put the file there"));
    }
    // A buffer that grows leaves copies behind.
    let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.min(LARGEST) + 1));
    (file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)).map_err(|e| cannot().errno(e))?;
    if bytes.len() > LARGEST {
        return Err(cannot().why("it is larger than a mebibyte").hint("it is none of the files people write"));
    }
    Ok(Some(bytes))
}

/// The files in a folder whose names end so, by name. No folder, no files.
pub fn list(folder: &[u8], ending: &[u8]) -> Result<Vec<Vec<u8>>> {
    use std::os::unix::ffi::OsStringExt;
    let cannot = |e: std::io::Error| Fail::new(Stage::Front, format!("cannot read '{}'", shown(folder))).errno(e);
    let entries = match std::fs::read_dir(as_path(folder)) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(cannot(e).hint(format!("make it yours to read: ls -ld '{}'", shown(folder)))),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(cannot)?.file_name().into_vec();
        if name.ends_with(ending) && name.first() != Some(&b'.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| pathname::join(folder, &name)).filter(|path| as_path(path).is_file()).collect())
}

/// `file:line: why`, for a byte of a text; the line counts from 1.
pub fn wrong(path: &[u8], text: &[u8], offset: usize, why: &str) -> Fail {
    let line = text[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
    Fail::new(Stage::Front, format!("{}:{line}", shown(path))).why(why.trim().replace('\n', ", "))
}

/// What a parser of JSON says, without the place, which stands elsewhere.
pub fn without_position(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(words, _)| words.to_string())
}
