//! Removing control groups: a container's own at its end, and those a front has left that was killed.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;

use super::group::{OURS, await_empty, write};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// What PID 1's end takes at most once its front is gone.
const ENDING: Duration = Duration::from_secs(2);
/// Deeper than any container can make them: it is limited to less.
const DEEPEST: usize = 64;

/// Removes what nobody holds any more below a group of the user's own.
pub fn sweep(path: &Path) {
    let Ok(above) = openat(CWD, path, FOLDER, Mode::empty()) else { return };
    for name in names(&above).into_iter().filter(|name| name.starts_with(OURS)) {
        let Ok(folder) = openat(&above, &name, FOLDER, Mode::empty()) else { continue };
        // Its front locks it as long as it lives, and the kernel knows when that ends.
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let _ = write(&folder, "cgroup.kill", "1");
        await_empty(&folder, Instant::now() + ENDING);
        remove(&above, &name);
    }
}

/// A group with all below it. What has processes stays, and is left to the next sweep.
pub fn remove(above: &OwnedFd, name: &str) {
    remove_below(above, name, DEEPEST);
}

fn remove_below(above: &OwnedFd, name: &str, levels: usize) {
    match unlinkat(above, name, AtFlags::REMOVEDIR) {
        Err(Errno::BUSY) if levels > 0 => {}
        _ => return,
    }
    let Ok(folder) = openat(above, name, FOLDER, Mode::empty()) else { return };
    for below in names(&folder) {
        remove_below(&folder, &below, levels - 1);
    }
    let _ = unlinkat(above, name, AtFlags::REMOVEDIR);
}

/// Groups in a group: all folders there are.
fn names(folder: &OwnedFd) -> Vec<String> {
    let entries = Dir::read_from(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type() == FileType::Directory);
    let names = folders.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_string));
    names.filter(|name| !matches!(&name[..], "." | "..")).collect()
}
