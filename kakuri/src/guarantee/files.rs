//! What is shown, and what may be done to it.

use kakuri_mount::{Op, RootKind};
use kakuri_wire::Bytes;

use super::{Judgement, listed};
use crate::plan::Plan;

/// How many places are named before they are only counted.
const NAMED: usize = 6;

pub fn files(plan: &Plan) -> Judgement {
    let mut writable: Vec<String> = plan.mount.ops.iter().filter_map(written).map(ToString::to_string).collect();
    if plan.mount.root.as_ref().is_some_and(|root| matches!(root.how, RootKind::Bind { read_only: false })) {
        writable.insert(0, "/".into());
    }
    let more = writable.len().saturating_sub(NAMED);
    writable.truncate(NAMED);
    if more > 0 {
        writable.push(format!("{more} more"));
    }
    Judgement::enforced(match writable.is_empty() {
        true => "all of the host's that is shown is read-only, with everything mounted below".into(),
        false => format!("writable is what you bound so: {}", listed(&writable)),
    })
}

/// A place of the host's that may be written.
fn written(op: &Op) -> Option<&Bytes> {
    match op {
        Op::Bind(bind) if !bind.read_only && !bind.devices && bind.typed.is_some() => Some(&bind.at),
        _ => None,
    }
}

pub fn devices(plan: &Plan) -> Judgement {
    let shown: Vec<String> = plan.mount.ops.iter().filter_map(device).map(ToString::to_string).collect();
    match shown.is_empty() {
        true => {
            Judgement::enforced("null, zero, full, random, urandom, tty and terminals of its own; all else is nodev")
        }
        false => Judgement::weaker(format!("it has {} of the host", listed(&shown))).mend("leave --device out"),
    }
}

/// A device that the user named.
fn device(op: &Op) -> Option<&Bytes> {
    match op {
        Op::Bind(bind) if bind.devices && bind.typed.is_some() => Some(&bind.at),
        _ => None,
    }
}

pub fn mounts(plan: &Plan) -> Judgement {
    match plan.setup.nest {
        false => Judgement::enforced("a user namespace it cannot enter owns them"),
        true => {
            Judgement::weaker("not those of the container; it may make namespaces with mounts of their own (--nest)")
                .mend("leave --nest out")
        }
    }
}

pub fn settings(plan: &Plan) -> Judgement {
    Judgement::enforced(match plan.setup.guarded {
        true => "they are read-only mounts of their own, because kakuri was started by root",
        false => "they belong to the host's root",
    })
}
