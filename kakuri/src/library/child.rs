//! A command that runs in a container.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};

use super::error::{Error, ErrorKind, Result};
use super::exit_status::{ExitStatus, Output, Reason};
use super::launch::Started;
use super::told::Told;
use super::wait::{await_end, collect, read_both};
use super::words::Calls;

/// A command that runs in a container, as [`std::process::Child`].
///
/// Dropped, it runs on, and stays in the process table until this process ends, unless [`Command::kill_on_drop`] was
/// asked for; wait for it.
///
/// As a descriptor ([`AsFd`]) it is a pidfd (pidfd_open(2)): readable once it has ended, for poll(2) and for what
/// asynchronous programs make of that.
///
/// [`Command::kill_on_drop`]: crate::Command::kill_on_drop
#[derive(Debug)]
pub struct Child {
    /// The writing end of its standard input, if that was to be a pipe.
    pub stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if that was to be a pipe.
    pub stdout: Option<ChildStdout>,
    /// The reading end of its standard error, if that was to be a pipe.
    pub stderr: Option<ChildStderr>,
    pub(super) process: Started,
    pub(super) told: Told,
    /// Whose calls an error is about.
    pub(super) calls: Calls,
    pub(super) kill_on_drop: bool,
    pub(super) end: Option<Result<ExitStatus>>,
}

impl Child {
    /// The process of kakuri that minds the command; the number of the command itself in its container is
    /// [`Child::id_inside`].
    pub fn id(&self) -> u32 {
        self.process.pid.unsigned_abs()
    }

    /// The command's process number in its container.
    pub fn id_inside(&self) -> Option<u32> {
        self.told.running.map(i32::unsigned_abs)
    }

    /// Ends a temporary container and everything in it at once, by SIGKILL. It is not waited for. What runs in a container
    /// that goes on ([`Persistent::exec`]) is hung up on: SIGHUP. One that has ended already is no error.
    ///
    /// [`Persistent::exec`]: crate::Persistent::exec
    pub fn kill(&mut self) -> Result<()> {
        self.send(Signal::KILL)
    }

    /// Sends the command a signal, by its number (signal(7)): kakuri passes on what it is sent. SIGKILL is
    /// [`Child::kill`]. One that has ended already is no error.
    pub fn signal(&mut self, signal: i32) -> Result<()> {
        match Signal::from_named_raw(signal) {
            Some(named) => self.send(named),
            None => Err(Error::new(ErrorKind::Io, format!("there is no signal {signal}"))),
        }
    }

    fn send(&mut self, signal: Signal) -> Result<()> {
        if self.end.is_some() {
            return Ok(());
        }
        match pidfd_send_signal(&self.process.pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(e) => Err(Error::io("cannot send a signal", &e.into())),
        }
    }

    /// Waits until it has ended. Its standard input is closed first, so that neither waits for the other.
    ///
    /// # Errors
    /// kakuri could not go on, and the container was ended: its VPN's tunnel was lost, for example.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        self.finish(None)?.ok_or_else(|| Error::new(ErrorKind::Io, "the wait was cut off"))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.finish(Some(Duration::ZERO))
    }

    /// Waits until it has ended, but no longer than this; None where it runs on.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        self.finish(Some(limit))
    }

    /// Waits until it has ended, and collects what it wrote to pipes.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn wait_with_output(mut self) -> Result<Output> {
        drop(self.stdin.take());
        let pipes = [self.stdout.take().map(OwnedFd::from), self.stderr.take().map(OwnedFd::from)];
        let [stdout, stderr] = read_both(pipes).map_err(|e| Error::io("cannot read what the command writes", &e))?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    fn finish(&mut self, limit: Option<Duration>) -> Result<Option<ExitStatus>> {
        if let Some(end) = &self.end {
            return end.clone().map(Some);
        }
        let cannot = |e: std::io::Error| Error::io("cannot wait for kakuri", &e);
        if limit != Some(Duration::ZERO) && !await_end(self.process.pidfd.as_fd(), limit).map_err(cannot)? {
            return Ok(None);
        }
        let Some(ended) = collect(self.process.pidfd.as_fd()).map_err(cannot)? else { return Ok(None) };
        self.told.read().map_err(cannot)?;
        let end = match (self.told.ended.take(), ended.code) {
            (Some(end), _) => end.map_err(|error| self.calls.name(error)),
            (None, None) => Ok(ExitStatus { reason: Reason::Killed, usage: None }),
            (None, Some(code)) => {
                Err(Error::new(ErrorKind::Program, "the program `kakuri` gave no account of the run")
                    .with_why(format!("it exited with code {code}"))
                    .with_hint("is it of the same release as this library? kakuri version tells"))
            }
        };
        self.end.insert(end).clone().map(Some)
    }

    /// Until the command runs, or will not.
    pub(super) fn await_start(&mut self) -> Result<()> {
        self.told.until_running().map_err(|e| Error::io("cannot hear what kakuri tells", &e))?;
        if self.told.running.is_none() {
            self.finish(None)?;
        }
        Ok(())
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.pidfd.as_fd()
    }
}

impl AsRawFd for Child {
    fn as_raw_fd(&self) -> RawFd {
        self.process.pidfd.as_raw_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.kill_on_drop && self.end.is_none() {
            let _ = self.kill();
            let _ = self.finish(None);
        }
    }
}
