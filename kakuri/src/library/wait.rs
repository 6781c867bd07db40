//! Waiting for a process we started, and for what it writes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

/// How a process ended, as wait(2) tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// None where a signal ended it.
    pub code: Option<i32>,
}

/// Collects it if it has ended.
pub(super) fn collect(pidfd: BorrowedFd) -> io::Result<Option<Ended>> {
    loop {
        match waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => return Ok(None),
            Ok(Some(status)) => return Ok(Some(Ended { code: status.exit_status() })),
            Err(Errno::INTR) => {}
            // Collected by whoever ignores SIGCHLD, or waits for any child: what it told still counts.
            Err(Errno::CHILD) => return Ok(Some(Ended { code: None })),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Waits until it has ended; false where the time was over first.
pub(super) fn await_end(pidfd: BorrowedFd, limit: Option<Duration>) -> io::Result<bool> {
    let end = limit.map(|limit| Instant::now() + limit);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        match wait_for(&mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)], left)? {
            0 if left == Some(Duration::ZERO) => return Ok(false),
            0 => {}
            _ => return Ok(true),
        }
    }
}

fn wait_for(fds: &mut [PollFd], left: Option<Duration>) -> io::Result<usize> {
    let left = left.map(|left| Timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    });
    match poll(fds, left.as_ref()) {
        Ok(count) => Ok(count),
        Err(Errno::INTR) => Ok(0),
        Err(e) => Err(e.into()),
    }
}

/// Reads both pipes to their ends, side by side, so that neither fills up meanwhile.
pub(super) fn read_both(pipes: [Option<OwnedFd>; 2]) -> io::Result<[Vec<u8>; 2]> {
    let mut files = pipes.map(|pipe| pipe.map(File::from));
    let mut texts = [Vec::new(), Vec::new()];
    for file in files.iter().flatten() {
        fcntl_setfl(file, OFlags::NONBLOCK)?;
    }
    while files.iter().any(Option::is_some) {
        let mut fds: Vec<PollFd> =
            files.iter().flatten().map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)).collect();
        wait_for(&mut fds, None)?;
        drop(fds);
        for (file, text) in files.iter_mut().zip(&mut texts) {
            let Some(pipe) = file else { continue };
            match pipe.read_to_end(text) {
                Ok(_) => *file = None,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(texts)
}
