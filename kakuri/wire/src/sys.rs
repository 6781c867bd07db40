//! The only unsafe code of the start path: system calls that neither rustix nor nix offers safely.
//!
//! Every program that uses these is single-threaded, which is what makes fork-like calls sound here.

mod arena;
mod clone3;
pub mod confine;
pub mod listen;
mod process;
mod reap;

pub use arena::{Arena, leave_arena};
pub use process::{
    Image, Strings, clone_beside, clone_beside_into, clone_elsewhere, clone_vfork, clone_vfork_into, fork, ignoring,
    lend, reset_signals, stop_self,
};
pub use reap::{Ended, wait_any};

use std::ffi::{CStr, OsString, c_char, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MountAttr {
    pub set: u64,
    pub clear: u64,
    pub propagation: u64,
    pub userns_fd: u64,
}

pub const MOUNT_ATTR_RDONLY: u64 = 0x1;
pub const MOUNT_ATTR_NOSUID: u64 = 0x2;
pub const MOUNT_ATTR_NODEV: u64 = 0x4;
pub const MOUNT_ATTR_NOEXEC: u64 = 0x8;
/// Owners are those of a user namespace, `userns_fd` (Linux 5.12).
pub const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;

/// mount_setattr(2) on the mount an fd refers to; `recursive` includes every mount below it.
pub fn mount_setattr(mount: BorrowedFd, recursive: bool, attr: &MountAttr) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a valid empty C string and attr outlives the call; its size is given.
    let r = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    check(r).map(drop)
}

/// open_tree_attr(2) (Linux 6.15): a copy of a tree of mounts, its attributes set in the same call. ENOSYS before.
pub fn open_tree_attr(folder: BorrowedFd, path: &CStr, flags: u32, attr: &MountAttr) -> io::Result<OwnedFd> {
    const OPEN_TREE_ATTR: libc::c_long = 467;
    // SAFETY: the path is a C string and attr outlives the call; its size is given.
    let r = unsafe {
        libc::syscall(
            OPEN_TREE_ATTR,
            folder.as_raw_fd(),
            path.as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    let fd = check(r)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Whether this program was started as uid 0 (of whatever user namespace): what the kernel told it at its exec, which costs
/// no call.
pub fn was_born_root() -> bool {
    // SAFETY: reads the auxiliary vector, which is there and unchanged for as long as the process is.
    unsafe { libc::getauxval(libc::AT_EUID) == 0 }
}

/// close_range(2) over `first..=last`; with `cloexec` the descriptors are only marked (Linux 5.11).
pub fn close_range(first: u32, last: u32, cloexec: bool) -> io::Result<()> {
    let flags = if cloexec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: plain integers. The callers own every descriptor of the range: it is used right before an
    // exec or first thing after a clone, where no OwnedFd of the range is used again.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// Takes over a descriptor that was inherited at a fixed number (a link at exec), or None if it is not open.
pub fn inherit(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: fcntl on any number is harmless; it says whether the descriptor is open.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: the descriptor is open, and the caller is the one place that takes over this number.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether a descriptor number is open.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag of a number and touches no memory.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Duplicates `from` onto the number `to`, open over exec. Replaces whatever `to` was.
pub fn dup_onto(from: BorrowedFd, to: RawFd) -> io::Result<()> {
    if from.as_raw_fd() == to {
        // SAFETY: plain flag change; dup2 onto itself would leave close-on-exec set.
        return check(i64::from(unsafe { libc::fcntl(to, libc::F_SETFD, 0) }) as libc::c_long).map(drop);
    }
    // SAFETY: both are plain numbers; callers use it in a child about to exec, or on 0-2.
    check(unsafe { libc::dup2(from.as_raw_fd(), to) } as libc::c_long).map(drop)
}

/// prctl(PR_CAPBSET_DROP) for a number this kernel may not know yet; EINVAL then means "none such".
pub fn drop_bounding(cap: u32) -> io::Result<()> {
    // SAFETY: integers only.
    let r = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(cap), 0, 0, 0) };
    check(r as libc::c_long).map(drop)
}

/// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING without a name: a new, empty session keyring for this process and its
/// children, in the place of the caller's.
pub fn new_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring, and nothing else is read.
    check(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<c_char>()) }).map(drop)
}

/// setrlimit(2) by number; None is no limit.
pub fn set_limit(resource: u32, soft: Option<u64>, hard: Option<u64>) -> io::Result<()> {
    let value = |limit: Option<u64>| limit.map_or(libc::RLIM_INFINITY, |n| n as libc::rlim_t);
    let limit = libc::rlimit { rlim_cur: value(soft), rlim_max: value(hard) };
    // SAFETY: limit outlives the call; an unknown number is EINVAL.
    check(unsafe { libc::setrlimit(resource as _, &raw const limit) } as libc::c_long).map(drop)
}

/// ioctl(TIOCGPTPEER): opens the slave of a pty master without any path (Linux 4.13).
pub fn pty_peer(master: BorrowedFd) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags by value and returns a new descriptor.
    let r = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    let fd = check(r as libc::c_long)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// ioctl_ns(2) NS_GET_USERNS: the user namespace that owns a namespace. EPERM where it is none of ours or below.
pub fn namespace_owner(namespace: BorrowedFd) -> io::Result<OwnedFd> {
    const NS_GET_USERNS: libc::c_ulong = 0xb701;
    // SAFETY: no argument; a new close-on-exec descriptor is returned.
    let fd = check(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS as _) } as libc::c_long)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// ioctl_ns(2) NS_GET_NSTYPE: which kind of namespace this is, as a CLONE_NEW flag. ENOTTY for what is none.
pub fn namespace_type(namespace: BorrowedFd) -> io::Result<c_int> {
    const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
    // SAFETY: no argument, a plain number is returned.
    check(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_NSTYPE as _) } as libc::c_long).map(|kind| kind as c_int)
}

/// The process at the other end of a socket, whatever became of its number (SO_PEERPIDFD, Linux 6.5).
pub fn peer_pidfd(socket: BorrowedFd) -> io::Result<OwnedFd> {
    let mut pidfd: c_int = -1;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: both places outlive the call, and the size given is that of the first.
    let r = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut pidfd).cast(),
            &raw mut size,
        )
    };
    check(r as libc::c_long)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
}

/// The user namespace of a process (PIDFD_GET_USER_NAMESPACE, Linux 6.11).
pub fn user_namespace(pidfd: BorrowedFd) -> io::Result<OwnedFd> {
    // SAFETY: this ioctl takes no argument and returns a new descriptor, close-on-exec.
    let r = unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_USER_NAMESPACE, 0) };
    let fd = check(r as libc::c_long)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Forgets every environment variable that is not wanted. For the start of a program, before anything has read one.
pub fn retain_variables(wanted: impl Fn(&std::ffi::OsStr) -> bool) {
    for (key, _) in std::env::vars_os() {
        if !wanted(&key) {
            // SAFETY: our programs are single-threaded, so nobody reads the environment meanwhile.
            unsafe { std::env::remove_var(&key) };
        }
    }
}

/// Arguments as the kernel passed them to main.
///
/// # Safety
/// `argv` must be main's own: `argc` valid C strings.
pub unsafe fn arguments(argc: c_int, argv: *const *const c_char) -> Vec<OsString> {
    (0..usize::try_from(argc).unwrap_or(0))
        // SAFETY: by this function's contract each of the argc entries is a C string.
        .map(|i| unsafe { CStr::from_ptr(*argv.add(i)) })
        .map(|s| OsString::from_vec(s.to_bytes().to_vec()))
        .collect()
}

fn check(r: libc::c_long) -> io::Result<libc::c_long> {
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(r) }
}

/// Defines `main` around `fn(Vec<OsString>) -> u8` without Rust's start-up code, which would open
/// /dev/null over closed standard descriptors and ignore SIGPIPE before we could see either; and puts
/// the arena in front of malloc, or an allocator of the program's own that has it.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        $crate::program!($run, $crate::sys::Arena);
    };
    ($run:path, $allocator:ty) => {
        #[global_allocator]
        static ALLOCATOR: $allocator = <$allocator>::new();

        // SAFETY: this is the one definition of main in the program.
        #[unsafe(no_mangle)]
        extern "C" fn main(argc: std::ffi::c_int, argv: *const *const std::ffi::c_char) -> std::ffi::c_int {
            // SAFETY: argc and argv are main's own.
            let arguments = unsafe { $crate::sys::arguments(argc, argv) };
            std::process::exit(i32::from($run(arguments)))
        }
    };
}
