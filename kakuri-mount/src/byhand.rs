//! This program run from a shell. Runs with the caller's own rights; the namespaces it makes give rights over
//! themselves alone, and building uses of those what it uses under the front: CAP_SYS_ADMIN,
//! and CAP_DAC_OVERRIDE for a writable overlay.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Kernelfs, Result, Stage, byhand, document, sys};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{WaitId, WaitIdOptions, set_parent_process_death_signal, umask, waitid};

use crate::build::Build;
use crate::mapped::Mapped;
use crate::{Op, Plan, check::check, device, explain::explain, serve};

const USAGE: &str = "usage: kakuri-mount PLAN -- CMD [ARG...] | --check PLAN | --explain PLAN | --version | --help

Makes a user and a mount namespace, builds there the root filesystem that PLAN
describes (a JSON file, or - for standard input) and becomes CMD in it, as its
root. A plan that attaches a proc gives CMD a pid namespace too.
";

pub fn run(arguments: &[OsString]) -> u8 {
    let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).collect();
    let done = match words.as_slice() {
        ["--version"] => Ok(byhand::print_version(Stage::Mount)),
        ["--help" | "-h"] => Ok(print(USAGE)),
        ["--check", _] => read(&arguments[2]).map(|_| 0),
        ["--explain", _] => read(&arguments[2]).map(|plan| print(&explain(&plan))),
        [file, "--", _, ..] if *file == "-" || !file.starts_with('-') => {
            read(&arguments[1]).and_then(|plan| become_command(&plan, &arguments[3..]))
        }
        _ => Err(misuse(arguments)),
    };
    done.unwrap_or_else(|fail| byhand::report(Stage::Mount, &fail))
}

/// Parsed and checked before anything is made.
fn read(name: &OsString) -> Result<Plan> {
    let plan = document::read_named(Stage::Mount, name.as_ref())?;
    check(&plan).map(|()| plan)
}

fn become_command(plan: &Plan, command: &[OsString]) -> Result<u8> {
    let wanted: Vec<Kernelfs> =
        plan.finish.iter().filter_map(|op| if let Op::Attach { what, .. } = op { Some(*what) } else { None }).collect();
    if plan.ranged.is_some() {
        return Err(Fail::new(Stage::Mount, "cannot carry out a plan with a range of ids by hand")
            .why("newuidmap and newgidmap have to map them, and kakuri calls those")
            .hint("leave `ranged` out of it"));
    }
    let here = std::env::current_dir();
    separate(&wanted)?;
    if wanted.contains(&Kernelfs::Proc)
        && let Some(code) = become_pid_1()?
    {
        return Ok(code);
    }
    let mask = umask(rustix::fs::Mode::empty());
    serve::confine(plan)?;
    let mut build = Build::begin(plan, Mapped::default())?;
    build.ops(&plan.ops)?;
    let made = wanted.iter().map(|kind| Ok((*kind, make(*kind, &build)?))).collect::<Result<_>>()?;
    build.hand(made)?;
    build.ops(&plan.finish)?;
    build.pivot(plan.read_only)?;
    umask(mask);
    // Where the caller was, when that is to be seen inside; else where the pivot left us, in the root.
    let _ = here.and_then(std::env::set_current_dir);
    Err(byhand::exec(Stage::Mount, command))
}

/// Moves this process into namespaces of its own, as root there: the caller's ids are the only ones mapped.
fn separate(wanted: &[Kernelfs]) -> Result<()> {
    // Asked before: inside, they are the overflow id until the maps are written.
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut kinds = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS;
    kinds.set(CloneFlags::CLONE_NEWPID, wanted.contains(&Kernelfs::Proc));
    kinds.set(CloneFlags::CLONE_NEWIPC, wanted.contains(&Kernelfs::Mqueue));
    unshare(kinds)
        .fail(Stage::Mount, || "cannot make namespaces".into())
        .map_err(|fail| fail.hint("`kakuri doctor` tells what refuses it and what mends it"))?;
    // setgroups first: the kernel takes a group map from an ordinary user only once it is denied.
    for (file, text) in
        [("setgroups", "deny".into()), ("gid_map", format!("0 {group} 1")), ("uid_map", format!("0 {user} 1"))]
    {
        let path = format!("/proc/self/{file}");
        std::fs::write(&path, &text).fail(Stage::Mount, || format!("cannot write '{text}' to {path}"))?;
    }
    Ok(())
}

/// A proc shows the pid namespace of who makes it, and only a child is in the new one. The parent waits here
/// and has the command's exit code; the child gets None.
fn become_pid_1() -> Result<Option<u8>> {
    let what = || "cannot make a process".to_string();
    // What the terminal sends is the command's to answer.
    let mut terminal = SigSet::empty();
    terminal.extend([Signal::SIGINT, Signal::SIGQUIT]);
    let before = SigSet::thread_get_mask().fail(Stage::Mount, what)?;
    terminal.thread_block().fail(Stage::Mount, what)?;
    match sys::fork().fail(Stage::Mount, what)? {
        None => {
            set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).fail(Stage::Mount, what)?;
            before.thread_set_mask().fail(Stage::Mount, what)?;
            Ok(None)
        }
        Some((_, child)) => {
            let ended = waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&child)), WaitIdOptions::EXITED)
                .fail(Stage::Mount, || "cannot wait for the command".into())?;
            let code = ended.and_then(|status| status.exit_status().or(status.terminating_signal().map(|n| 128 + n)));
            Ok(Some(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(kakuri_wire::fail::CODE_FAILED)))
        }
    }
}

/// What PID 1 would have made. What cannot be made here is the host's, and said to be.
fn make(kind: Kernelfs, build: &Build) -> Result<OwnedFd> {
    let host = match kind {
        Kernelfs::Proc => "/proc",
        Kernelfs::Mqueue => "/dev/mqueue",
        Kernelfs::Sysfs => "/sys",
    };
    let why = match kind {
        Kernelfs::Sysfs => "it shows the network namespace, which is the host's".to_string(),
        _ => match device::make(kind) {
            Ok(mount) => return Ok(mount),
            Err(e) => kakuri_wire::fail::describe(e.raw_os_error()),
        },
    };
    let _ = writeln!(std::io::stderr(), "kakuri-mount: {} is the host's own: {why}", kind.name());
    build.host(&Bytes::from(host))
}

fn misuse(arguments: &[OsString]) -> Fail {
    let typed: Vec<String> = arguments.iter().skip(1).map(|word| Bytes::from(word).to_string()).collect();
    let what =
        if typed.is_empty() { "no plan given".into() } else { format!("cannot understand '{}'", typed.join(" ")) };
    Fail::new(Stage::Mount, what).hint(USAGE.lines().next().unwrap_or_default())
}

fn print(text: &str) -> u8 {
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    0
}
