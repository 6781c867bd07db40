//! kakuri ends as its command ended, or says exactly why it did not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use common::{KAKURI, Output, Scene};

/// SIGKILL and the rest of what a shell can raise against itself; 32 and 33 belong to the C library.
fn signals() -> impl Iterator<Item = i32> {
    let harmless = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGURG,
        libc::SIGWINCH,
    ];
    (1..=64).filter(move |s| !harmless.contains(s) && *s != 32 && *s != 33)
}

#[test]
fn every_exit_code_is_passed_on() {
    let scene = Scene::new();
    for code in 0..=255 {
        let ended = scene.kakuri(["sh", "-c", &format!("exit {code}")]).output();
        assert_eq!(ended.code(), code, "{ended}");
        assert!(ended.stdout.is_empty() && ended.stderr.is_empty(), "{ended}");
    }
}

#[test]
fn every_signal_that_ends_the_command_is_told() {
    let scene = Scene::new();
    for signal in signals() {
        // As the command itself, with no shell in between that might turn one into the other.
        let ended = scene.kakuri(["sh", "-c", &format!("kill -{signal} $$")]).output();
        assert_eq!(ended.code(), 128 + signal, "{ended}");
    }
}

#[test]
fn a_command_that_is_not_there_is_127() {
    let scene = Scene::new();
    scene.kakuri(["no-such-program-here"]).output().refused(127, &["no-such-program-here", "not found"]);
    scene.kakuri(["/no/such/program"]).output().refused(127, &["/no/such/program"]);
}

#[test]
fn a_command_whose_interpreter_is_missing_says_which() {
    let scene = Scene::new();
    scene.script("none", "#!/no/such/interpreter -x\n");
    scene.kakuri(["./none"]).output().refused(127, &["./none", "/no/such/interpreter"]).hints(&["first line"]);
    scene.script("windows", "#!/bin/sh\r\n");
    scene.kakuri(["./windows"]).output().refused(127, &["/bin/sh\\r"]).hints(&["carriage return"]);
    // A program: its loader lies where nothing is shown of, and the hint is the bind.
    let output = scene.kakuri(["--base", "none", "--bind", "/usr:ro", "env"]).output();
    output.refused(127, &["env", "/ld-"]).hints(&["--bind /lib"]);
}

#[test]
fn a_path_that_leads_nowhere_has_no_hint_to_the_search_path() {
    let scene = Scene::new();
    for command in ["./no-such", "/no/such"] {
        let said = scene.kakuri([command]).output().refused(127, &[command]).hints(&["--bind"]).err();
        assert!(!said.contains("PATH"), "{said}");
    }
}

#[test]
fn a_command_that_exists_outside_only_is_127_with_the_bind_that_shows_it() {
    let scene = Scene::new();
    let tool = scene.script("bin/mytool", "#!/bin/sh\necho ran\n");
    let path = format!("{}:/usr/bin:/bin", tool.parent().unwrap().display());
    let refused = scene.kakuri(["mytool"]).env("PATH", &path).output();
    let hint = refused.refused(127, &["mytool"]).hints(&["--bind"]);
    // The hint is what to type: it must work.
    let said = hint.err();
    let bind = said
        .split("--bind")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .trim_matches(['\'', '`', '"', ',', ';']);
    let ran = scene.kakuri(["--bind", bind, "mytool"]).env("PATH", &path).output().ok();
    assert_eq!(ran.text(), "ran", "{said}");
}

#[test]
fn a_command_that_cannot_be_executed_is_126() {
    let scene = Scene::new();
    let file = scene.file("plain", "text\n");
    let bind = format!("{}:/work", scene.work().display());
    scene.kakuri(["--bind", &bind, "/work/plain"]).output().refused(126, &["/work/plain"]);
    scene.kakuri(["/etc"]).output().refused(126, &["/etc", "folder"]);
    scene.script("may", "#!/bin/sh\n");
    let noexec = format!("{bind}:noexec");
    scene.kakuri(["--bind", &noexec, "/work/may"]).output().refused(126, &["/work/may"]).hints(&["noexec"]);
    // By its automatic bind as well.
    scene.kakuri([file.as_os_str()]).output().refused(126, &["plain"]);
    // An interpreter that is not there is the file's fault, and is named as such.
    scene.script("bad", "#!/no/such/interpreter\n");
    let ended = scene.kakuri(["--bind", &bind, "/work/bad"]).output();
    assert!([126, 127].contains(&ended.code()), "{ended}");
    assert!(ended.err().contains("/work/bad"), "{ended}");
}

#[test]
fn time_that_runs_out_is_124() {
    let scene = Scene::alone();
    let before = scene.before();
    let ended =
        scene.kakuri(["--timeout", "0.2", "sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"]).output();
    assert_eq!(ended.code(), 124, "{ended}");
    assert!(ended.stdout.is_empty(), "{ended}");
    before.nothing_left();
    assert_eq!(scene.kakuri(["--timeout", "60", "sh", "-c", "exit 3"]).output().code(), 3);
}

#[test]
fn misuse_is_125() {
    let scene = Scene::new();
    scene.kakuri(["--no-such-flag", "true"]).output().refused(125, &["--no-such-flag"]);
    scene.kakuri(["run", "--no-such-flag"]).output().refused(125, &["--no-such-flag"]);
}

#[test]
fn what_the_command_leaves_running_ends_with_it() {
    let scene = Scene::alone();
    let before = scene.before();
    let ended = scene.kakuri(["sh", "-c", "sleep 1000 & setsid sleep 1000 & (sleep 1000 &) ; exit 7"]).output();
    assert_eq!(ended.code(), 7, "{ended}");
    before.nothing_left();
}

#[test]
fn orphans_inside_are_reaped() {
    let scene = Scene::new();
    let script = "i=0; while [ $i -lt 200 ]; do (sh -c : &); i=$((i+1)); done
        i=0; while grep -qs 'State:.*zombie' /proc/[0-9]*/status && [ $i -lt 2000 ]; do i=$((i+1)); done
        grep -ls 'State:.*zombie' /proc/[0-9]*/status; exit 0";
    assert_eq!(scene.inside(&[], script), "");
}

/// Sent to kakuri by another process, a signal reaches the command.
#[test]
fn signals_sent_to_kakuri_reach_the_command() {
    let scene = Scene::new();
    for (name, signal) in [
        ("TERM", libc::SIGTERM),
        ("INT", libc::SIGINT),
        ("HUP", libc::SIGHUP),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("QUIT", libc::SIGQUIT),
    ] {
        let script = format!("trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
        let mut child = scene.kakuri(["sh", "-c", &script]).stdin(Stdio::null()).spawn();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        // SAFETY: our own child, which has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        assert_eq!(lines.next().unwrap().unwrap(), format!("got {name}"));
        assert_eq!(Output::of(child).code(), 9, "{name}");
    }
}

/// A signal the command does not catch ends it, and kakuri tells so.
#[test]
fn an_uncaught_signal_sent_to_kakuri_ends_the_command() {
    let scene = Scene::new();
    let mut child = scene.kakuri(["sh", "-c", "echo ready; exec sleep 1000"]).spawn();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    // SAFETY: our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    let ended = Output::of(child);
    assert_eq!(ended.status.code().or(ended.status.signal().map(|s| 128 + s)), Some(128 + libc::SIGTERM), "{ended}");
}

#[test]
fn signals_ignored_by_the_caller_stay_ignored() {
    let scene = Scene::new();
    let run = format!("trap '' HUP; exec '{KAKURI}' sh -c 'kill -HUP $$; echo alive'");
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "alive");
    // And what kakuri blocks or ignores for itself is given back.
    let state = scene.kakuri(["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"]).output().ok().text();
    for line in state.lines() {
        let set = u64::from_str_radix(line.split_once('\t').unwrap().1, 16).unwrap();
        // 32 and 33 are the C library's own: the one that starts a program sets them as it likes.
        assert_eq!(set & !(0b11 << 31), 0, "{state}");
    }
}

#[test]
fn the_callers_limits_mask_and_niceness_are_given_back() {
    let scene = Scene::new();
    let inside = "umask; ulimit -Sn; ulimit -Hn; nice";
    let run = |prefix: &str| {
        let script = format!("umask 027; ulimit -Sn 77; ulimit -Hn 333; {prefix}");
        scene.program("bash").args(["-c", &script]).output().ok().text()
    };
    assert_eq!(run(&format!("'{KAKURI}' bash -c '{inside}'")), run(inside));
}

/// `--status-fd N`: one JSON line per phase, the last one tells how it ended.
#[test]
fn the_status_descriptor_tells_every_phase() {
    let scene = Scene::new();
    let last = |command: &str| {
        let run = format!("'{KAKURI}' --status-fd 5 {command} 5>status >/dev/null 2>&1; echo $?");
        let code = scene.program("sh").args(["-c", &run]).output().ok().text();
        let text = std::fs::read_to_string(scene.work().join("status")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect();
        (code, lines.last().unwrap_or_else(|| panic!("nothing on the status descriptor of {command}")).clone())
    };
    let (code, line) = last("sh -c 'exit 7'");
    assert_eq!((code.as_str(), &line["origin"], &line["code"]), ("7", &"command".into(), &7.into()), "{line}");
    let (code, line) = last("sh -c 'kill -9 $$'");
    assert_eq!((code.as_str(), &line["origin"], &line["signal"]), ("137", &"command".into(), &9.into()), "{line}");
    let (code, line) = last("no-such-program-here");
    assert_eq!((code.as_str(), &line["code"]), ("127", &127.into()), "{line}");
    let (code, line) = last("--bind /no/such/source:/x true");
    assert_eq!((code.as_str(), &line["origin"], &line["code"]), ("125", &"kakuri".into(), &125.into()), "{line}");
}

#[test]
fn version_says_so_and_nothing_else() {
    let scene = Scene::new();
    let said = scene.kakuri(["version"]).output().ok();
    assert!(said.text().contains(env!("CARGO_PKG_VERSION")), "{said}");
    assert!(said.stderr.is_empty(), "{said}");
}
