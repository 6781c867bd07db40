//! What grows with user input (the mount plan, argv, environment) crosses a link as a sealed memfd, so
//! that its reader may trust that it does not change while it is parsed. By hand the same reader takes a file.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::fail::{Fail, OrFail, Result, Stage};

/// The largest document, in bytes: two million path bytes and ten thousand arguments fit with room to spare.
pub const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;

/// The largest document that is enclosed, in bytes: beyond it a packet is no cheaper than a memfd.
pub const MAX_ENCLOSED: usize = 16 * 1024;

/// A document ready to be sent.
pub enum Parcel {
    /// In the packet of its message.
    Enclosed(Vec<u8>),
    /// As a descriptor.
    Sealed(OwnedFd),
}

impl Parcel {
    /// For the packet.
    pub fn enclosed(&self) -> Option<&[u8]> {
        match self {
            Parcel::Enclosed(bytes) => Some(bytes),
            Parcel::Sealed(_) => None,
        }
    }

    /// For the descriptors, at the place the message gives it.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Parcel::Enclosed(_) => None,
            Parcel::Sealed(fd) => Some(fd.as_fd()),
        }
    }
}

/// The value, in whichever way is cheaper.
pub fn pack(stage: Stage, value: &impl Serialize) -> Result<Parcel> {
    let bytes = write(stage, value)?;
    if bytes.len() <= MAX_ENCLOSED {
        Ok(Parcel::Enclosed(bytes))
    } else {
        seal_bytes(stage, &bytes).map(Parcel::Sealed)
    }
}

/// Reads the document of a message that came: what it enclosed, else the descriptor at `place`, which is taken out.
pub fn unpack<T: DeserializeOwned>(
    stage: Stage,
    enclosed: Option<&[u8]>,
    fds: &mut Vec<OwnedFd>,
    place: usize,
) -> Result<T> {
    match enclosed {
        Some(bytes) => parse(stage, bytes),
        None if place < fds.len() => read(stage, fds.remove(place)),
        None => Err(untrusted(stage, "it is not there")),
    }
}

/// The value as a sealed memfd, its offset at the start.
pub fn seal(stage: Stage, value: &impl Serialize) -> Result<OwnedFd> {
    seal_bytes(stage, &write(stage, value)?)
}

fn write(stage: Stage, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Fail::new(stage, "cannot write a document").why(e.to_string()))
}

fn parse<T: DeserializeOwned>(stage: Stage, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| untrusted(stage, &e.to_string()))
}

fn untrusted(stage: Stage, why: &str) -> Fail {
    Fail::new(stage, "received a document that cannot be trusted").why(why)
}

/// The same for what holds secrets: nothing of it stays behind in this process.
pub fn seal_secret(stage: Stage, value: &impl Serialize) -> Result<OwnedFd> {
    let cannot = |e: serde_json::Error| Fail::new(stage, "cannot write a document").why(e.to_string());
    // A buffer that grows leaves copies behind, so its size is found out first.
    let mut size = Count(0);
    serde_json::to_writer(&mut size, value).map_err(cannot)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *bytes, value).map_err(cannot)?;
    seal_bytes(stage, &bytes)
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Bytes as a sealed memfd: for tests that play a lying peer.
pub fn seal_bytes(stage: Stage, bytes: &[u8]) -> Result<OwnedFd> {
    let what = || "cannot make a document in memory".to_string();
    let fd = memfd_create("kakuri", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).fail(stage, what)?;
    let mut file = File::from(fd);
    // With a limit on file sizes the kernel would kill us here instead of saying so.
    crate::sys::ignoring(libc::SIGXFSZ, || file.write_all(bytes)).fail(stage, what)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)
        .fail(stage, what)?;
    Ok(file.into())
}

/// Reads a document that came over a link: it must be sealed and of a sane size.
pub fn read<T: DeserializeOwned>(stage: Stage, fd: OwnedFd) -> Result<T> {
    parse(stage, &sealed(stage, fd)?)
}

/// The same for what holds secrets: what it was read from is wiped.
pub fn read_secret<T: DeserializeOwned>(stage: Stage, fd: OwnedFd) -> Result<T> {
    parse(stage, &Zeroizing::new(sealed(stage, fd)?))
}

/// The bytes of a document of another form than ours.
pub fn sealed(stage: Stage, fd: OwnedFd) -> Result<Vec<u8>> {
    let wanted = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    match fcntl_get_seals(&fd) {
        Ok(seals) if seals.contains(wanted) => {}
        _ => return Err(untrusted(stage, "it is not sealed")),
    }
    let size = fstat(&fd).fail(stage, || "cannot read a document".into())?.st_size as u64;
    if size > MAX_DOCUMENT {
        return Err(untrusted(stage, &format!("{size} bytes, more than {MAX_DOCUMENT}")));
    }
    let mut bytes = vec![0; size as usize];
    // By offset: the sender's own position travels with the descriptor.
    std::os::unix::fs::FileExt::read_exact_at(&File::from(fd), &mut bytes, 0)
        .fail(stage, || "cannot read a document".into())?;
    Ok(bytes)
}

/// Reads a document a person named: a file, or `-` for standard input. Errors give line and column.
pub fn read_named<T: DeserializeOwned>(stage: Stage, name: &std::path::Path) -> Result<T> {
    let shown = crate::Bytes::from(name).to_string();
    let what = || format!("cannot read '{shown}'");
    let cannot = |e: std::io::Error| {
        Fail::new(stage, what()).errno(e).hint("name a file that holds the document, or - for standard input")
    };
    let mut bytes = Vec::new();
    if name.as_os_str() == "-" {
        std::io::stdin().take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        File::open(name).map_err(cannot)?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(cannot)?;
    }
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Fail::new(stage, what()).why(format!("more than {MAX_DOCUMENT} bytes")));
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| Fail::new(stage, format!("'{shown}' is not the document this program takes")).why(e.to_string()))
}
