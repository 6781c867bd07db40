//! Programs as text for a build: so that nobody who is filtered has to carry the tables, or spend a moment on them.

use crate::profile::{Action, Profile, Verdict};
use crate::{Instruction, Machine, compile_against, machine};

/// `static NAME: [Instruction; N] = [...];`, of struct sock_filter by that name.
pub fn write(name: &str, program: &[Instruction]) -> String {
    let step = |Instruction { code, jt, jf, k }: &Instruction| {
        format!("    Instruction {{ code: {code}, jt: {jt}, jf: {jf}, k: {k} }},\n")
    };
    let steps: String = program.iter().map(step).collect();
    format!("static {name}: [Instruction; {}] = [\n{steps}];\n", program.len())
}

/// The program of a process that makes these calls of its own machine and no others: whatever else it does ends it. A name
/// the machine does not have is passed over, one that none has is an error.
pub fn allow_list(arch: &str, calls: &[(&str, Verdict)]) -> Result<Vec<Instruction>, String> {
    let own = Machine::named(arch).ok_or_else(|| format!("there are no system calls of {arch}"))?;
    let kill = Action::KillProcess;
    let mut profile = Profile { verdicts: Default::default(), otherwise: kill, unknown: kill };
    for (name, verdict) in calls {
        if !machine::is_call(name) {
            return Err(format!("there is no system call '{name}'"));
        }
        if let Some(number) = own.number(name) {
            profile.verdicts.insert(number, verdict.clone());
        }
    }
    // By another machine's numbers a call means something else.
    compile_against(&[(own, &profile)], kill).map_err(|_| "the program is too large".into())
}
