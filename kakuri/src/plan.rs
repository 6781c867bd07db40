//! The plan: everything decided, as plain data, before anything is made.

pub mod limit;
mod make;
mod outline;
mod prepare;

use std::path::Path;
use std::time::Duration;

use kakuri_init::{Process, Setup};
use kakuri_mount::{Op, UnionKind};
use kakuri_wire::fail::{CODE_NOT_EXECUTABLE, CODE_NOT_FOUND};
use kakuri_wire::{Bytes, Fail, Kernelfs};

use crate::base::kept::Keep;
pub use crate::base::kept::Kept;
use crate::base::rootfs::Lacking;
use crate::bind::hint;
use crate::door::Doors;
use crate::host::Host;
use crate::image::ready::Ready;
use crate::layer::{Layers, Wanted};
use crate::network::Wiring;
pub use crate::spec::Terminal;
pub use make::make;
pub use outline::{Outline, label};

/// One start of one container, decided. Making it makes no further decision.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For `ps` and messages: the container's name, or the command of a temporary one.
    pub label: String,
    /// kakuri-mount's part.
    pub mount: kakuri_mount::Plan,
    /// kakuri-init's part before the payload.
    pub setup: Setup,
    /// kakuri-init's document. `terminal` and `window` are filled in at the start, from what 0-2 then are.
    pub process: Process,
    /// Namespaces beside user, mount and pid, which are always new.
    pub namespaces: Namespaces,
    pub terminal: Terminal,
    /// Wall-clock limit of the command.
    pub timeout: Option<Duration>,
    /// Folders on the host to make before the start, with their parents: `--bind SRC:DST:create`.
    pub create: Vec<Bytes>,
    /// What the user has opened.
    pub doors: Doors,
    /// kakuri's own folders that a bind would show once they are there: made before the start, closed to others, so
    /// that they can be covered.
    pub cover: Vec<Bytes>,
    /// Layers of `cow` folders that lie on disk: made before the start where they are new.
    pub layers: Vec<Wanted>,
    /// What a container with a name keeps: made before the start where it is missing.
    pub keep: Option<Keep>,
    /// Usual mount points that a root lacks which is written itself: made in it before the start.
    pub lacking: Option<Lacking>,
    pub wiring: Wiring,
    /// What asks the container to end; None: SIGTERM.
    pub stop_signal: Option<i32>,
    /// What is weaker than the user may expect on this host, for --explain and --verbose: one sentence each.
    pub notes: Vec<String>,
}

/// What lies on disk for a container.
#[derive(Default)]
pub struct Storage<'a> {
    /// Where a container with a name keeps its files, which need not exist yet.
    pub kept: Option<&'a Kept>,
    /// Where the layers of `cow` folders are; None: with what is kept, else in memory.
    pub layers: Option<&'a Path>,
    /// Its image.
    pub image: Option<&'a Ready>,
}

impl Storage<'_> {
    fn layers(&self) -> Layers {
        let kept = self.kept.map(Kept::layers);
        self.layers.or(kept.as_deref()).map(Layers::at).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    pub ipc: bool,
    pub uts: bool,
    pub cgroup: bool,
    /// Made by PID 1; false is the host's network, or somebody else's.
    pub network: bool,
}

impl Plan {
    /// What PID 1 makes and the root shows.
    pub fn attaches(&self) -> Vec<Kernelfs> {
        let attached = |op: &Op| if let Op::Attach { what, .. } = op { Some(*what) } else { None };
        self.mount.finish.iter().filter_map(attached).collect()
    }

    /// The same container with every union made this way: for a kernel that refuses one of the overlays.
    pub fn with_unions(&self, kind: UnionKind) -> Plan {
        let mut plan = self.clone();
        for op in &mut plan.mount.ops {
            if let Op::Union { how, .. } = op {
                *how = kind;
            }
        }
        plan
    }

    /// The error of a command that could not be started, with the reason and the hint that fit.
    pub fn explain_refused_command(&self, command: Option<&Bytes>, fail: Fail) -> Fail {
        match (command, fail.code) {
            (Some(command), CODE_NOT_FOUND) => hint::explain_missing(self, &Host::look(), command.as_bytes(), fail),
            (Some(command), CODE_NOT_EXECUTABLE) => hint::explain_denied(self, command.as_bytes(), fail),
            _ => fail,
        }
    }
}
