//! kakuri inside other sandboxes: it works, or names the cause and what to type; it is never silently weaker.

#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

const KAKURI: &str = env!("CARGO_BIN_EXE_kakuri");
/// What shows that the inner container is one: processes and network of its own.
const LOOK: &str = "set -- /proc/[0-9]*; echo processes=$#; ls /sys/class/net; grep -c : /proc/net/dev; id -u";

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir("/").stdin(Stdio::null()).output().expect("starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this outer sandbox works here at all; if not, the test says why it did not run.
fn outer_works(program: &str, arguments: &[&str]) -> bool {
    let tried = Command::new(program).args(arguments).arg("true").output();
    match tried {
        Ok(out) if out.status.success() => true,
        Ok(out) => {
            eprintln!("skipped: {program} does not work here: {}", text(&out.stderr).trim());
            false
        }
        Err(e) => {
            eprintln!("skipped: no {program} here: {e}");
            false
        }
    }
}

fn works(program: &str, outer: &[&str], kakuri: &[&str]) {
    if !outer_works(program, outer) {
        return;
    }
    let arguments = [outer, &[KAKURI], kakuri, &["sh", "-c", LOOK]].concat();
    let out = run(program, &arguments);
    assert!(out.status.success(), "{arguments:?}: {out:?}");
    assert_eq!(text(&out.stderr), "", "{arguments:?}");
    assert_eq!(text(&out.stdout), "processes=2\nlo\n1\n0\n", "{arguments:?}");
}

/// One line that names the cause, one hint that says what to type, and nothing on stdout.
fn refused(program: &str, arguments: &[&str], cause: &str, hint: &str) {
    let out = run(program, arguments);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(125), "{arguments:?}: {out:?}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(cause), "{arguments:?}: {said}");
    assert!(lines[1].starts_with("  hint: ") && lines[1].contains(hint), "{arguments:?}: {said}");
    assert!(out.stdout.is_empty(), "{out:?}");
}

/// The folder of the five programs, bound where it is.
fn programs() -> String {
    format!("{}:ro", Path::new(KAKURI).parent().expect("in a folder").display())
}

const BWRAP: [&str; 8] = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--"];

#[test]
fn inside_bubblewrap() {
    works("bwrap", &BWRAP, &[]);
    works("bwrap", &[&["--unshare-all"], &BWRAP[..]].concat(), &[]);
    works("bwrap", &["--dev-bind", "/", "/"], &[]);
}

#[test]
fn inside_unshare() {
    works("unshare", &["-Ur"], &[]);
    works("unshare", &["-Urmpf", "--mount-proc"], &[]);
}

#[test]
fn inside_kakuri() {
    let programs = programs();
    let outer = ["run", "--nest", "--bind", &programs, "--"];
    if !outer_works(KAKURI, &outer) {
        panic!("kakuri does not work here");
    }
    works(KAKURI, &outer, &[]);
    works(KAKURI, &[&outer[..], &[KAKURI], &outer[..]].concat(), &[]);
}

#[test]
fn inside_kakuri_that_does_not_nest() {
    let arguments = ["run", "--bind", &programs(), "--", KAKURI, "true"];
    refused(KAKURI, &arguments, "forbids containers in it", "kakuri --nest");
}

/// As docker and podman leave it: a fresh proc would show what theirs covers, so the kernel makes none.
#[test]
fn where_proc_is_masked() {
    if !outer_works("unshare", &["-Urmpf", "--mount-proc"]) {
        return;
    }
    let masked = |kakuri: &str| format!("mount -t tmpfs t /proc/tty && exec {KAKURI} {kakuri}");
    let unshare = |line: &str| {
        let line = masked(line);
        run("unshare", &["-Urmpf", "--mount-proc", "sh", "-c", &line])
    };
    refused(
        "unshare",
        &["-Urmpf", "--mount-proc", "sh", "-c", &masked("true")],
        "cannot make a fresh proc: this system is itself a container whose /proc is partly covered",
        "--proc none",
    );
    let none = unshare("--proc none -- sh -c 'ls -A /proc | wc -l'");
    assert_eq!((none.status.code(), text(&none.stdout).as_str()), (Some(0), "0\n"), "{none:?}");
    let host = unshare("--proc host -- sh -c 'ls /proc/tty | wc -l; test -e /proc/version'");
    assert_eq!((host.status.code(), text(&host.stdout).as_str()), (Some(0), "0\n"), "{host:?}");
    let doctor = unshare("doctor");
    let said = text(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(said.contains("else: kakuri --proc host"), "{said}");
}

#[test]
fn where_no_user_namespace_is_allowed() {
    if !outer_works("unshare", &["-Ur"]) {
        return;
    }
    let limited = |limit: u32, line: &str| {
        vec![
            "-Ur".into(),
            "sh".into(),
            "-c".into(),
            format!("echo {limit} >/proc/sys/user/max_user_namespaces; {line}"),
        ]
    };
    let refused = |arguments: Vec<String>, cause: &str| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused("unshare", &arguments, cause, "user.max_user_namespaces=28633");
    };
    refused(limited(0, &format!("exec {KAKURI} true")), "user.max_user_namespaces is 0");
    // One that an outer namespace set cannot be read from inside: it is inferred.
    refused(limited(1, &format!("exec unshare -Ur {KAKURI} true")), "sets a limit on user namespaces");
    // One is not enough, and it is PID 1 that meets it.
    refused(
        limited(1, &format!("exec {KAKURI} true")),
        "payload's user namespace: the sandbox this runs in sets a limit",
    );
    let doctor = run(
        "unshare",
        &limited(0, &format!("exec {KAKURI} doctor --json")).iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert_eq!(doctor.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let row =
        report["rows"].as_array().expect("rows").iter().find(|row| row["name"] == "user namespace").expect("a row");
    assert_eq!(row["state"], "fails");
    assert!(row["mend"].as_str().expect("text").contains("max_user_namespaces"), "{row}");
    // Nothing that is typed here lifts what the outer one set.
    assert!(row["fix"].is_null(), "{row}");
}

#[test]
fn where_bubblewrap_forbids_them() {
    let outer = ["--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--"];
    if outer_works("bwrap", &outer) {
        refused("bwrap", &[&outer[..], &[KAKURI, "true"]].concat(), "limit on user namespaces", "--disable-userns");
    }
}

#[test]
fn doctor_here() {
    let out = run(KAKURI, &["doctor"]);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.starts_with("kernel ") && said.ends_with("\nA plain container works here.\n"), "{said}");
    assert_eq!(text(&out.stderr), "");
    // Every row that does not work says what to do about it.
    let json = run(KAKURI, &["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["works"], true);
    for row in report["rows"].as_array().expect("rows") {
        assert!(row["state"] == "works" || row["state"] == "untried" || row["mend"].is_string(), "{row}");
    }
    // And is in the script, which a shell can read.
    let script = run(KAKURI, &["doctor", "--fix"]);
    let said = text(&script.stdout);
    assert_eq!(script.status.code(), Some(0), "{said}");
    assert!(said.starts_with("#!/bin/sh\n"), "{said}");
    for row in report["rows"].as_array().expect("rows") {
        let named = said.contains(&format!("\n# {} (", row["name"].as_str().expect("a name")));
        assert_eq!(named, row["mend"].is_string(), "{row} {said}");
        for line in row["fix"].as_array().into_iter().flatten() {
            assert!(said.contains(line.as_str().expect("a line")), "{line} {said}");
        }
    }
    let read = run("sh", &["-n", "-c", &said]);
    assert_eq!(read.status.code(), Some(0), "{}", text(&read.stderr));
}
