//! kakuri-mount run from a shell.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use kakuri_mount::{Op, Plan};
use kakuri_wire::Kernelfs;

use crate::front::{PROGRAM, Pid1, Scratch, plan, private};

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().expect("it runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn write(own: &Scratch, plan: &Plan) -> String {
    let text = serde_json::to_string_pretty(plan).expect("JSON");
    own.file("plan.json", &text).to_str().expect("UTF-8").into()
}

/// The plan without the host's /proc, with one of its own.
fn with_proc(mut plan: Plan) -> Plan {
    plan.ops.retain(|op| !matches!(op, Op::Bind(bind) if bind.at.as_bytes() == b"/proc"));
    plan.finish.push(Op::Attach { what: Kernelfs::Proc, at: "/proc".into() });
    plan
}

#[test]
fn version_help_and_misuse() {
    let version = run(&["--version"]);
    assert!(out(&version).starts_with("kakuri-mount ") && version.status.success());
    let help = run(&["--help"]);
    assert!(out(&help).starts_with("usage: kakuri-mount PLAN -- CMD") && help.status.success());
    for bad in [&[][..], &["--what"], &["plan.json"], &["plan.json", "--"], &["--check"], &["--check", "a", "b"]] {
        let bad = run(bad);
        assert_eq!((bad.status.code(), out(&bad).as_str()), (Some(125), ""));
        assert_eq!(err(&bad).lines().count(), 2, "{}", err(&bad));
        assert!(err(&bad).contains("hint: usage: "), "{}", err(&bad));
    }
}

#[test]
fn check_and_explain_touch_nothing() {
    let own = Scratch::new("check");
    let good = write(&own, &plan([private("/tmp", 0o1777)]));
    let checked = run(&["--check", &good]);
    assert_eq!((checked.status.code(), out(&checked), err(&checked)), (Some(0), String::new(), String::new()));
    let explained = out(&run(&["--explain", &good]));
    assert!(explained.contains("private  ") && explained.contains("/tmp"), "{explained}");
    assert_eq!(explained, out(&run(&["--explain", &good])));

    let bad = write(&own, &plan([private("/tmp/../etc", 0o1777)]));
    for verb in ["--check", "--explain"] {
        let refused = run(&[verb, &bad]);
        assert_eq!((refused.status.code(), out(&refused).as_str()), (Some(125), ""));
        assert!(err(&refused).contains("'/tmp/../etc'"), "{}", err(&refused));
    }
    let broken = own.file("broken.json", "{\n  \"version\": 1,\n  oops\n}");
    let broken = run(&["--check", broken.to_str().expect("UTF-8")]);
    assert!(err(&broken).contains("line 3 column 3"), "{}", err(&broken));
    let missing = run(&["--check", "not-there.json"]);
    assert!(err(&missing).starts_with("kakuri-mount: cannot read 'not-there.json': No such file"), "{}", err(&missing));
}

#[test]
fn a_plan_is_built_and_a_command_run_in_it() {
    if Pid1::start().is_none() {
        return;
    }
    let own = Scratch::new("hand");
    let name = write(&own, &plan([private("/tmp", 0o1777), Op::Folder { at: "/here".into(), mode: 0o755 }]));
    let inside = run(&[&name, "--", "sh", "-c", "id -u; pwd; umask; ls /here; test -e /etc || exit 3"]);
    let mask = out(&Command::new("sh").args(["-c", "umask"]).output().expect("sh runs"));
    assert_eq!(out(&inside), format!("0\n/\n{mask}"), "{}", err(&inside));
    assert_eq!(inside.status.code(), Some(3));
    assert_eq!(run(&[&name, "--", "not-a-program"]).status.code(), Some(127));
    assert_eq!(run(&[&name, "--", "/tmp"]).status.code(), Some(126));
    assert!(Path::new("/etc").exists() && fs::exists(&name).expect("asked"));
}

#[test]
fn a_plan_with_a_proc_makes_its_command_pid_1() {
    if Pid1::start().is_none() {
        return;
    }
    let own = Scratch::new("proc");
    let name = write(&own, &with_proc(plan([])));
    let inside = run(&[&name, "--", "sh", "-c", "echo $$; readlink /proc/self/root; exit 7"]);
    assert_eq!((out(&inside).as_str(), inside.status.code()), ("1\n/\n", Some(7)), "{}", err(&inside));
    if err(&inside).is_empty() {
        let listed = run(&[&name, "--", "sh", "-c", "cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l"]);
        let listed = out(&listed);
        let (comm, count) = listed.split_once('\n').expect("two lines");
        assert_eq!(comm, "sh");
        assert!(count.trim().parse::<u32>().expect("a number") < 5, "{count}");
    } else {
        assert!(err(&inside).starts_with("kakuri-mount: proc is the host's own: "), "{}", err(&inside));
    }
}
