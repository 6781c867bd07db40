//! What of the machine the command may take.

use super::{Judgement, listed};
use crate::confine;
use crate::plan::{Plan, limit};

/// Each limit with how it is enforced: counted for the container as a whole, or for each process by itself.
pub fn limits(plan: &Plan) -> Judgement {
    let held = |resource| plan.process.limits.iter().any(|l| l.resource == resource && l.hard.is_some());
    // The kernel exempts its first root from the count of processes.
    if plan.setup.guarded {
        return Judgement::weaker("the host's root may start any number of processes")
            .mend("start kakuri as an ordinary user");
    }
    if !held(limit::PROCESSES) {
        return Judgement::weaker("the number of processes is not limited").mend("leave --ulimit nproc=-1 out");
    }
    let single: Vec<String> = plan
        .process
        .limits
        .iter()
        .filter(|l| ![limit::CORE, limit::PROCESSES].contains(&l.resource) && l.hard.is_some())
        .map(|l| confine::name(l.resource).to_string())
        .collect();
    if !single.is_empty() {
        return Judgement::weaker(format!("{}: of each process by itself, and not of all together", listed(&single)))
            .mend("leave --ulimit out, or take it for what it is");
    }
    // Told unasked as well: a limit that was asked for holds less well than that.
    if let Some(words) = plan.weaker.first() {
        return Judgement::weaker(words.clone()).mend("kakuri doctor says what would have this host delegate it");
    }
    let Some(decided) = &plan.limits else {
        return Judgement::enforced(
            "processes are counted for the container as a whole; memory and processors were not limited",
        );
    };
    let limits = &decided.limits;
    let all = [
        (limits.memory.is_some(), "memory"),
        (limits.swap.is_some(), "swap"),
        (limits.cpus.is_some(), "processors"),
        (true, "processes"),
    ];
    let names: Vec<String> = all.iter().filter(|(asked, _)| *asked).map(|(_, name)| name.to_string()).collect();
    Judgement::enforced(format!("{}: of the container as a whole, by a control group", listed(&names)))
}
