//! The row about control groups: which limits of a whole container hold here. A plain container needs none.

use super::Row;
use crate::cgroup::{Strength, guarantees};
use crate::host::Host;
use crate::spec::{Limits, Spec};

const NAME: &str = "limits";
/// Any numbers will do: nothing is made.
const ALL: Limits = Limits { memory: Some(1 << 30), swap: None, cpus: Some(1000), pids: Some(100) };

pub(super) fn row() -> Row {
    let spec = Spec { limits: ALL, ..Spec::default() };
    let (held, lacking): (Vec<_>, Vec<_>) =
        guarantees(&spec, &Host::look()).into_iter().partition(|one| one.strength == Strength::Enforced);
    let names = |list: &[crate::cgroup::Held]| list.iter().map(|one| one.option).collect::<Vec<_>>().join(" ");
    let Some(first) = lacking.first() else {
        let by = held.first().map(|one| one.why.clone()).unwrap_or_default();
        return Row::works(NAME, format!("{}, {by}", names(&held)));
    };
    let why = match first.strength {
        Strength::Weaker => first.why.rsplit(": ").next().unwrap_or_default(),
        _ => &first.why,
    };
    let without = match held.is_empty() {
        true => "--pids-limit by RLIMIT_NPROC, --ulimit and --timeout".to_string(),
        false => format!("{}, --ulimit and --timeout", names(&held)),
    };
    Row::lesser(NAME, format!("{}: {why}", names(&lacking)))
        .mend(first.mend.clone().unwrap_or_default())
        .without(without)
}
