//! The rows for people, and for programs. Pure.

use std::fmt::Write;

use serde::Serialize;

use super::{Row, State};

/// Aligned columns; under what does not work, indented, what to do and what is left without it.
pub(super) fn table(rows: &[Row], works: bool) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let word = match row.state {
            State::Works => "works",
            State::Fails => "FAILS",
            State::Lesser => "lesser",
            State::Untried => "untried",
        };
        let _ = writeln!(text, "{:width$}  {word:7}  {}", row.name, row.detail);
        for (label, more) in [("to do", &row.mend), ("else", &row.without)] {
            if let Some(more) = more {
                let _ = writeln!(text, "{:width$}    {label}: {more}", "");
            }
        }
    }
    let _ = match works {
        true => writeln!(text, "\nA plain container works here."),
        // The first is the cause; the last, a container, only shows it.
        false => match rows.iter().find(|row| row.state == State::Fails) {
            Some(row) => writeln!(text, "\nA plain container does not work here, because of the {}.", row.name),
            None => writeln!(text, "\nA plain container does not work here."),
        },
    };
    text
}

pub(super) fn json(rows: &[Row], works: bool) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: &'a str,
        works: bool,
        rows: &'a [Row],
    }
    let report = Report { version: kakuri_wire::handshake::BUILD, works, rows };
    serde_json::to_string_pretty(&report).map_or_else(|e| format!("{{\"error\":\"{e}\"}}\n"), |text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            Row::works("kernel", "6.1"),
            Row::fails("user namespace", "forbidden")
                .mend("sudo sysctl")
                .fix(["sudo sysctl".to_string()])
                .without("nothing"),
            Row::untried("proc", "user namespaces"),
        ]
    }

    #[test]
    fn for_people() {
        assert_eq!(
            table(&rows(), false),
            "kernel          works    6.1\n\
             user namespace  FAILS    forbidden\n                  to do: sudo sysctl\n                  else: nothing\n\
             proc            untried  needs user namespaces\n\n\
             A plain container does not work here, because of the user namespace.\n"
        );
    }

    #[test]
    fn for_programs() {
        let value: serde_json::Value = serde_json::from_str(&json(&rows(), false)).expect("is JSON");
        assert_eq!(value["works"], false);
        assert_eq!(value["rows"][1]["state"], "fails");
        assert_eq!(value["rows"][1]["mend"], "sudo sysctl");
        assert_eq!(value["rows"][1]["fix"][0], "sudo sysctl");
        assert!(value["rows"][0].get("mend").is_none());
    }
}
