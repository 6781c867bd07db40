//! kakuri-netns run from a shell.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::{LO, PROGRAM, cannot_make_namespaces, text};

fn by_hand(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("ends")
}

#[test]
fn by_hand_version_help_check_explain() {
    let version = by_hand(&["--version"], "");
    assert!(text(&version.stdout).starts_with("kakuri-netns ") && version.status.success());
    let help = by_hand(&["--help"], "");
    assert!(text(&help.stdout).starts_with("usage: kakuri-netns PLAN -- CMD [ARG...]") && help.status.success());
    let check = by_hand(&["--check", "-"], LO);
    assert!(check.status.success() && check.stdout.is_empty() && check.stderr.is_empty());
    let explain = by_hand(&["--explain", "-"], LO);
    assert_eq!((text(&explain.stdout).as_str(), explain.status.code()), ("lo: up\n", Some(0)));
}

#[test]
fn by_hand_bad_input_is_one_line_and_a_hint() {
    for (arguments, input, words) in [
        (&[][..], "", "no plan given"),
        (&["--chekc", "-"][..], LO, "cannot understand '--chekc -'"),
        (&["-", "--"][..], LO, "cannot understand '- --'"),
        (&["-", "ip", "addr"][..], LO, "cannot understand '- ip addr'"),
        (&["--check", "/nosuch/n.json"][..], "", "cannot read '/nosuch/n.json': No such file"),
        (&["--check", "-"][..], "{\n  nonsense", "line 2 column 3"),
        (&["--explain", "-"][..], r#"{"version":2,"links":[]}"#, "version 2"),
        (&["-", "--", "true"][..], r#"{"version":1,"links":[{"name":"a b","up":true}]}"#, "'a b'"),
    ] {
        let out = by_hand(arguments, input);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(125), "{said}");
        assert!(said.contains(words) && said.lines().count() <= 2 && out.stdout.is_empty(), "{said}");
    }
}

#[test]
fn by_hand_it_becomes_the_command_in_a_network_of_its_own() {
    needs_namespaces!();
    let out = by_hand(&["-", "--", "sh", "-c", "id -u; cat /proc/net/dev /proc/net/if_inet6; exit 7"], LO);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(7), "{out:?}");
    assert!(said.starts_with("0\n"), "root there: {said}");
    assert_eq!(said.lines().filter(|l| l.contains(':') && !l.contains('|')).count(), 1, "lo alone: {said}");
    let missing = by_hand(&["-", "--", "/nosuch/program"], LO);
    assert_eq!(missing.status.code(), Some(127), "{missing:?}");
    let folder = by_hand(&["-", "--", "/"], LO);
    assert_eq!(folder.status.code(), Some(126), "{folder:?}");
}
