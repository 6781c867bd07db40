//! Rows about namespaces: making each, mapping ids, joining by pidfd.

use kakuri_wire::{Channel, sys};
use nix::sched::CloneFlags;
use rustix::thread::{ThreadNameSpaceType as Kind, move_into_thread_name_spaces};
use std::os::fd::AsFd;

use super::Row;
use super::probe::{self, Found, Step, Tried};
use crate::userns;

const USER: &str = "user namespace";
const MAP: &str = "id map";

/// A user namespace, and writing its map. Without both nothing else can be tried.
pub(super) fn users() -> Vec<Row> {
    let made = probe::user_namespace();
    if made != Found::Works {
        return vec![refused_user(&made), Row::untried(MAP, "user namespaces")];
    }
    let map = match probe::inside(CloneFlags::empty(), || Ok(())) {
        Found::Works => Row::works(MAP, "you are root inside"),
        Found::Refused(_, errno) => {
            let (reason, hint) = userns::explain_failure(errno);
            Row::fails(MAP, reason)
                .mend(hint)
                .fix(userns::commands(errno))
                .without("nothing: kakuri is made of user namespaces")
        }
        Found::Died => died(MAP),
    };
    vec![Row::works(USER, "may be made"), map]
}

fn refused_user(found: &Found) -> Row {
    match found {
        Found::Refused(Step::Fork, errno) => Row::fails(USER, kakuri_wire::fail::describe(*errno))
            .mend("raise the limits of processes and open files: ulimit -u, ulimit -n"),
        Found::Refused(_, errno) => {
            let (reason, hint) = userns::explain_failure(*errno);
            Row::fails(USER, reason)
                .mend(hint)
                .fix(userns::commands(*errno))
                .without("nothing: kakuri is made of user namespaces")
        }
        Found::Works | Found::Died => died(USER),
    }
}

/// Killed in the act: a filter that kills instead of refusing.
pub(super) fn died(name: &'static str) -> Row {
    Row::fails(name, "the process that tried was killed, or is stuck")
        .mend("run kakuri outside the sandbox that kills it (a seccomp filter does so)")
}

const MENU: [(&str, CloneFlags, &str, &str); 6] = [
    ("mount namespace", CloneFlags::CLONE_NEWNS, "mnt", "nothing: the container's files are one"),
    ("pid namespace", CloneFlags::CLONE_NEWPID, "pid", "nothing: the container's processes are one"),
    ("network namespace", CloneFlags::CLONE_NEWNET, "net", "kakuri --network host: the host's network"),
    ("ipc namespace", CloneFlags::CLONE_NEWIPC, "ipc", "kakuri --share ipc: the host's shared memory and queues"),
    ("uts namespace", CloneFlags::CLONE_NEWUTS, "uts", "kakuri --share uts: the host's name"),
    (
        "cgroup namespace",
        CloneFlags::CLONE_NEWCGROUP,
        "cgroup",
        "kakuri --share cgroup: the host's view of control groups",
    ),
];

pub(super) fn others(usable: bool) -> Vec<Row> {
    MENU.into_iter()
        .map(|(name, kind, short, without)| {
            if !usable {
                return Row::untried(name, "user namespaces");
            }
            match probe::inside(kind, || Ok(())) {
                Found::Works => Row::works(name, "may be made"),
                Found::Refused(_, errno) => Row::fails(name, kakuri_wire::fail::describe(errno))
                    .mend(mend(errno, short))
                    .fix(fix(errno, short))
                    .without(without),
                Found::Died => died(name).without(without),
            }
        })
        .collect()
}

fn mend(errno: i32, short: &str) -> String {
    match errno {
        libc::ENOSPC => format!("sudo sysctl -w user.max_{short}_namespaces=28633"),
        libc::EINVAL => {
            let option = if short == "mnt" { "NAMESPACES".into() } else { format!("{}_NS", short.to_uppercase()) };
            format!("boot a kernel with CONFIG_{option}=y")
        }
        _ => userns::explain_failure(errno).1,
    }
}

fn fix(errno: i32, short: &str) -> Vec<String> {
    match errno {
        libc::ENOSPC => userns::lasting(&format!("user.max_{short}_namespaces=28633")).into(),
        libc::EINVAL => Vec::new(),
        _ => userns::commands(errno),
    }
}

/// The helpers join a container by its first process's pidfd.
pub(super) fn joining(usable: bool) -> Row {
    const NAME: &str = "joining by pidfd";
    if !usable {
        return Row::untried(NAME, "user namespaces");
    }
    let refused = |e: std::io::Error| Found::Refused(Step::Fork, e.raw_os_error().unwrap_or(0));
    let found = probe::in_child(|| {
        let (ours, theirs) = match Channel::pair() {
            Ok(pair) => pair,
            Err(e) => return refused(e),
        };
        match sys::fork() {
            Err(e) => refused(e),
            Ok(None) => {
                drop(ours);
                let entered = probe::enter(CloneFlags::CLONE_NEWNS).err().unwrap_or(Found::Works);
                let _ = theirs.send(&entered, &[]);
                // Until the other has joined and ended: this end then hangs up.
                let _ = theirs.recv::<Found>();
                std::process::exit(0)
            }
            Ok(Some((_, pidfd))) => {
                drop(theirs);
                match ours.recv::<Found>() {
                    Ok((Found::Works, _)) => match join(pidfd.as_fd()) {
                        Ok(()) => Found::Works,
                        Err(e) => Found::Refused(Step::Action, e.raw_os_error()),
                    },
                    Ok((found, _)) => found,
                    Err(_) => Found::Died,
                }
            }
        }
    });
    match found {
        Found::Works => Row::works(NAME, "setns(2) takes a pidfd"),
        Found::Refused(_, errno) => Row::fails(NAME, kakuri_wire::fail::describe(errno))
            .mend("boot Linux 5.12 or later; in a sandbox, let its filter allow setns and pidfd_open")
            .without("nothing: the helpers enter a container this way"),
        Found::Died => died(NAME),
    }
}

fn join(process: std::os::fd::BorrowedFd) -> Tried {
    move_into_thread_name_spaces(process, Kind::USER | Kind::MOUNT)
}
