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
use crate::cgroup::Decided;
use crate::door::Doors;
use crate::host::Host;
use crate::image::ready::Ready;
use crate::landlock::Decided as Landlock;
use crate::layer::{Layers, Wanted};
use crate::network::Wiring;
use crate::refusals::Judge;
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
    /// What answers the refused calls of its commands, where they are listed.
    pub judge: Option<Judge>,
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
    /// What was asked for, where what is done about it does not tell.
    pub asked: Asked,
    /// Limits of all its processes together, where there are any.
    pub limits: Option<Decided>,
    /// What asks the container to end; None: SIGTERM.
    pub stop_signal: Option<i32>,
    /// What is weaker than the user may expect on this host, for --explain and --verbose: one sentence each.
    pub notes: Vec<String>,
    /// Limits that were asked for and hold less well than that: told unasked.
    pub weaker: Vec<String>,
}

/// What the user wished for: judged beside what came of it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Guarantees without which it does not start, by name.
    pub require: Vec<String>,
    /// None: nothing of the kind.
    pub landlock: Option<Landlock>,
    /// The caller's whole environment.
    pub environment: bool,
    /// All of the network is to go through a tunnel.
    pub vpn: bool,
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

    /// Tells of what is weaker: on standard error where something that was asked for is, else to who wants to know all.
    pub fn warn(&self) {
        if let Some(warning) = self.asked.landlock.as_ref().and_then(Landlock::warning) {
            crate::output::warn(warning);
        }
        self.weaker.iter().for_each(crate::output::warn);
        for note in &self.notes {
            log::info!("{note}");
        }
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
