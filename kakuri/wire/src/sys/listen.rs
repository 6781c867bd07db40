//! Answering the system calls that a filter hands to who listens (seccomp_unotify(2)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;
use super::confine::Instruction;

/// struct seccomp_notif of linux/seccomp.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Notice {
    pub id: u64,
    /// The thread, as our process namespace numbers it; 0 where it does not. As long as [`waits`] it is nobody else.
    pub pid: u32,
    pub flags: u32,
    pub number: i32,
    /// AUDIT_ARCH_*.
    pub machine: u32,
    pub place: u64,
    pub arguments: [u64; 6],
}

/// struct seccomp_notif_resp.
#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

// SECCOMP_IOCTL_NOTIF_*.
const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const IS_VALID: libc::c_ulong = 0x4008_2102;

const NEW_LISTENER: libc::c_ulong = 1 << 3;
/// What has been received is interrupted by nothing but a fatal signal, so that it is not made and told of twice. Linux 5.19.
const WAIT_KILLABLE: libc::c_ulong = 1 << 5;

/// Puts this thread under a filter; where that says SECCOMP_RET_USER_NOTIF, the call waits for who reads the descriptor,
/// which is close-on-exec. EBUSY: the filters it is under already have one who listens.
pub fn filter(program: &[Instruction]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_ptr().cast_mut() };
    let put = |flags: libc::c_ulong| {
        // SAFETY: the program outlives the call, which copies it and writes to nothing.
        check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) })
    };
    let made = match put(NEW_LISTENER | WAIT_KILLABLE) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => put(NEW_LISTENER),
        other => other,
    }?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(made as i32) })
}

/// A call that waits. Only asked when poll has shown one: else this waits for it. ENOENT: it was killed meanwhile.
pub fn receive(listener: BorrowedFd) -> io::Result<Notice> {
    let mut notice = Notice::default();
    // SAFETY: the structure is zeroed, as the kernel wants it, of the size the request says, and outlives the call.
    check(unsafe { libc::syscall(libc::SYS_ioctl, listener.as_raw_fd(), RECEIVE, &raw mut notice) })?;
    Ok(notice)
}

/// Whether it still waits: what was found out about its thread before is true of it then.
pub fn waits(listener: BorrowedFd, notice: &Notice) -> bool {
    let id = notice.id;
    // SAFETY: the number outlives the call, which reads it.
    unsafe { libc::syscall(libc::SYS_ioctl, listener.as_raw_fd(), IS_VALID, &raw const id) == 0 }
}

/// It fails with this error number. An error: it waits no more.
pub fn refuse(listener: BorrowedFd, notice: &Notice, errno: u16) -> io::Result<()> {
    let answer = Answer { id: notice.id, value: 0, error: -i32::from(errno), flags: 0 };
    // SAFETY: the answer is of the size the request says and outlives the call, which reads it.
    check(unsafe { libc::syscall(libc::SYS_ioctl, listener.as_raw_fd(), SEND, &raw const answer) }).map(drop)
}
