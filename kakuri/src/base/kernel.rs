//! /dev, /proc and /sys.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use kakuri_mount::Op;
use kakuri_wire::Kernelfs;

use super::{Places, add};
use crate::layout::{Source, What};
use crate::network::Kind;
use crate::spec::{Proc, Spec};

const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
const LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];
/// Readable by everybody and about everybody: keyrings of the whole host.
const TELLING: [&str; 2] = ["/proc/keys", "/proc/key-users"];

/// Files that move the whole machine, or tell of it, and are of no use inside.
const LEVERS: [&str; 8] = [
    "/proc/sysrq-trigger",
    "/proc/kcore",
    "/proc/timer_list",
    "/proc/latency_stats",
    "/proc/mtrr",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/kpagecgroup",
];

/// Takes the kernel's own settings out of the reach of a container started by root: root of the host may write these
/// files whatever namespace it is in. A wall behind the ids of its own, which root has given such a container where he could.
pub fn guard(finish: &mut Vec<Op>, spec: &Spec) {
    if spec.proc != Proc::Fresh {
        return;
    }
    let exists = |path: &&str| std::fs::symlink_metadata(path).is_ok();
    finish.extend(settings().into_iter().map(|at| Op::Freeze { at: at.into() }));
    finish.extend(LEVERS.into_iter().filter(exists).map(|at| Op::Hide { at: at.into(), folder: false }));
}

/// What of /proc is the machine's and not a process's: every folder (sys, irq, bus, acpi, scsi, what drivers add), and
/// every file somebody may write.
fn settings() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let of_processes = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !of_processes(entry.file_name().as_bytes()))
        // Not followed: a link leads to a process's own.
        .filter(|e| e.metadata().is_ok_and(|m| m.is_dir() || (m.is_file() && m.mode() & 0o222 != 0)))
        .map(|entry| entry.path())
        .filter(|path| !LEVERS.iter().any(|lever| path.as_os_str() == *lever))
        .collect();
    found.sort();
    found
}

/// A small /dev. It lies in the root folder, which turns read-only; writing to devices still works.
pub fn devices(places: &mut Places, spec: &Spec, notes: &mut Vec<String>) {
    add(places, "/dev", What::Folder { mode: 0o755 });
    for device in DEVICES {
        let from = device.as_bytes().to_vec();
        // Read-only says who owns the node and with which mode: its data passes all the same. A container that root
        // starts could otherwise close /dev/null to the whole host.
        add(places, device, What::Bind(Source { from, devices: true, read_only: true, ..Source::default() }));
    }
    for (at, to) in LINKS {
        add(places, at, What::Symlink { to: to.into() });
    }
    add(places, "/dev/pts", What::Devpts);
    add(places, "/dev/shm", What::Private { mode: 0o1777, read_only: false });
    if spec.share.ipc {
        notes.push("/dev/mqueue is left out: message queues belong to the shared ipc namespace".into());
    } else {
        add(places, "/dev/mqueue", What::Attach(Kernelfs::Mqueue));
    }
}

/// What only a process in the container's own namespaces can make; the host's, where a namespace is shared.
pub fn file_systems(places: &mut Places, spec: &Spec, network: Kind, notes: &mut Vec<String>) {
    let hosts = |path: &str| {
        let from = path.as_bytes().to_vec();
        What::Bind(Source { from, folder: true, read_only: true, ..Source::default() })
    };
    match spec.proc {
        Proc::Fresh => add(places, "/proc", What::Attach(Kernelfs::Proc)),
        Proc::Host => {
            add(places, "/proc", hosts("/proc"));
            notes.push("/proc is the host's, read-only: the command sees the host's processes (--proc host)".into());
        }
        Proc::None => notes.push("there is no /proc (--proc none)".into()),
    }
    match network {
        Kind::None | Kind::Own => add(places, "/sys", What::Attach(Kernelfs::Sysfs)),
        Kind::Host => {
            add(places, "/sys", hosts("/sys"));
            notes
                .push("/sys is the host's, read-only: a fresh one needs a network namespace of the container's".into());
        }
        Kind::Joined => notes.push("there is no /sys: its network namespace is not the container's own".into()),
    }
    // A cover on /proc would keep a nested container from mounting a fresh one. A kernel has both or none.
    if spec.proc != Proc::None && !spec.nest && std::fs::symlink_metadata(TELLING[0]).is_ok() {
        for file in TELLING {
            add(places, file, What::Hide { folder: false });
        }
    }
}
