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
const SECOND: &str = "second user namespace";

/// A user namespace, writing its map, and one in it. Without them nothing else can be tried.
pub(super) fn users() -> [Row; 3] {
    let user = || Row::works(USER, "may be made");
    let map = || Row::works(MAP, "you are root inside");
    let second = || Row::untried(SECOND, "the first");
    match probe::user_namespaces() {
        Found::Works => [user(), map(), Row::works(SECOND, "the command's own, in the container's")],
        Found::Refused(Step::Map, errno) => [user(), refused(MAP, &userns::explain_failure(errno), errno), second()],
        Found::Refused(Step::Second, errno) => [user(), map(), refused(SECOND, &userns::explain_second(errno), errno)],
        Found::Refused(Step::Fork, errno) if errno != libc::EAGAIN => {
            let row = Row::fails(USER, kakuri_wire::fail::describe(errno))
                .mend("raise the limits of processes and open files: ulimit -u, ulimit -n");
            [row, Row::untried(MAP, "user namespaces"), second()]
        }
        Found::Refused(_, errno) => {
            let row = refused(USER, &userns::explain_failure(errno), errno);
            [row, Row::untried(MAP, "user namespaces"), second()]
        }
        Found::Died => [died(USER), Row::untried(MAP, "user namespaces"), second()],
    }
}

fn refused(name: &'static str, (reason, hint): &(String, String), errno: i32) -> Row {
    Row::fails(name, reason)
        .mend(hint)
        .fix(userns::commands(errno))
        .without("nothing: kakuri is made of user namespaces")
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

/// A row for each kind, and the kinds there are.
pub(super) fn others(usable: bool) -> (Vec<Row>, CloneFlags) {
    let mut made = CloneFlags::empty();
    let row = |(name, kind, short, without)| {
        if !usable {
            return Row::untried(name, "user namespaces");
        }
        match probe::inside(kind, || Ok(())) {
            Found::Works => {
                made |= kind;
                Row::works(name, "may be made")
            }
            Found::Refused(_, errno) => refused_kind(name, errno, short).without(without),
            Found::Died => died(name).without(without),
        }
    };
    (MENU.into_iter().map(row).collect(), made)
}

fn refused_kind(name: &'static str, errno: i32, short: &'static str) -> Row {
    if errno == libc::EINVAL {
        let option = if short == "mnt" { "NAMESPACES".into() } else { format!("{}_NS", short.to_uppercase()) };
        return Row::fails(name, "this kernel is built without them")
            .mend(format!("boot a kernel with CONFIG_{option}=y"));
    }
    let (reason, hint, commands) = userns::explain_kind(errno, short);
    Row::fails(name, reason).mend(hint).fix(commands)
}

/// What a probe that wants these kinds waits for, where one of them is not to be had.
pub(super) fn lacking(kinds: CloneFlags, made: CloneFlags) -> Option<String> {
    MENU.iter()
        .find(|(_, kind, ..)| kinds.contains(*kind) && !made.contains(*kind))
        .map(|(name, ..)| format!("{name}s"))
}

/// The helpers join a container by its first process's pidfd.
pub(super) fn joining(usable: bool, made: CloneFlags) -> Row {
    const NAME: &str = "joining by pidfd";
    if !usable {
        return Row::untried(NAME, "user namespaces");
    }
    if let Some(lacking) = lacking(CloneFlags::CLONE_NEWNS, made) {
        return Row::untried(NAME, &lacking);
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
