//! How the tunnel's process gives up everything but the descriptors it holds: it has keys, and strangers send it packets.
//!
//! Before the first key: not dumpable, no core. Before the threads: no file, no TCP, no new privilege. When all threads
//! wait and before the first packet: no system call but those the data path makes.

use std::os::fd::AsFd;
use std::path::Path;

use kakuri_wire::confine::{self as wire, Tcp};
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Result, Stage, sys};
use rustix::fs::{Mode, OFlags};

use super::filter;

const STAGE: Stage = Stage::Netns;

/// Nobody of the same user reads this process's memory, and it is never written to a file.
pub fn hide() -> Result<()> {
    wire::hide(STAGE)
}

/// Keeps nothing of the caller's: its terminal least of all. Everything from `first` on is closed.
pub fn let_go(first: u32) -> Result<()> {
    let what = || "cannot let the caller's files go".to_string();
    sys::close_range(first, u32::MAX, false).fail(STAGE, what)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).fail(STAGE, what)?;
    (0..3).try_for_each(|fd| sys::dup_onto(null.as_fd(), fd).fail(STAGE, what))
}

/// Nothing this process starts gains a right.
pub fn no_new_privileges() -> Result<()> {
    wire::no_new_privileges(STAGE)
}

/// Before the threads are started, which inherit it. Where the kernel has no Landlock, the filter alone must do.
pub fn deny_files_and_tcp() -> Result<()> {
    no_new_privileges()?;
    wire::restrict(STAGE, Tcp::BindAndConnect, None)
}

/// For who goes on reading one folder, and calling others: no other file, no write, no port that is not open yet.
/// Threads that are started later inherit it.
pub fn read_only_beneath(folder: &Path) -> Result<()> {
    no_new_privileges()?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())
        .fail(STAGE, || format!("cannot open the folder '{}'", folder.display()))?;
    wire::restrict(STAGE, Tcp::Bind, Some(folder.as_fd()))
}

/// When every thread runs.
pub fn filter_calls() -> Result<()> {
    wire::filter(STAGE, filter::program())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// In a thread of its own, which alone is put under it.
    #[test]
    fn one_folder_is_read_and_nothing_else() {
        let version = kakuri_wire::sys::confine::landlock_version().unwrap_or(0);
        if version == 0 {
            eprintln!("skipped: this kernel has no Landlock");
            return;
        }
        let folder = std::env::temp_dir().join(format!("kakuri-confine-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("lease"), "text").expect("a file");
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("an address");
        let inside = folder.clone();
        let tried = std::thread::spawn(move || {
            read_only_beneath(&inside).expect("it is confined");
            assert_eq!(fs::read_to_string(inside.join("lease")).expect("the lease"), "text");
            assert_eq!(fs::read_dir(&inside).expect("the folder").count(), 1);
            assert!(File::open("/etc/passwd").is_err(), "another file");
            assert!(fs::read_dir("/").is_err(), "another folder");
            assert!(fs::write(inside.join("lease"), "other").is_err(), "a write");
            assert!(fs::remove_file(inside.join("lease")).is_err(), "a removal");
            assert!(TcpStream::connect(address).is_ok(), "others are called");
            assert!(version < 4 || TcpListener::bind("127.0.0.1:0").is_err(), "a port of its own");
        });
        let tried = tried.join();
        let _ = fs::remove_dir_all(&folder);
        assert!(tried.is_ok());
    }
}
