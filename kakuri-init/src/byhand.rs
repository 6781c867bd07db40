//! `kakuri-init -- CMD`: a plain reaper anywhere, as the first process of a container or below a shell.
//! Needs no privilege and makes no namespace.

use std::ffi::OsString;
use std::io::Write;

use kakuri_wire::byhand::{exec, print_version, report};
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, kill_process, set_child_subreaper};

use crate::Status;
use crate::reap::{Signals, next_ended};

const USAGE: &str = "usage: kakuri-init [--] CMD [ARG...]
       kakuri-init --version | --help

Runs CMD, forwards signals to it, collects every orphan below it, and ends with CMD's own exit code
(128+N if signal N killed it).
";

pub fn run(arguments: &[OsString]) -> u8 {
    let words = arguments.get(1..).unwrap_or_default();
    let command = match words.first().and_then(|w| w.to_str()) {
        Some("--help" | "-h") => {
            let _ = std::io::stdout().write_all(USAGE.as_bytes());
            return 0;
        }
        Some("--version" | "-V") => return print_version(Stage::Init),
        Some("--") => &words[1..],
        Some(flag) if flag.starts_with('-') => {
            let fail = Fail::new(Stage::Init, format!("unknown option '{flag}'")).hint("kakuri-init -- CMD [ARG...]");
            return report(Stage::Init, &fail);
        }
        _ => words,
    };
    if command.is_empty() {
        return report(
            Stage::Init,
            &Fail::new(Stage::Init, "there is no command to run").hint("kakuri-init -- CMD [ARG...]"),
        );
    }
    match mind(command) {
        Ok(Status::Code(code)) => code,
        Ok(Status::Signal { signal, .. }) => 128_u8.saturating_add(signal as u8),
        Err(fail) => report(Stage::Init, &fail),
    }
}

fn mind(command: &[OsString]) -> Result<Status> {
    // Everything but what the kernel raises at a process for its own faults.
    let mut wanted = SigSet::all();
    for fault in [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGSYS,
        Signal::SIGABRT,
    ] {
        wanted.remove(fault);
    }
    // The terminal's own stops reach CMD directly: it shares our process group.
    for shared in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        wanted.remove(shared);
    }
    let mut signals = Signals::block(&wanted)?;
    set_child_subreaper(Some(rustix::process::getpid()))
        .fail(Stage::Init, || "cannot become the parent of orphans".into())?;
    let Some((pid, _pidfd)) = sys::fork().fail(Stage::Init, || "cannot start a process".into())? else {
        let failure = match sys::reset_signals(signals.inherited.as_ref()) {
            Ok(()) => exec(Stage::Init, command),
            Err(e) => Fail::new(Stage::Init, "cannot give the signal mask back").errno(e),
        };
        std::process::exit(i32::from(report(Stage::Init, &failure)));
    };
    loop {
        let mut fds = [PollFd::new(&signals.fd, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(Fail::new(Stage::Init, "cannot wait").errno(e)),
        }
        while let Some(signal) = signals.take() {
            if signal != libc::SIGCHLD {
                forward(pid, signal);
            }
        }
        let mut end = None;
        while let Some((ended, status, _)) = next_ended()? {
            end = end.or((ended == pid).then_some(status));
        }
        if let Some(status) = end {
            return Ok(status);
        }
    }
}

fn forward(pid: i32, signal: i32) {
    if let (Some(pid), Some(signal)) = (Pid::from_raw(pid), rustix::process::Signal::from_named_raw(signal)) {
        let _ = kill_process(pid, signal);
    }
}
