//! What is around the command: processes, the host's namespaces, and those who come later.

use kakuri_mount::Op;
use kakuri_wire::Kernelfs;

use super::Judgement;
use crate::plan::Plan;

pub fn processes(plan: &Plan) -> Judgement {
    if !plan.setup.filesystems.contains(&Kernelfs::Proc) && plan.mount.ops.iter().any(|op| shows(op, "/proc")) {
        return Judgement::weaker("it reaches none of the host's, and sees them (--proc host)")
            .mend("leave --proc host out");
    }
    Judgement::enforced("a process namespace of its own; PID 1 in it cannot be looked into")
}

/// Whether this is the host's own file system, at its own place.
fn shows(op: &Op, at: &str) -> bool {
    matches!(op, Op::Bind(bind) if bind.at.as_bytes() == at.as_bytes())
}

pub fn ipc(plan: &Plan) -> Judgement {
    match plan.namespaces.ipc {
        true => Judgement::enforced("an ipc namespace and a /dev/shm of its own"),
        false => Judgement::absent("the ipc namespace is the host's (--share ipc)").mend("leave --share ipc out"),
    }
}

pub fn hostname(plan: &Plan) -> Judgement {
    match plan.namespaces.uts {
        true => Judgement::enforced("a uts namespace of its own"),
        false => {
            Judgement::absent("it sees the host's, and cannot change it (--share uts)").mend("leave --share uts out")
        }
    }
}

pub fn cgroups(plan: &Plan) -> Judgement {
    // With the host's network there is the host's /sys, and what is mounted in it.
    if plan.namespaces.cgroup && plan.mount.ops.iter().any(|op| shows(op, "/sys")) {
        return Judgement::weaker("it is in none of the host's, and sees them in the host's /sys, read-only")
            .mend("give it a network of its own: --network none, or nat");
    }
    match plan.namespaces.cgroup {
        true => Judgement::enforced("a cgroup namespace of its own, and no control groups are mounted"),
        false => Judgement::absent("it sees the host's (--share cgroup)").mend("leave --share cgroup out"),
    }
}

pub fn lifetime(_: &Plan) -> Judgement {
    Judgement::enforced("the kernel ends all of it with PID 1, and PID 1 with kakuri, however that ends")
}

pub fn later(_: &Plan) -> Judgement {
    Judgement::enforced("PID 1 starts both one way, from what the container was started with")
}
