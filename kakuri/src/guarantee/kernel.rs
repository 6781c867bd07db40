//! What the command may ask of the kernel.

use super::{Judgement, State, listed};
use crate::plan::Plan;

const UNCONFINED: &str = "leave --security-opt seccomp=unconfined out";
const PROFILE: &str = "leave --security-opt seccomp=FILE out";

/// How the filter of system calls stands.
enum Filter {
    Ours,
    Own,
    None,
}

fn filter(plan: &Plan) -> Filter {
    match (&plan.setup.filter, &plan.process.filter) {
        (Some(_), _) => Filter::Ours,
        (None, Some(_)) => Filter::Own,
        (None, None) => Filter::None,
    }
}

pub fn keyrings(plan: &Plan) -> Judgement {
    match filter(plan) {
        Filter::Ours if !plan.setup.nest => Judgement::enforced("the calls are refused, and /proc/keys is covered"),
        Filter::Ours => Judgement::weaker("the calls are refused; /proc/keys tells the keys' names (--nest)")
            .mend("leave --nest out"),
        Filter::Own => Judgement::weaker("it has a keyring of its own, where your quota of keys allows").mend(PROFILE),
        Filter::None => {
            Judgement::weaker("it has a keyring of its own, where your quota of keys allows").mend(UNCONFINED)
        }
    }
}

pub fn nesting(plan: &Plan) -> Judgement {
    match plan.setup.nest {
        false => Judgement::enforced("a limit outside of its reach allows none"),
        true => Judgement::absent("it may make containers of its own (--nest)").mend("leave --nest out"),
    }
}

pub fn system_calls(plan: &Plan) -> Judgement {
    match filter(plan) {
        Filter::Ours if !plan.setup.nest => {
            Judgement::enforced("a seccomp filter on PID 1, which every command inherits")
        }
        Filter::Ours => {
            Judgement::weaker("calls that make namespaces and mounts are allowed (--nest)").mend("leave --nest out")
        }
        Filter::Own => Judgement::weaker("the profile you named decides").mend(PROFILE),
        Filter::None => Judgement::absent("all of the kernel's calls are allowed").mend(UNCONFINED),
    }
}

pub fn landlock(plan: &Plan) -> Judgement {
    let Some(decided) = &plan.asked.landlock else {
        return Judgement::not_asked("--landlock-rx, --landlock-tcp-connect and their like");
    };
    let held: Vec<String> = decided.restricted.iter().map(|kind| kind.word().to_string()).collect();
    let lacking = decided.lacking.join("; ");
    let state = match (held.is_empty(), lacking.is_empty()) {
        (false, true) => State::Enforced,
        (false, false) => State::Weaker,
        (true, _) => State::Absent,
    };
    let reason = match state {
        State::Enforced => format!("denied but for your rules: {}", listed(&held)),
        State::Weaker => format!("{} held to your rules, but not {lacking}; {}", listed(&held), decided.kernel()),
        State::Absent => decided.kernel(),
    };
    let judgement = Judgement { state, ..Judgement::enforced(reason) };
    if state == State::Enforced { judgement } else { judgement.mend(decided.mend()) }
}
