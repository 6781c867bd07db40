//! What programs that start kakuri use: words out of a descriptor, failures told to one, silence on standard error; and the
//! files, folders and links that are made for a container alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{KAKURI, Output, Scene};
use serde_json::Value;

/// `kakuri LINE` by a shell, with what it writes to descriptor 5.
fn told(scene: &Scene, line: &str) -> (Output, Vec<Value>) {
    let run = format!("'{KAKURI}' {line} 5>told");
    let output = scene.program("sh").args(["-c", &run]).output();
    let text = std::fs::read_to_string(scene.work().join("told")).unwrap();
    (output, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn the_last_line_tells_what_was_used() {
    let scene = Scene::new();
    let (_, lines) = told(&scene, "--status-fd 5 sh -c 'sleep 0.05; exit 3'");
    assert_eq!(lines[0]["version"], 1);
    assert!(lines[1..].iter().all(|line| line["version"].is_null()), "once is enough");
    let last = lines.last().unwrap();
    assert_eq!((&last["code"], &last["timed_out"], &last["core"]), (&3.into(), &false.into(), &false.into()));
    let usage = |key: &str| last["usage"][key].as_u64().unwrap_or_else(|| panic!("{key}: {last}"));
    assert!(usage("wall_us") > 0 && usage("peak_kib") > 100, "{last}");
    assert!(usage("user_us") < 10_000_000 && usage("system_us") < 10_000_000, "{last}");
    let (_, lines) = told(&scene, "--status-fd 5 --timeout 20ms sleep 1000");
    assert_eq!(lines.last().unwrap()["timed_out"], true);
}

#[test]
fn failures_are_told_in_parts() {
    let scene = Scene::new();
    let (output, lines) = told(&scene, "run --status-fd 5 --quiet --bind /no/such:/x true");
    let last = lines.last().unwrap();
    assert_eq!((&last["origin"], &last["code"]), (&"kakuri".into(), &125.into()));
    let failure = &last["failure"];
    assert_eq!(failure["what"], "cannot bind '/no/such'");
    assert_eq!((&failure["why"], &failure["errno"]), (&"No such file or directory".into(), &libc::ENOENT.into()));
    assert!(failure["hint"].as_str().unwrap().contains(":create"), "{last}");
    assert_eq!((output.code(), &*output.err()), (125, ""), "{output}");
}

/// Where nothing could be read of what follows.
#[test]
fn mistakes_are_told_too() {
    let scene = Scene::new();
    for line in ["run --status-fd 5 --quiet --hostnam x true", "--status-fd 5 --quiet --hostnam x true"] {
        let (output, lines) = told(&scene, line);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["failure"]["what"], "unknown option '--hostnam'");
        assert_eq!((output.code(), &*output.err()), (125, ""), "{output}");
    }
    // Not quiet: a person may be there as well. And what stands behind the command is the command's.
    let (output, lines) = told(&scene, "exec --status-fd 5 --no-such-option web true");
    assert_eq!((lines.len(), output.code()), (1, 125), "{output}");
    output.refused(125, &["--no-such-option"]);
    let (_, lines) = told(&scene, "--hostnam x sh --status-fd 5");
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn exec_tells_as_a_run_does() {
    let scene = Scene::new();
    scene.kakuri(["create", "web"]).output().ok();
    let (_, lines) = told(&scene, "exec --status-fd 5 web sh -c 'exit 4'");
    assert_eq!(lines[0]["phase"], "running");
    assert_eq!((&lines[1]["phase"], &lines[1]["code"]), (&"ended".into(), &4.into()));
    assert!(lines[1]["usage"]["peak_kib"].as_u64().unwrap() > 100, "{lines:?}");
    let (output, lines) = told(&scene, "exec --status-fd 5 --quiet web no-such-program");
    assert_eq!((&lines[0]["code"], output.code(), &*output.err()), (&127.into(), 127, ""), "{output}");
    let passed = format!("'{KAKURI}' exec --pass-fd 4 web sh -c 'cat <&4' 4<<.\nhello\n.\n");
    assert_eq!(scene.program("sh").args(["-c", &passed]).output().ok().text(), "hello");
}

#[test]
fn words_come_out_of_a_descriptor() {
    let scene = Scene::new();
    let run = |words: &str, rest: &str| {
        let line = format!("printf '%b' '{words}' | '{KAKURI}' --args 3 {rest} 3<&0 </dev/null");
        scene.program("sh").args(["-c", &line]).output()
    };
    assert_eq!(run(r"--env\0A=1 2\n3\0", "sh -c 'echo \"$A\"'").ok().text(), "1 2\n3");
    assert_eq!(run(r"run\0--env=A=1\0--\0sh\0", "-c 'echo $A'").ok().text(), "1");
    assert_eq!(run("", "echo nothing").ok().text(), "nothing");
    run("--env", "true").refused(125, &["--args", "does not end"]);
    scene.kakuri(["--args", "77", "true"]).output().refused(125, &["descriptor 77", "not open"]);
    scene.kakuri(["--args"]).output().refused(125, &["--args"]);
    scene.kakuri(["--env", "A=1", "--args", "3", "true"]).output().refused(125, &["first"]);
}

#[test]
fn files_folders_and_links_of_its_own() {
    let scene = Scene::new();
    let run = |line: &str| {
        let line = format!("printf 'own\\n' | '{KAKURI}' {line} 3<&0 </dev/null");
        scene.program("sh").args(["-c", &line]).output()
    };
    assert_eq!(run("--file 3:/etc/new cat /etc/new").ok().text(), "own");
    assert_eq!(run("--file 3:/etc/hosts:mode=0600 stat -c '%a %s' /etc/hosts").ok().text(), "600 4");
    assert_eq!(run("--dir /opt/a --dir /opt/a/b:mode=0700 stat -c %a /opt/a /opt/a/b").ok().text(), "755\n700");
    assert_eq!(run("--read-only --dir /opt/a sh -c 'touch /opt/a/x 2>&1 | wc -l'").ok().text(), "1");
    assert_eq!(run("--symlink hosts:/etc/link readlink /etc/link").ok().text(), "hosts");
    assert_eq!(run("--symlink a:/new/link readlink /new/link").ok().text(), "a");
    run("--symlink x:/etc/hosts true").refused(125, &["cannot make the link '/etc/hosts'", "already"]);
    run("--symlink x:/proc/x true").refused(125, &["/proc is the kernel's own"]);
    run("--file 3:etc/x true").refused(125, &["relative"]);
    run("--file 8:/etc/x true").refused(125, &["cannot make the file '/etc/x'", "descriptor 8 is not open"]);
    run("--dir /etc/hosts true").refused(125, &["cannot make the folder '/etc/hosts'"]);
    run("--dir /a:mode=9 true").refused(125, &["--dir mode"]);
    let large = format!("head -c 5000000 /dev/zero | '{KAKURI}' --file 3:/x true 3<&0");
    scene.program("sh").args(["-c", &large]).output().refused(125, &["larger than"]);
}

/// They are kept with a container, contents and all, and a start may have its own.
#[test]
fn a_container_keeps_what_was_made_for_it() {
    let scene = Scene::new();
    let line = |line: &str| scene.program("sh").args(["-c", &line.replace("kakuri", &format!("'{KAKURI}'"))]).output();
    line("printf one | kakuri create --file 3:/etc/own --symlink own:/etc/link web 3<&0").ok();
    assert_eq!(line("kakuri start web cat /etc/link").ok().text(), "one");
    assert_eq!(
        line("printf two | kakuri start web --file 3:/etc/other cat /etc/own /etc/other 3<&0").ok().text(),
        "onetwo"
    );
    assert_eq!(line("kakuri exec web cat /etc/own").ok().text(), "one");
}
