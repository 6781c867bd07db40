//! Who the command is, and what it may become.

use kakuri_wire::caps::{self, Set};

use super::{Judgement, listed};
use crate::plan::Plan;

pub fn identity(plan: &Plan) -> Judgement {
    if plan.setup.guarded {
        return Judgement::absent("kakuri was started by root, and for the host's files the command is root")
            .mend("start it as an ordinary user");
    }
    match &plan.setup.maps {
        None => Judgement::enforced("there is one id inside, and it is yours"),
        Some(_) => Judgement::enforced("its ids are yours and those /etc/subuid and /etc/subgid give you"),
    }
}

pub fn privileges(_: &Plan) -> Judgement {
    Judgement::enforced("no_new_privs is set, and every mount is nosuid")
}

pub fn capabilities(plan: &Plan) -> Judgement {
    let more = plan.process.bounding & !caps::default_bounding().bits();
    let names: Vec<String> = Set::from_bits_retain(more).iter_names().map(|(name, _)| name.to_string()).collect();
    match names.len() {
        0 => Judgement::enforced(format!(
            "at most {}, over a user namespace that owns nothing",
            plan.process.bounding.count_ones()
        )),
        1..=5 => Judgement::weaker(format!("it has {} over its own namespace as well", listed(&names)))
            .mend("leave --cap-add out"),
        many => Judgement::weaker(format!("it has {many} capabilities more over its own namespace"))
            .mend("leave --cap-add out"),
    }
}

pub fn set_id(plan: &Plan) -> Judgement {
    match (&plan.setup.filter, &plan.process.filter) {
        (Some(filter), _) if !filter.set_id => Judgement::enforced("the filter of system calls refuses to make one"),
        (Some(_), _) => Judgement::weaker(
            "a root of its own installs such files; in a folder that is bound writable they would be yours, outside",
        )
        .mend("use the host's programs as the root (no --rootfs, no --image), or bind read-only"),
        (None, Some(_)) => {
            Judgement::weaker("your own profile of system calls decides").mend("leave --security-opt seccomp=FILE out")
        }
        (None, None) => {
            Judgement::absent("there is no filter of system calls").mend("leave --security-opt seccomp=unconfined out")
        }
    }
}
