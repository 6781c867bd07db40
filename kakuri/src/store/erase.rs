//! Removing a folder with all that a container may have put into it: folders without permissions, deeper than any
//! path may be long, links to anywhere. By descriptor, one folder open at a time, and without recursion.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, SeekFrom, chmodat, fchmod, fstat, openat2, seek,
    unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::folder::{self, id};
use super::lock;
use crate::idmap;

/// Never through a link, out of the folder, or into what is mounted in it.
const HERE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_XDEV);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const ALL: Mode = Mode::RWXU;
/// Of a path in an error.
const SHOWN: usize = 300;

/// A folder on the way down.
struct Frame {
    name: CString,
    id: (u64, u64),
    /// What cannot be removed, or shall not yet.
    stuck: BTreeSet<CString>,
}

/// What stays, and why: the first of it, with its errno.
#[derive(Default, Serialize, Deserialize)]
struct Left {
    first: Option<(Bytes, i32)>,
    count: usize,
}

impl Left {
    /// Whether somebody else's files stay.
    fn is_closed(&self) -> bool {
        self.first.as_ref().is_some_and(|(_, e)| [libc::EACCES, libc::EPERM].contains(e))
    }
}

/// Removes the folder `name` in `dir`, its lock last. `shown` is the path of `dir`. What cannot be removed is named,
/// and all else is gone. Whoever calls holds the lock.
pub fn folder(dir: &OwnedFd, name: &str, shown: &Path) -> Result<()> {
    let what = || Fail::new(Stage::Front, format!("cannot remove '{}'", Bytes::from(&shown.join(name))));
    let top = CString::new(name).map_err(|_| what().errno(Errno::INVAL))?;
    let fd = match enter(dir, &top) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(what().errno(e)),
    };
    let mut left = empty(fd, &top, shown).map_err(|e| what().errno(e).why("it is changed while it is removed"))?;
    // What users of the container left belongs to the caller's sub-ids, and only as their root it can be removed.
    let range = if left.is_closed() { idmap::granted() } else { None };
    if let Some(range) = range
        && let Ok(fd) = enter(dir, &top)
    {
        let gone = idmap::within::within(&range, || {
            empty(fd, &top, shown).map_err(|e| what().errno(e).why("it is changed while it is removed"))
        });
        match gone {
            Ok(rest) => left = rest,
            // What was met first is what mends it too.
            Err(fail) => log::info!("{fail}"),
        }
    }
    if let Some((path, e)) = left.first {
        let e = Errno::from_raw_os_error(e);
        let more = if left.count > 1 { format!(", and {} more", left.count - 1) } else { String::new() };
        let fail = Fail::new(Stage::Front, format!("cannot remove '{path}'{more}")).errno(e);
        return Err(match e {
            Errno::BUSY | Errno::XDEV => fail.why("something is mounted there").hint("unmount it, then remove it"),
            Errno::PERM => fail.hint(format!("lsattr -d '{path}' shows whether somebody made it immutable")),
            Errno::ACCESS => fail.hint(format!(
                "ls -ld '{path}' shows whose it is; for your own sub-ids newuidmap is needed: see kakuri doctor"
            )),
            _ => fail.hint(format!("remove it by hand: rm -rf '{path}'")),
        });
    }
    // The lock's file is there when its holder removes it, so that what is removed is always the holder's own.
    let mut again = None;
    for _ in 0..10 {
        match unlinkat(dir, format!("{name}/{}", lock::FILE), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(what().errno(e)),
        }
        match unlinkat(dir, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => break,
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(e) => return Err(what().errno(e)),
        }
        // In the moment between somebody has made the lock again: who sweeps, or who begins a container in this very
        // folder. Whoever has it by now has the folder: to remove that lock would leave a container without one.
        again = match folder::open_own_at(dir, name).and_then(|fd| lock::try_take(fd.as_fd())) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) | Err(_) => break,
        };
    }
    drop(again);
    Ok(())
}

/// Removes everything below `here`. An error is the end of it: the way back up is not the way down.
fn empty(mut here: OwnedFd, name: &CStr, shown: &Path) -> Result<Left, Errno> {
    let mut left = Left::default();
    let begin = |name: &CStr, id| Frame { name: name.into(), id, stuck: BTreeSet::new() };
    let mut frames = vec![begin(name, id(&here)?)];
    frames[0].stuck.extend(CString::new(lock::FILE));
    loop {
        let Some(frame) = frames.last() else { return Ok(left) };
        let (name, e) = match remove_entries(&here, &frame.stuck)? {
            Step::Empty => {
                let Some(done) = frames.pop() else { return Ok(left) };
                let Some(above) = frames.last_mut() else { return Ok(left) };
                here = openat2(&here, "..", FOLDER, Mode::empty(), ResolveFlags::NO_XDEV)?;
                if id(&here)? != above.id {
                    return Err(Errno::STALE);
                }
                match unlinkat(&here, &done.name, AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    // Named already: what is left in it.
                    Err(Errno::NOTEMPTY | Errno::EXIST) if !done.stuck.is_empty() => {
                        above.stuck.insert(done.name);
                        continue;
                    }
                    Err(e) => (done.name, e),
                }
            }
            Step::Stuck(name, e) => (name, e),
            Step::Below(name) => match enter(&here, &name) {
                Ok(fd) => {
                    frames.push(begin(&name, id(&fd)?));
                    here = fd;
                    continue;
                }
                Err(Errno::NOENT) => continue,
                Err(e) => (name, e),
            },
        };
        left.count += 1;
        if left.first.is_none() {
            left.first = Some((path(shown, &frames, &name), e.raw_os_error()));
        }
        if let Some(frame) = frames.last_mut() {
            frame.stuck.insert(name);
        }
    }
}

enum Step {
    /// Nothing is left but what is stuck.
    Empty,
    /// A folder that has something in it.
    Below(CString),
    Stuck(CString, Errno),
}

/// Removes what is no folder, and empty folders, until something else is met.
fn remove_entries(here: &OwnedFd, stuck: &BTreeSet<CString>) -> Result<Step, Errno> {
    loop {
        // Small, because it is read anew after each folder in it.
        let mut buffer = [MaybeUninit::uninit(); 4096];
        seek(here, SeekFrom::Start(0))?;
        let mut entries = RawDir::new(here.as_fd(), &mut buffer);
        let mut removed = false;
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || stuck.contains(name) {
                continue;
            }
            let known_folder = entry.file_type() == FileType::Directory;
            let unlinked = match known_folder {
                true => Err(Errno::ISDIR),
                false => unlinkat(here, name, AtFlags::empty()),
            };
            match unlinked {
                Err(Errno::ISDIR) => match unlinkat(here, name, AtFlags::REMOVEDIR) {
                    Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(Step::Below(name.into())),
                    Err(Errno::NOENT) | Ok(()) => {}
                    Err(e) => return Ok(Step::Stuck(name.into(), e)),
                },
                Err(Errno::NOENT) | Ok(()) => {}
                Err(e) => return Ok(Step::Stuck(name.into(), e)),
            }
            removed = true;
        }
        // Not every file system shows all of a folder that changes while it is read.
        if !removed {
            return Ok(Step::Empty);
        }
    }
}

/// Opens a folder so that what is in it can be removed, whatever its owner has forbidden himself.
fn enter(above: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let open = |flags| openat2(above, name, flags, Mode::empty(), HERE);
    let fd = match open(FOLDER) {
        Err(Errno::ACCESS) => {
            // By descriptor, not by name, which may be another thing's by now; fchmod(2) takes none of this kind.
            let place = open(OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
            chmodat(CWD, format!("/proc/self/fd/{}", place.as_raw_fd()), ALL, AtFlags::empty())?;
            open(FOLDER)?
        }
        opened => opened?,
    };
    let stat = fstat(&fd)?;
    if Mode::from_raw_mode(stat.st_mode).contains(ALL) {
        return Ok(fd);
    }
    match fchmod(&fd, ALL) {
        // Then the first thing in it says so.
        Ok(()) | Err(Errno::PERM) => Ok(fd),
        Err(e) => Err(e),
    }
}

fn path(shown: &Path, frames: &[Frame], name: &CStr) -> Bytes {
    let mut path = Bytes::from(shown).0;
    for part in frames.iter().map(|f| f.name.as_c_str()).chain([name]) {
        path.push(b'/');
        path.extend_from_slice(part.to_bytes());
        if path.len() > SHOWN {
            path.truncate(SHOWN);
            path.extend_from_slice(b"...");
            break;
        }
    }
    Bytes(path)
}
