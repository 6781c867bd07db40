//! The file of a configuration, read once. It holds a private key: what was read is wiped when dropped.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use kakuri_netns::conf::MAX_SIZE;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::find::quoted;
use crate::host::as_path;

/// As it was read.
pub struct Text {
    pub bytes: Zeroizing<Vec<u8>>,
    /// Permission bits.
    mode: u32,
    owner: u32,
}

/// A file that the user named; links on the way are his choice.
pub fn read(path: &[u8], shown: &str) -> Result<Text> {
    let what = format!("cannot read the VPN configuration '{shown}'");
    open(as_path(path), OFlags::empty()).map_err(|unfit| match unfit {
        Unfit::Errno(e @ Errno::ACCESS) => {
            Fail::new(Stage::Front, what).errno(e).hint(match path.starts_with(b"/etc/") {
                true => format!("sudo install -m600 -o \"$USER\" {} ~/.config/wireguard/", quoted(path)),
                false => format!("make it yours: sudo chown \"$USER\" {0} && chmod 600 {0}", quoted(path)),
            })
        }
        Unfit::Errno(e @ (Errno::NOENT | Errno::NOTDIR)) => Fail::new(Stage::Front, what)
            .errno(e)
            .hint("correct the path; a name without '/' is looked for in /etc/wireguard and ~/.config/wireguard"),
        unfit => unfit.fail(what),
    })
}

/// Why it is not read.
pub(super) enum Unfit {
    Errno(Errno),
    Kind(FileType),
    Large,
}

impl Unfit {
    pub(super) fn fail(self, what: String) -> Fail {
        let fail = Fail::new(Stage::Front, what);
        match self {
            Unfit::Errno(e) => fail.errno(e),
            Unfit::Kind(FileType::Directory) => fail.why("it is a folder").hint("name the file in it"),
            Unfit::Kind(kind) => {
                let kind = match kind {
                    FileType::Symlink => "a symbolic link",
                    FileType::Fifo => "a named pipe",
                    FileType::Socket => "a socket",
                    _ => "a device",
                };
                fail.why(format!("it is {kind}, and no regular file"))
                    .hint("put it into a file of mode 600, and name that")
            }
            Unfit::Large => fail
                .why(format!("it is larger than {} KiB", MAX_SIZE / 1024))
                .hint("it is the file that wg-quick(8) takes"),
        }
    }
}

/// Waits for no pipe, and reads no device.
pub(super) fn open(path: &Path, more: OFlags) -> Result<Text, Unfit> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let file = openat(CWD, path, flags, Mode::empty()).map_err(|e| match e {
        Errno::LOOP if more.contains(OFlags::NOFOLLOW) => Unfit::Kind(FileType::Symlink),
        // Of a socket.
        Errno::NXIO => Unfit::Kind(FileType::Socket),
        e => Unfit::Errno(e),
    })?;
    let stat = fstat(file.as_fd()).map_err(Unfit::Errno)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        kind => return Err(Unfit::Kind(kind)),
    }
    // A buffer that grows leaves copies of the key behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_SIZE + 1]);
    let mut file = File::from(file);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Unfit::Errno(Errno::from_io_error(&e).unwrap_or(Errno::IO))),
        }
    }
    if length > MAX_SIZE {
        return Err(Unfit::Large);
    }
    bytes.truncate(length);
    Ok(Text { bytes, mode: stat.st_mode & 0o7777, owner: stat.st_uid })
}

/// What is said where others may read the key, or change the way.
pub fn open_to_others(text: &Text, path: &[u8]) -> Option<Fail> {
    let who = match text.mode {
        mode if mode & 0o022 != 0 => "may be changed by other users",
        mode if mode & 0o004 != 0 => "may be read by every user",
        mode if mode & 0o040 != 0 => "may be read by its group",
        _ => return None,
    };
    let path = quoted(path);
    let sudo = if text.owner == geteuid().as_raw() { "" } else { "sudo " };
    Some(
        Fail::new(Stage::Front, format!("{path} {who}, and it holds a private key"))
            .hint(format!("{sudo}chmod 600 {path}")),
    )
}
