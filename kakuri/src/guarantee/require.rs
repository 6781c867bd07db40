//! `--require NAME,...`: no start below it.

use kakuri_wire::{Fail, Result, Stage};

use super::{ALL, State, Verdict, judge};
use crate::plan::Plan;

/// Every guarantee that does not stand only where it is asked for.
const EVERY: &str = "all";

/// Whether there is a guarantee of this name; the names of all of them where there is none.
pub fn known(name: &str) -> std::result::Result<(), String> {
    if name == EVERY || ALL.iter().any(|guarantee| guarantee.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = ALL.iter().map(|guarantee| guarantee.name).collect();
    Err(format!("{EVERY}, or of {}", names.join(", ")))
}

/// Refuses a plan that holds less than what is required. Nothing is judged where nothing is.
pub fn check(plan: &Plan) -> Result<()> {
    let required = &plan.asked.require;
    if required.is_empty() {
        return Ok(());
    }
    if let Some((name, names)) = required.iter().find_map(|name| Some((name, known(name).err()?))) {
        return Err(Fail::new(Stage::Front, format!("there is no guarantee '{}' to require", name.escape_debug()))
            .hint(format!("--require {names}")));
    }
    let wanted = |verdict: &Verdict| {
        required.contains(&verdict.name) || (verdict.asked && required.iter().any(|name| name == EVERY))
    };
    let unmet: Vec<Verdict> =
        judge(plan).into_iter().filter(|verdict| wanted(verdict) && verdict.state != State::Enforced).collect();
    let Some(first) = unmet.first() else { return Ok(()) };
    let states: Vec<String> = unmet.iter().map(|v| format!("'{}' is {}", v.name, v.state.word())).collect();
    let why = match unmet.len() {
        1 => first.reason.clone(),
        _ => unmet.iter().map(|v| format!("{}: {}", v.name, v.reason)).collect::<Vec<_>>().join("; "),
    };
    let mut mends: Vec<&str> = unmet.iter().filter_map(|v| v.mend.as_deref()).collect();
    mends.dedup();
    let fail = Fail::new(Stage::Front, format!("not started, because {} (--require)", states.join(", "))).why(why);
    Err(match mends.is_empty() {
        true => fail,
        false => fail.hint(mends.join("; ")),
    })
}
