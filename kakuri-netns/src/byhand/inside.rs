//! The command's side: namespaces of its own, a TUN device, and a PID 1 above it.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage, byhand, sys};
use nix::sched::CloneFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Signal, WaitId, WaitIdOptions, set_parent_process_death_signal, waitid};

use super::child::code;
use super::names::Resolver;
use crate::{FromNetns, Plan, configure, sys::signal};

const STAGE: Stage = Stage::Netns;
/// What is said when the tunnel runs: the command may start.
pub const GO: &[u8] = b"go";

/// Until the command has ended; its exit code.
pub fn run(link: &Channel, plan: &Plan, resolver: &Resolver, command: &[OsString]) -> Result<u8> {
    super::unshare(
        CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID,
    )?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .fail(STAGE, || "cannot make the mounts private".into())?;
    resolver.cover()?;
    let device = configure::carry_out(plan)?;
    let carried: Vec<_> = device.iter().map(AsFd::as_fd).collect();
    link.send(&FromNetns::Up { tun: !carried.is_empty() }, &carried).map_err(configure::lost)?;
    // The tunnel holds it from here on, and nobody else.
    drop(carried);
    drop(device);
    match link.recv_raw() {
        Ok((word, _)) if word == GO => {}
        Ok(_) => return Err(configure::unexpected("the start")),
        Err(Broken::Closed) => return Ok(1),
        Err(broken) => return Err(configure::lost(broken)),
    }
    let what = || "cannot start a process".to_string();
    let (ours, theirs) = Channel::pair().fail(STAGE, what)?;
    // The first process of the new process namespace is a child's.
    match sys::fork().fail(STAGE, what)? {
        Some((_, pidfd)) => {
            drop(theirs);
            let code = wait_for(pidfd.as_fd());
            // Until here it says that we live.
            drop(ours);
            code
        }
        None => {
            drop(ours);
            std::process::exit(i32::from(reap(&theirs, command).unwrap_or_else(|fail| byhand::report(STAGE, &fail))))
        }
    }
}

/// PID 1: starts the command and waits for everybody. When it ends the kernel ends the rest.
fn reap(above: &Channel, command: &[OsString]) -> Result<u8> {
    tie()?;
    // The signal comes only from a death after it was asked for; its number would be no sign in this namespace.
    if above.hung_up() {
        return Ok(1);
    }
    // Of the process namespace it is in. Where the host's is partly covered the kernel allows no other; it then stays.
    let _ = mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None);
    let pidfd = match sys::fork().fail(STAGE, || "cannot start a process".into())? {
        Some((_, pidfd)) => pidfd,
        None => {
            let Err(fail) = start(command);
            let _ = std::io::stderr().flush();
            std::process::exit(i32::from(byhand::report(STAGE, &fail)));
        }
    };
    loop {
        // The command first: who is adopted may have ended long before it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        if let Ok(Some(status)) = waitid(WaitId::PidFd(pidfd.as_fd()), options) {
            return Ok(code(&status));
        }
        // Sleeps until somebody has ended, without reaping: it might be the command.
        let ended = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        if let Ok(Some(status)) = waitid(WaitId::PidFd(pidfd.as_fd()), options) {
            return Ok(code(&status));
        }
        if ended.is_ok() {
            let _ = waitid(WaitId::All, options);
        }
    }
}

/// Becomes the command, as root of the namespaces, with signals as the shell gave them.
fn start(command: &[OsString]) -> Result<Infallible> {
    signal::restore_typed();
    Err(byhand::exec(STAGE, command))
}

/// Ends with the process above.
fn tie() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).fail(STAGE, || "cannot ask for the parent-death signal".into())
}

fn wait_for(child: BorrowedFd) -> Result<u8> {
    loop {
        match waitid(WaitId::PidFd(child), WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(code(&status)),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Fail::new(STAGE, "cannot wait for the command").errno(errno)),
        }
    }
}
