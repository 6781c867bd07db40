//! /dev, /proc and /sys.

use kakuri_mount::Op;
use kakuri_wire::Kernelfs;

use super::{Places, add};
use crate::layout::{Source, What};
use crate::spec::{Network, Proc, Spec};

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

/// The kernel's own settings: root of the host may write these files whatever namespace it is in, and a container
/// that root starts runs, for file permissions, as root of the host.
const SETTINGS: [&str; 4] = ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"];
/// Files of the same kind that are of no use inside.
const LEVERS: [&str; 6] =
    ["/proc/sysrq-trigger", "/proc/kcore", "/proc/timer_list", "/proc/latency_stats", "/proc/mtrr", "/proc/kpagecount"];

/// Takes the kernel's own settings out of the reach of a container started by root.
pub fn guard(finish: &mut Vec<Op>, spec: &Spec) {
    if spec.proc != Proc::Fresh {
        return;
    }
    let exists = |path: &&str| std::fs::symlink_metadata(path).is_ok();
    finish.extend(SETTINGS.into_iter().filter(exists).map(|at| Op::Freeze { at: at.into() }));
    finish.extend(LEVERS.into_iter().filter(exists).map(|at| Op::Hide { at: at.into(), folder: false }));
}

/// A small /dev. It lies in the root folder, which turns read-only; writing to devices still works.
pub fn devices(places: &mut Places, spec: &Spec, notes: &mut Vec<String>) {
    add(places, "/dev", What::Folder { mode: 0o755 });
    for device in DEVICES {
        let from = device.as_bytes().to_vec();
        add(places, device, What::Bind(Source { from, devices: true, ..Source::default() }));
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
pub fn file_systems(places: &mut Places, spec: &Spec, network: Network, notes: &mut Vec<String>) {
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
        Network::None => add(places, "/sys", What::Attach(Kernelfs::Sysfs)),
        Network::Host => {
            add(places, "/sys", hosts("/sys"));
            notes
                .push("/sys is the host's, read-only: a fresh one needs a network namespace of the container's".into());
        }
    }
    // A cover on /proc would keep a nested container from mounting a fresh one. A kernel has both or none.
    if spec.proc != Proc::None && !spec.nest && std::fs::symlink_metadata(TELLING[0]).is_ok() {
        for file in TELLING {
            add(places, file, What::Hide { folder: false });
        }
    }
}
