//! What a container is made of before anything is known of its files: enough to begin PID 1, whose work takes
//! longest, while the rest is being planned. A pure function of the user's wishes.

use kakuri_init::Setup;
use kakuri_wire::{Bytes, Kernelfs};

use super::Namespaces;
use crate::cgroup::Decided;
use crate::config::Config;
use crate::confine;
use crate::host::Host;
use crate::identity::Identity;
use crate::idmap::{Ids, Range};
use crate::network::{Kind, Wiring};
use crate::pathname;
use crate::spec::{Proc, Spec};

/// The host's own name is not the container's business.
const HOSTNAME: &str = "kakuri";

#[derive(Clone, Debug)]
pub struct Outline {
    /// For `ps` and messages: the container's name, or the command of a temporary one.
    pub label: String,
    pub setup: Setup,
    pub namespaces: Namespaces,
    /// More ids than the caller's own.
    pub range: Option<Range>,
    /// A control group of its own, where a limit wants one. Decided beside this, because it may fail.
    pub limits: Option<Decided>,
}

impl Outline {
    pub fn of(label: String, spec: &Spec, host: &Host, config: &Config, wiring: &Wiring, ids: &Ids) -> Outline {
        let network = matches!(wiring.kind, Kind::None | Kind::Own);
        let who = Identity::of(&spec.user, host);
        let hostname = match (&spec.hostname, spec.share.uts) {
            (_, true) => None,
            (Some(name), false) => Some(name.clone()),
            (None, false) => Some(HOSTNAME.to_string()),
        };
        let filesystems = [
            (spec.proc == Proc::Fresh, Kernelfs::Proc),
            (!spec.share.ipc, Kernelfs::Mqueue),
            (network, Kernelfs::Sysfs),
        ];
        Outline {
            label,
            setup: Setup {
                hostname,
                network,
                filesystems: filesystems.into_iter().filter(|f| f.0).map(|f| f.1).collect(),
                uid: who.uid,
                gid: who.gid,
                nest: spec.nest,
                filter: confine::filter(spec, host, config),
                guarded: host.is_real_root(),
                maps: ids.maps(),
                outer_network: if network && ids.range.is_some() { own_network() } else { None },
            },
            range: ids.range.clone(),
            limits: None,
            namespaces: Namespaces { ipc: !spec.share.ipc, uts: !spec.share.uts, cgroup: !spec.share.cgroup, network },
        }
    }
}

/// The namespace we are in ourselves, for PID 1 to compare.
fn own_network() -> Option<u64> {
    rustix::fs::stat("/proc/self/ns/net").ok().map(|stat| stat.st_ino)
}

/// The command's name: short, and nothing that could drive a terminal.
pub fn label(spec: &Spec, host: &Host) -> String {
    let command = spec.command.first().map(Bytes::as_bytes).or_else(|| host.var("SHELL")).unwrap_or(b"sh");
    let name = Bytes(pathname::name(command).to_vec()).to_string();
    name.chars().filter(|c| !matches!(c, '[' | ']')).take(32).collect()
}
