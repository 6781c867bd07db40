//! Collecting children, with what they used.

use std::ffi::c_int;
use std::io;

/// A child that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub pid: i32,
    /// As wait(2) encodes it.
    pub status: c_int,
    /// Processor time in microseconds: of the child, and of all it has waited for.
    pub user_us: u64,
    pub system_us: u64,
    /// The most memory one of them had at a time, in KiB.
    pub peak_kib: u64,
}

/// wait4(2) of any child, without waiting; None while none has ended. Asking what it used is the same call.
pub fn wait_any() -> io::Result<Option<Ended>> {
    let mut status: c_int = 0;
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that outlive the call.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
    match pid {
        0 => Ok(None),
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Some(Ended {
            pid,
            status,
            user_us: micros(usage.ru_utime),
            system_us: micros(usage.ru_stime),
            peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        })),
    }
}

fn micros(time: libc::timeval) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec).unwrap_or(0)
}
