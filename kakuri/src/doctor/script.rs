//! What mends all that does not work, as a shell script to read and to run. Pure.

use std::fmt::Write;

use super::{Row, State};

const HEAD: &str = "#!/bin/sh
# What `kakuri doctor` would mend on this machine. Read it before you run it: sh FILE
";

/// A paragraph for each row that does not work: the reason as a comment, then the commands, or as a comment what has to
/// be done by hand.
pub(super) fn script(rows: &[Row]) -> String {
    let broken = |row: &&Row| matches!(row.state, State::Fails | State::Lesser) && row.mend.is_some();
    let mut text = String::from(HEAD);
    let mut done: Vec<&str> = Vec::new();
    for row in rows.iter().filter(broken) {
        let need = if row.state == State::Fails { "needed" } else { "if you want it" };
        let _ = write!(text, "\n{}", comment(&format!("{} ({need}): {}", row.name, row.detail)));
        if row.fix.is_empty() {
            text += &comment(&format!("by hand: {}", row.mend.as_deref().unwrap_or_default()));
        }
        for line in &row.fix {
            // Two rows may have one cause.
            match done.contains(&line.as_str()) {
                true => text += &comment(&format!("done above: {line}")),
                false => text = text + line + "\n",
            }
            done.push(line);
        }
    }
    if !rows.iter().any(|row| broken(&row)) {
        text += "\n# Nothing: all of it works.\n";
    }
    text
}

/// A reason may hold what a program said: no line of it may become a command.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {line}\n")
}

/// A package, by whichever manager of packages there is: its names with apt, dnf, pacman, zypper and apk.
pub(super) fn install(names: [&str; 5]) -> [String; 1] {
    let [apt, dnf, pacman, zypper, apk] = names;
    [format!(
        "if command -v apt-get >/dev/null; then sudo apt-get install -y {apt}
elif command -v dnf >/dev/null; then sudo dnf install -y {dnf}
elif command -v pacman >/dev/null; then sudo pacman -S --noconfirm {pacman}
elif command -v zypper >/dev/null; then sudo zypper install -y {zypper}
elif command -v apk >/dev/null; then sudo apk add {apk}
else echo 'install {apt} by your system' >&2; fi"
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::userns::lasting;

    #[test]
    fn what_works_is_left_alone_and_a_reason_is_never_a_command() {
        let rows = [
            Row::works("kernel", "6.1"),
            Row::untried("proc", "user namespaces"),
            Row::fails("user namespace", "forbidden\nrm -rf /").mend("sudo sysctl").fix(lasting("a=1")),
            Row::fails("id map", "the same").mend("sudo sysctl").fix(lasting("a=1")),
            Row::lesser("module", "none").mend("boot another kernel"),
        ];
        let text = script(&rows);
        let commands: Vec<&str> = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
        assert_eq!(commands, ["sudo sysctl -w a=1", "echo a=1 | sudo tee -a /etc/sysctl.d/60-kakuri.conf"]);
        assert!(text.contains("# user namespace (needed): forbidden rm -rf /\n"), "{text}");
        assert!(text.contains("# done above: sudo sysctl -w a=1\n"), "{text}");
        assert!(text.contains("# module (if you want it): none\n# by hand: boot another kernel\n"), "{text}");
        assert!(!text.contains("kernel (") && !text.contains("proc"), "{text}");
        assert!(script(&rows[..2]).ends_with("# Nothing: all of it works.\n"));
    }
}
