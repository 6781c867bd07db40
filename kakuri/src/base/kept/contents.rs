//! Making things in kept folders: component by component below a descriptor, and through no link.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, chmodat, mkdirat, openat, openat2, symlinkat};
use rustix::io::Errno;

use crate::pathname;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What a /var has, as hier(7) says.
const VAR: [(&str, u32); 8] = [
    ("/var/cache", 0o755),
    ("/var/lib", 0o755),
    ("/var/local", 0o755),
    ("/var/log", 0o755),
    ("/var/mail", 0o755),
    ("/var/opt", 0o755),
    ("/var/spool", 0o755),
    ("/var/tmp", 0o1777),
];

const SKELETON: &str = "/etc/skel";
/// Nobody's /etc/skel is larger, in files and bytes of one.
const MOST: usize = 4096;
const LARGEST: u64 = 16 << 20;

/// Opens a path inside, which begins with a slash.
pub fn open_beneath(root: &OwnedFd, at: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let at = at.strip_prefix(b"/").unwrap_or(at);
    let at = if at.is_empty() { b"." } else { at };
    openat2(root, at, flags | OFlags::CLOEXEC, Mode::empty(), BENEATH)
}

/// Makes a folder where it is missing, and its parents (0755). Whether it is new; something else in its place is left.
pub fn walk(root: &OwnedFd, at: &[u8], mode: u32, made: &mut Vec<Vec<u8>>) -> Result<bool, Errno> {
    let mut here = open_beneath(root, b"/", WAY)?;
    let mut path = Vec::new();
    let depth = pathname::depth(at);
    for (n, name) in pathname::components(at).enumerate() {
        path.push(b'/');
        path.extend_from_slice(name);
        let last = n + 1 == depth;
        let mode = Mode::from_raw_mode(if last { mode } else { 0o755 });
        let new = match mkdirat(&here, name, mode) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(e) => return Err(e),
        };
        if !new && last {
            return Ok(false);
        }
        let step = openat2(&here, name, WAY, Mode::empty(), BENEATH)?;
        if new {
            // Whatever the umask, and by descriptor: fchmod(2) takes none of this kind.
            chmodat(CWD, format!("/proc/self/fd/{}", step.as_raw_fd()), mode, AtFlags::empty())?;
            made.push(path.clone());
        }
        here = step;
    }
    Ok(true)
}

/// A folder or an empty file to mount on.
pub fn make_mount_point(root: &OwnedFd, at: &[u8], folder: bool, made: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
    if folder {
        walk(root, at, 0o755, made)?;
        // What was there already may be no folder.
        return open_beneath(root, at, WAY).map(drop);
    }
    let parent = pathname::parent(at).unwrap_or(b"/");
    walk(root, parent, 0o755, made)?;
    let parent = open_beneath(root, parent, WAY)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(&parent, pathname::name(at), flags, Mode::from_raw_mode(0o644)) {
        Ok(_) => {
            made.push(at.to_vec());
            Ok(())
        }
        // Mounted on by who looks at what it is.
        Err(Errno::EXIST) => open_beneath(root, at, OFlags::PATH).map(drop),
        Err(e) => Err(e),
    }
}

pub fn fill_var(root: &OwnedFd, made: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
    for (at, mode) in VAR {
        walk(root, at.as_bytes(), mode, made)?;
    }
    let var = open_beneath(root, b"/var", WAY)?;
    // They lead into the container's own /run, which is new at each start.
    symlinkat("/run", &var, "run")?;
    symlinkat("/run/lock", &var, "lock")
}

/// A new home begins with what the host gives new users: files, folders and links that may be read.
pub fn copy_skeleton(root: &OwnedFd, home: &[u8], made: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
    let mut folders = vec![(PathBuf::from(SKELETON), home.to_vec())];
    let mut count = 0;
    while let Some((from, to)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&from) else { continue };
        let folder = open_beneath(root, &to, WAY)?;
        for entry in entries.flatten() {
            count += 1;
            if count > MOST {
                return Ok(());
            }
            let name = entry.file_name();
            let (source, target) = (entry.path(), pathname::join(&to, name.as_bytes()));
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                walk(root, &target, meta.mode() & 0o777 | 0o700, made)?;
                folders.push((source, target));
            } else if meta.is_symlink() {
                if let Ok(link) = std::fs::read_link(&source) {
                    symlinkat(&link, &folder, name.as_bytes())?;
                }
            } else if meta.is_file() && meta.len() <= LARGEST && copy(&source, meta.mode(), &folder, name.as_bytes())? {
                made.push(target);
            }
        }
    }
    Ok(())
}

/// Whether there was something to copy.
fn copy(source: &Path, mode: u32, folder: impl AsFd, name: &[u8]) -> Result<bool, Errno> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let Ok(mut from) = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(source) else {
        return Ok(false);
    };
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(mode & 0o777 | 0o600);
    let mut to = File::from(openat(folder, name, flags, mode)?);
    let copied = kakuri_wire::sys::ignoring(libc::SIGXFSZ, || std::io::copy(&mut from, &mut to));
    copied.map(|_| true).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}
