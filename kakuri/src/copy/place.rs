//! Where a path of one side is: below the container's root, or on the host as the caller sees it.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kakuri_wire::Bytes;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstatfs, openat, openat2, readlinkat, statat};
use rustix::io::Errno;

/// Links on one way, as the kernel counts.
const LINKS: usize = 40;
/// The kernel gives a lookup below a root up where somebody renames folders meanwhile; it is asked again this often.
const TRIES: usize = 100;

const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const FOLDER: OFlags = PLACE.union(OFlags::DIRECTORY);
/// One name in a folder, itself and not what a link leads to.
const STEP: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// What paths are looked up in.
pub enum Base<'a> {
    Host,
    /// The root of a container, and how it was typed.
    Container(&'a OwnedFd, &'a str),
}

/// What a path leads to.
pub enum Spot {
    /// It ends with `.` or `..`, or is the root.
    Folder(OwnedFd),
    /// A name in a folder, and what is there: links are not among it where they were followed.
    Named { folder: OwnedFd, name: Vec<u8>, kind: Option<FileType> },
}

impl Base<'_> {
    /// Whose files these are may do with them what he likes.
    pub fn is_container(&self) -> bool {
        matches!(self, Base::Container(..))
    }

    /// As it was typed.
    pub fn shown(&self, path: &[u8]) -> Vec<u8> {
        match self {
            Base::Host => path.to_vec(),
            Base::Container(_, name) => [name.as_bytes(), b":", path].concat(),
        }
    }

    /// A folder by a path, links on the way followed: the container's below its root.
    pub fn folder(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        match self {
            Base::Host => openat(CWD, if path.is_empty() { b"." } else { path }, FOLDER, Mode::empty()),
            Base::Container(root, _) => {
                let path = if path.is_empty() { b"/" } else { path };
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                patiently(|| openat2(root, path, FOLDER, Mode::empty(), resolve))
            }
        }
    }

    /// The place a path names. Its last name is followed where it is a link only with `follow`; slashes at its end are
    /// for the caller to judge.
    pub fn locate(&self, typed: &[u8], follow: bool) -> Result<Spot, Errno> {
        let mut path = strip_slashes(typed).to_vec();
        for _ in 0..LINKS {
            let (parent, name) = split(&path);
            if matches!(name, b"" | b"." | b"..") {
                return self.folder(&path).map(Spot::Folder);
            }
            let folder = self.folder(parent)?;
            let kind = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
                Err(Errno::NOENT) => None,
                Err(e) => return Err(e),
            };
            if kind != Some(FileType::Symlink) || !follow {
                return Ok(Spot::Named { folder, name: name.to_vec(), kind });
            }
            let target = readlinkat(&folder, name, Vec::new())?.into_bytes();
            path = match target.first() {
                Some(b'/') => target,
                _ => [parent, if parent.is_empty() { b"" } else { b"/" }, &target].concat(),
            };
            path.truncate(strip_slashes(&path).len());
        }
        Err(Errno::LOOP)
    }
}

/// What to call the error of a path that could not be located.
pub fn missing(base: &Base, path: &[u8], e: Errno) -> kakuri_wire::Fail {
    let shown = Bytes(base.shown(path));
    match e {
        Errno::NOENT => super::fail(format!("cannot copy '{shown}'")).why("it does not exist").hint(look(base, path)),
        e => super::cannot("find", shown, e),
    }
}

/// How to see what is where a path was thought to lead.
fn look(base: &Base, path: &[u8]) -> String {
    let above = strip_slashes(split(strip_slashes(path)).0);
    match base {
        Base::Host => {
            format!("ls -l {} shows what is there", Bytes(if above.is_empty() { b"." } else { above }.to_vec()))
        }
        Base::Container(_, name) => format!(
            "kakuri exec {name} ls -l /{} shows what is there",
            Bytes(above.strip_prefix(b"/").unwrap_or(above).to_vec())
        ),
    }
}

/// Without slashes at the end; the root is one.
pub fn strip_slashes(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&b| b != b'/') {
        Some(last) => &path[..=last],
        None => &path[..path.len().min(1)],
    }
}

/// The folder a path goes through, with its slashes, and its last name.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    path.split_at(at)
}

fn patiently<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 1..TRIES {
        match call() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
    call()
}

/// Whatever is in a folder by this name, without opening it in earnest: a pipe or a device would notice.
pub fn touch(folder: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let folder = folder.as_fd();
    patiently(|| openat2(folder, name, PLACE | OFlags::NOFOLLOW, Mode::empty(), STEP))
}

/// A folder in a folder, by its name or a path without links.
pub fn step(folder: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let folder = folder.as_fd();
    match patiently(|| openat2(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty(), STEP)) {
        // Which of both it is makes a difference to who reads it.
        Err(Errno::NOTDIR) if kind(folder, name) == Some(FileType::Symlink) => Err(Errno::LOOP),
        opened => opened,
    }
}

/// What kind of thing is at a name; None where that cannot be told.
pub fn kind(folder: impl AsFd, name: &[u8]) -> Option<FileType> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// The folder above, which must be this very one: a folder that was moved has another above it, maybe not even one
/// that is copied.
pub fn above(folder: impl AsFd, id: super::Id) -> Result<OwnedFd, Errno> {
    let above = openat(folder, c"..", FOLDER, Mode::empty())?;
    let stat = rustix::fs::fstat(&above)?;
    if (stat.st_dev, stat.st_ino) == id { Ok(above) } else { Err(Errno::STALE) }
}

/// Opens in earnest what has been seen to be a regular file: by its descriptor, because its name may be another thing's
/// by now.
pub fn open(place: &OwnedFd, flags: OFlags) -> Result<File, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    openat(CWD, link_of(place), flags, Mode::empty()).map(File::from)
}

/// A folder's list, and what changes the folder itself.
pub fn open_folder(place: impl AsFd) -> Result<OwnedFd, Errno> {
    openat(place, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The magic link of one of our descriptors.
pub fn link_of(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

pub fn is_dot(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// File systems that show what the kernel does, by their magic numbers (statfs(2), linux/magic.h). The caller has
/// other rights over them than the container: what it has put in the way shall not be able to use those.
const KERNELS: &[i64] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6e73_6673, // nsfs
    0x6573_5543, // fusectl
    0x6265_6570, // configfs
    0xf97c_ff8c, // selinuxfs
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0x4249_4e4d, // binfmt_misc
];

/// Whether something is on such a file system.
pub fn is_kernels(place: impl AsFd) -> Result<bool, Errno> {
    let magic = fstatfs(place)?.f_type;
    Ok(KERNELS.contains(&(magic & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        for (path, stripped, parent, name) in [
            ("a", "a", "", "a"),
            ("a/", "a", "", "a"),
            ("/", "/", "/", ""),
            ("///", "/", "/", ""),
            ("/a//", "/a", "/", "a"),
            ("a//b/.", "a//b/.", "a//b/", "."),
        ] {
            assert_eq!(strip_slashes(path.as_bytes()), stripped.as_bytes(), "{path}");
            assert_eq!(split(stripped.as_bytes()), (parent.as_bytes(), name.as_bytes()), "{path}");
        }
    }
}
