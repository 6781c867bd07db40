//! The verdicts for people.

use std::fmt::Write;

use super::{State, Verdict};

/// Aligned columns; under what is not enforced, indented, what makes it so.
pub fn table(verdicts: &[Verdict]) -> String {
    let width = verdicts.iter().map(|verdict| verdict.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Verdict { name, state, reason, mend, asked, .. } in verdicts {
        let _ = writeln!(text, "{name:width$}  {:8}  {reason}", state.word());
        if let (Some(mend), false) = (mend, *state == State::Enforced) {
            let label = if *asked { "to do" } else { "for it" };
            let _ = writeln!(text, "{:width$}    {label}: {mend}", "");
        }
    }
    text
}
