//! The program, as a child of the minder's.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Result, Stage};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

use super::{Nat, Program, command};
use crate::sys;

const STAGE: Stage = Stage::Netns;

/// Killed and waited for with this value.
pub struct Child {
    process: std::process::Child,
    /// Readable once it has ended.
    pub pidfd: OwnedFd,
    /// It writes here when all stands, or closes it without.
    pub ready: OwnedFd,
    /// Its standard error.
    pub words: OwnedFd,
    /// slirp4netns also ends when this closes.
    _exit: Option<OwnedFd>,
}

impl Child {
    /// Starts it for the namespaces of process `pid`. `walls`: it shuts itself in.
    pub fn start(nat: &Nat, pid: i32, walls: bool) -> Result<Child> {
        let cannot = || format!("cannot start '{}'", nat.path);
        let pipe = || pipe_with(PipeFlags::CLOEXEC).fail(STAGE, cannot);
        let (words, said) = pipe()?;
        let (ready, done) = pipe()?;
        for fd in [&words, &ready] {
            rustix::io::ioctl_fionbio(fd, true).fail(STAGE, cannot)?;
        }
        let mut program = Command::new(std::ffi::OsStr::from_bytes(nat.path.as_bytes()));
        program.env_clear().current_dir("/").stdin(Stdio::null());
        let exit = match nat.program {
            Program::Pasta => {
                let root = rustix::process::geteuid().is_root();
                program.args(command::pasta(nat, pid, root)).stdout(done).stderr(said);
                sys::child::tie(&mut program, &[]);
                return Child::spawn(program, ready, words, None).fail(STAGE, cannot);
            }
            Program::Slirp4netns => pipe()?,
        };
        let number = |fd: &OwnedFd| std::os::fd::AsRawFd::as_raw_fd(fd);
        program.args(command::slirp4netns(nat, pid, number(&done), number(&exit.0), walls));
        // What it says there is its settings, not its troubles.
        program.stdout(Stdio::null()).stderr(said);
        sys::child::tie(&mut program, &[done.as_fd(), exit.0.as_fd()]);
        // `done` and the reading end are open until it has them.
        let started = Child::spawn(program, ready, words, Some(exit.1)).fail(STAGE, cannot);
        drop((done, exit.0));
        started
    }

    fn spawn(mut command: Command, ready: OwnedFd, words: OwnedFd, exit: Option<OwnedFd>) -> std::io::Result<Child> {
        let mut process = command.spawn()?;
        // A child that nobody has waited for keeps its number.
        let pidfd = Pid::from_raw(process.id() as i32).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        match pidfd {
            Some(Ok(pidfd)) => Ok(Child { process, pidfd, ready, words, _exit: exit }),
            other => {
                let _ = process.kill();
                let _ = process.wait();
                Err(other.and_then(|opened| opened.err()).map_or(std::io::ErrorKind::NotFound.into(), Into::into))
            }
        }
    }

    /// How it ended, once it has.
    pub fn ended(&self) -> Option<String> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok().flatten()?;
        Some(match status.terminating_signal() {
            Some(signal) => format!("it was killed by signal {signal}"),
            None => format!("it exited with code {}", status.exit_status().unwrap_or_default()),
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = self.process.wait();
    }
}
