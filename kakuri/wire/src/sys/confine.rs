//! Giving up what a process could still do: seccomp(2) and landlock(7).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

pub use libc::sock_filter as Instruction;

/// prctl(2) PR_SET_DUMPABLE: without it nobody of the same user may read this process's memory, and none is written out.
pub fn hide() -> io::Result<()> {
    // SAFETY: integers only.
    super::check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } as libc::c_long).map(drop)
}

/// The other way round; false where it was hidden already, and is left so.
pub fn is_hidden() -> bool {
    // SAFETY: integers only.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) != 1 }
}

/// Takes [`hide`] back.
pub fn show() -> io::Result<()> {
    // SAFETY: integers only.
    super::check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) } as libc::c_long).map(drop)
}

/// prctl(2) PR_SET_NO_NEW_PRIVS, which both of the below want.
pub fn no_new_privileges() -> io::Result<()> {
    // SAFETY: integers only.
    super::check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } as libc::c_long).map(drop)
}

/// Puts every thread of this process under a filter (seccomp(2) with SECCOMP_FILTER_FLAG_TSYNC).
pub fn filter_all_threads(program: &[Instruction]) -> io::Result<()> {
    let program = libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program outlives the call, which copies it and writes to nothing.
    let r = unsafe {
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    match r {
        0 => Ok(()),
        // The thread that could not be put under it, by its id.
        1.. => Err(io::Error::from_raw_os_error(libc::EBUSY)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// struct landlock_ruleset_attr.
#[repr(C)]
pub struct Ruleset {
    pub files: u64,
    pub network: u64,
    pub scoped: u64,
}

/// Which form of Landlock this kernel has; an error where it has none.
pub fn landlock_version() -> io::Result<u32> {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call reads nothing.
    let r = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0_usize, VERSION) };
    u32::try_from(r).map_err(|_| io::Error::last_os_error())
}

/// struct landlock_path_beneath_attr, which is packed.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    folder: i32,
}

/// struct landlock_net_port_attr.
#[repr(C)]
struct Port {
    allowed: u64,
    port: u64,
}

/// A set of rules that denies all that it names and no rule allows. `size`: how much of it the kernel knows, bytes.
pub fn create_ruleset(set: &Ruleset, size: usize) -> io::Result<OwnedFd> {
    let size = size.min(size_of::<Ruleset>());
    // SAFETY: the set outlives the call and is at least as long as is said.
    let r = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::from_ref(set), size, 0) };
    super::check(r)?;
    // SAFETY: the kernel has just given us this descriptor, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(r as i32) })
}

/// Lets be done what is `allowed` beneath a folder, or to a file. A right the set does not name, and of a file one that
/// only folders have, is EINVAL.
pub fn allow_beneath(ruleset: BorrowedFd, place: BorrowedFd, allowed: u64) -> io::Result<()> {
    const PATH_BENEATH: libc::c_uint = 1;
    let rule = Beneath { allowed, folder: place.as_raw_fd() };
    let (ruleset, rule) = (ruleset.as_raw_fd(), &raw const rule);
    // SAFETY: the rule outlives the call, and is of the kind that is said.
    super::check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset, PATH_BENEATH, rule, 0) }).map(drop)
}

/// Lets be done what is `allowed` with a TCP port.
pub fn allow_port(ruleset: BorrowedFd, port: u16, allowed: u64) -> io::Result<()> {
    const NET_PORT: libc::c_uint = 2;
    let rule = Port { allowed, port: port.into() };
    let (ruleset, rule) = (ruleset.as_raw_fd(), &raw const rule);
    // SAFETY: the rule outlives the call, and is of the kind that is said.
    super::check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset, NET_PORT, rule, 0) }).map(drop)
}

/// Puts this thread, and those it starts, under the rules for good. It has to have no_new_privs.
pub fn restrict_self(ruleset: BorrowedFd) -> io::Result<()> {
    // SAFETY: integers only.
    super::check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) }).map(drop)
}

/// Denies this thread, and those it starts, all that the set names, but for what is `allowed` beneath a folder.
pub fn deny(set: &Ruleset, size: usize, excepted: Option<(BorrowedFd, u64)>) -> io::Result<()> {
    let ruleset = create_ruleset(set, size)?;
    if let Some((folder, allowed)) = excepted {
        allow_beneath(ruleset.as_fd(), folder, allowed)?;
    }
    restrict_self(ruleset.as_fd())
}
