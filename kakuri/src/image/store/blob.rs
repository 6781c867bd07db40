//! blobs/: documents and layers as they came, by their digest; they have the name only after that was right. partial/:
//! the beginnings of layers, which are never believed: whoever goes on with one hashes it again from its first byte.

use std::fs::File;
use std::os::fd::OwnedFd;

use kakuri_image::Digest;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::place::{self, BLOBS, PARTIAL, full};
use super::{Images, file};

/// A stored blob of this size, open for reading. One that has another size is removed.
pub fn open(top: &OwnedFd, digest: &Digest, size: u64) -> Option<File> {
    let path = format!("{BLOBS}/{}", place::blob(digest));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(top, &path, flags, Mode::empty()).ok()?;
    let stat = fstat(&file).ok()?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size as u64 == size {
        return Some(File::from(file));
    }
    log::info!("{path} is not the blob it was; it is fetched again");
    let _ = unlinkat(top, &path, AtFlags::empty());
    None
}

/// It was not what its name says.
pub fn remove(top: &OwnedFd, digest: &Digest) {
    let _ = unlinkat(top, format!("{BLOBS}/{}", place::blob(digest)), AtFlags::empty());
}

impl Images {
    /// A blob of this size, open for reading.
    pub fn blob(&self, digest: &Digest, size: u64) -> Option<File> {
        open(&self.open().ok()??, digest, size)
    }

    /// How large one is, bytes; None where there is none.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        let size = size(&self.open().ok()??, &format!("{BLOBS}/{}", place::blob(digest)));
        (size > 0).then_some(size)
    }

    /// It turned out not to be what its name says.
    pub fn drop_blob(&self, digest: &Digest) {
        if let Ok(Some(top)) = self.open() {
            remove(&top, digest);
        }
    }
}

/// A document whose digest has just been found right.
pub fn write(top: &OwnedFd, digest: &Digest, bytes: &[u8]) -> Result<()> {
    file::write_bytes(top, &format!("{BLOBS}/{}", digest.algorithm().name()), digest.hex(), bytes)
}

/// Size of a regular file that is ours to rename; 0 where there is none.
pub fn size(dir: &OwnedFd, name: &str) -> u64 {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => stat.st_size as u64,
        _ => 0,
    }
}

/// What the unpacker has verified, out of the work folder.
pub fn put(top: &OwnedFd, work: &OwnedFd, name: &str, digest: &Digest, wanted: u64) -> Result<()> {
    let what = || format!("cannot store the layer {digest}");
    if size(work, name) != wanted {
        return Err(Fail::new(Stage::Front, what()).why("it has another size than its manifest says"));
    }
    renameat(work, name, top, format!("{BLOBS}/{}", place::blob(digest)))
        .map_err(|e| full(Fail::new(Stage::Front, what()).errno(e), e))?;
    // Nobody goes on with what is whole.
    let _ = unlinkat(top, format!("{PARTIAL}/{}", digest.hex()), AtFlags::empty());
    Ok(())
}

/// Takes the beginning of a blob into a work folder; how much of it there is. Of two who want it one gets it.
pub fn resume(top: &OwnedFd, work: &OwnedFd, name: &str, digest: &Digest, wanted: u64) -> u64 {
    if renameat(top, format!("{PARTIAL}/{}", digest.hex()), work, name).is_err() {
        return 0;
    }
    match size(work, name) {
        have if have > 0 && have <= wanted => have,
        _ => {
            let _ = unlinkat(work, name, AtFlags::empty());
            0
        }
    }
}

/// Keeps the beginning of a blob, unless as much of it is kept already.
pub fn keep(top: &OwnedFd, work: &OwnedFd, name: &str, digest: &Digest) -> Result<(), Errno> {
    let to = format!("{PARTIAL}/{}", digest.hex());
    let have = size(work, name);
    if have > size(top, &to) { renameat(work, name, top, &to) } else { Ok(()) }
}
