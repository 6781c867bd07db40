//! A program of somebody else's as a child that ends with this process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::set_no_new_privs;

/// What `command` starts dies with this process, gains no right by a set-id bit or by being root's, and has `kept`
/// open at their own numbers.
pub fn tie(command: &mut Command, kept: &[BorrowedFd]) {
    let us = getpid();
    let kept: Vec<i32> = kept.iter().map(|fd| fd.as_raw_fd()).collect();
    let before_exec = move || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The signal comes only from a death after it was asked for.
        if getppid() != Some(us) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        set_no_new_privs(true)?;
        for fd in &kept {
            // SAFETY: the caller keeps them open over the spawn; a number that is not open is EBADF.
            rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(*fd) }.as_fd(), FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls on plain numbers, and allocates nothing.
    unsafe { command.pre_exec(before_exec) };
}
