//! The finished tree as kakuri-mount's steps: parents before what lies in them, each place made or shown to
//! exist. Parents of what is made need no step: kakuri-mount makes them.

use std::collections::BTreeMap;

use kakuri_mount::{Bind, Cow, Entry, Node, Op};
use kakuri_wire::Bytes;

use super::{Layout, Point, What, entries};
use crate::pathname;

/// The mode of a file that is for nobody else, and whose text is shown to nobody.
pub const SECRET: u32 = 0o600;

/// The steps before and after PID 1 has made its file systems.
pub struct Steps {
    pub ops: Vec<Op>,
    pub finish: Vec<Op>,
}

impl Layout {
    pub fn steps(&self) -> Steps {
        let skeletons = self.skeleton_entries();
        let mut steps = Steps { ops: Vec::with_capacity(self.places.len()), finish: Vec::new() };
        for (at, point) in self.points() {
            let holder = self.holder(at);
            let op = match holder.map(|(_, h)| &h.what) {
                Some(What::Skeleton | What::Hide { .. }) if !point.what.is_mount() => continue,
                Some(
                    What::Skeleton
                    | What::Hide { .. }
                    | What::Bind(_)
                    | What::Cow { .. }
                    | What::Union { .. }
                    | What::Attach(_),
                ) => step(at, point, false, skeletons.get(at), self.mapped),
                _ => step(at, point, true, skeletons.get(at), self.mapped),
            };
            let late = matches!(point.what, What::Attach(_)) || matches!(holder, Some((_, h)) if h.what.is_late());
            if late { steps.finish.push(op) } else { steps.ops.push(op) }
        }
        steps
    }

    /// For each skeleton what it must hold: the places of all that lies below it, and the folders between.
    fn skeleton_entries(&self) -> BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Node>> {
        let mut all: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Node>> = BTreeMap::new();
        let holds = |p: &Point| matches!(p.what, What::Skeleton | What::Hide { folder: true });
        if !self.points.iter().any(holds) {
            return all;
        }
        for (at, point) in self.points() {
            let Some((place, Point { what: What::Skeleton | What::Hide { .. }, .. })) = self.holder(at) else {
                continue;
            };
            if let Some(rest) = pathname::strictly_below(at, place) {
                all.entry(place.to_vec()).or_default().insert(rest.to_vec(), point.what.mount_point());
            }
        }
        all
    }
}

impl What {
    fn is_late(&self) -> bool {
        matches!(self, What::Attach(_))
    }
}

fn step(at: &[u8], point: &Point, make: bool, inside: Option<&BTreeMap<Vec<u8>, Node>>, mapped: bool) -> Op {
    let at = Bytes(at.to_vec());
    let below = |inside: Option<&BTreeMap<_, _>>| -> Vec<Entry> { inside.map(entries).unwrap_or_default() };
    match &point.what {
        What::Folder { mode } => Op::Folder { at, mode: *mode },
        What::File { text } => Op::File { at, mode: 0o644, text: Bytes(text.clone()) },
        What::Secret { text } => Op::File { at, mode: SECRET, text: Bytes(text.clone()) },
        What::Symlink { to } => Op::Symlink { at, to: Bytes(to.clone()) },
        What::Private { mode, read_only } => Op::Private { at, mode: *mode, make, read_only: *read_only },
        What::PrivateFile { mode, text } => Op::PrivateFile { at, mode: *mode, text: Bytes(text.clone()), make },
        What::Tmpfs { mode, size, read_only, noexec } => {
            Op::Tmpfs { at, mode: *mode, size: *size, read_only: *read_only, noexec: *noexec, make }
        }
        What::Bind(source) => Op::Bind(Bind {
            from: Bytes(source.from.clone()),
            at,
            typed: source.typed.clone().map(Bytes),
            folder: source.folder,
            seen: source.seen,
            read_only: source.read_only,
            noexec: source.noexec,
            devices: source.devices,
            mapped: mapped && source.is_named(),
            make,
        }),
        What::Cow { source, layer, split } => Op::Cow(Cow {
            from: Bytes(source.from.clone()),
            at,
            typed: source.typed.clone().map(Bytes),
            seen: source.seen,
            layer: layer.clone(),
            split: *split,
            noexec: source.noexec,
            make,
        }),
        What::Union { from, how, skeleton } => {
            Op::Union { at, from: Bytes(from.clone()), how: *how, skeleton: entries(skeleton), make }
        }
        What::Skeleton => Op::Skeleton { at, entries: below(inside), make },
        // Something hidden with something shown inside is a folder of only that.
        What::Hide { folder: true } if inside.is_some() => Op::Skeleton { at, entries: below(inside), make },
        What::Hide { folder } => Op::Hide { at, folder: *folder },
        What::Devpts => Op::Devpts { at },
        What::Attach(what) => Op::Attach { what: *what, at },
    }
}
