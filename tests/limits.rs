//! Limits of a whole container, as far as a host shows them that delegates nothing: what is refused and with which words, what
//! holds nevertheless, and what `container stats` tells. tests/vm/limits has the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use common::{KAKURI, Scene};

/// Whether control groups are delegated to a scene's user.
fn delegated(scene: &Scene) -> bool {
    scene.kakuri(["--explain", "--memory", "64m", "true"]).output().code() == 0
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let scene = Scene::new();
    for (options, words) in [
        ("--memory 512", &["'512'", "no unit"][..]),
        ("--memory 5m", &["'5m'", "least is 6m"]),
        ("--memory 0", &["'0'", "least is 6m"]),
        ("-m lots", &["'lots'", "-m"]),
        ("--memory -1", &["'-1'", "--memory"]),
        ("--swap 1", &["'1'", "no unit"]),
        ("--memory-swap 1g", &["--memory-swap", "--memory"]),
        ("--memory 1g --memory-swap 512m", &["less than --memory"]),
        ("--cpus 0", &["'0'", "least is 0.01"]),
        ("--cpus 0.001", &["'0.001'", "least is 0.01"]),
        ("--cpus two", &["'two'", "no number"]),
        ("--cpus 100000", &["'100000'", "no machine"]),
        ("--pids-limit -2", &["'-2'", "--pids-limit"]),
        ("--pids-limit 1k", &["'1k'", "no number of processes"]),
        ("--rlimit-nofile 1k", &["'1k'", "no number"]),
        ("--rlimit-as x", &["'x'", "--rlimit-as"]),
    ] {
        let words = [words, &["kakuri: "]].concat();
        scene.say(&format!("{options} true")).output().refused(125, &words).hints(&[]);
        // Bad input creates nothing.
        scene.say(&format!("create {options} box")).output().refused(125, &words);
        assert_eq!(scene.say("list -q").output().ok().text(), "");
    }
}

#[test]
fn what_is_not_delegated_is_named_with_what_mends_it() {
    let scene = Scene::new();
    if delegated(&scene) {
        common::skip("limits: control groups are delegated here");
        return;
    }
    for (options, name) in
        [("--memory 64m", "--memory"), ("--cpus 1.5", "--cpus"), ("--memory 64m --swap 1g", "--memory")]
    {
        scene.say(&format!("{options} true")).output().refused(125, &["cannot hold", name]).hints(&["sudo"; 0]);
        scene.say(&format!("--explain {options} true")).output().refused(125, &["cannot hold", name]);
        scene.say(&format!("create {options} box")).output().refused(1, &["cannot hold", name]);
    }
    assert_eq!(scene.say("list -q").output().ok().text(), "");
    let doctor = scene.say("doctor").output();
    let row = doctor.text().lines().find(|line| line.starts_with("limits ")).map(str::to_string).expect("a row");
    assert!(row.contains("lesser") && row.contains("--memory --cpus"), "{row}");
}

#[test]
fn processes_are_limited_all_the_same() {
    let scene = Scene::new();
    let limited = |n: &str| scene.kakuri(["--pids-limit", n, "bash", "-c", "ulimit -u"]).output().ok();
    let said = limited("77");
    assert_eq!(said.text(), "77");
    if !delegated(&scene) {
        assert!(said.err().contains("RLIMIT_NPROC"), "{said}");
    }
    // As many as the caller's own, and nothing to say.
    let own = scene.program("bash").args(["-c", "ulimit -Hu"]).output().ok().text();
    let said = limited("-1");
    assert_eq!((said.text(), said.err()), (own, String::new()));
    // It holds.
    let script =
        "n=0; while [ $n -lt 30 ]; do sleep 5 & n=$((n+1)); done 2>/dev/null; jobs -p | wc -l; kill $(jobs -p)";
    let many = scene.kakuri(["--pids-limit", "10", "sh", "-c", script]).output();
    assert!(many.text().parse::<u32>().map_or(true, |n| n <= 10), "{many}");
    scene.say("create --pids-limit 33 box").output().ok();
    assert_eq!(scene.kakuri(["start", "box", "bash", "-c", "ulimit -u"]).output().ok().text(), "33");
    assert_eq!(scene.say("start --pids-limit 44 box bash -c ulimit\u{20}-u").output().code(), 0);
    let inspected = scene.say("inspect -f {{.HostConfig.PidsLimit}} box").output().ok().text();
    assert_eq!(inspected, "33");
}

#[test]
fn limits_of_each_process_by_their_own_options() {
    let scene = Scene::new();
    let inside = |options: &[&str], script: &str| {
        let all = options.iter().copied().chain(["bash", "-c", script]);
        scene.kakuri(all).output().ok().text()
    };
    assert_eq!(inside(&["--rlimit-nofile", "64"], "ulimit -n"), "64");
    assert_eq!(inside(&["--limit-as", "1g"], "ulimit -v"), (1 << 20).to_string());
    assert_eq!(inside(&["--rlimit-cpu", "1m"], "ulimit -t"), "60");
    assert_eq!(
        inside(&["--rlimit-fsize", "10k"], "head -c 20000 /dev/zero >/tmp/f 2>/dev/null; stat -c %s /tmp/f"),
        "10240"
    );
    assert_eq!(inside(&["--rlimit-core", "0"], "ulimit -c"), "0");
    assert_eq!(inside(&["--rlimit-nproc", "50"], "ulimit -u"), "50");
}

#[test]
fn a_start_without_limits_knows_of_no_control_group() {
    need!("strace");
    let scene = Scene::new();
    let trace = scene.work().join("trace");
    let strace =
        ["-f", "-qq", "-o", trace.to_str().unwrap(), "-e", "trace=clone3,openat,mkdir,mkdirat,connect", KAKURI];
    scene.program("strace").args(strace).arg("true").output().ok();
    let calls = std::fs::read_to_string(&trace).unwrap();
    assert!(calls.contains("openat"), "{calls}");
    let own =
        calls.lines().filter(|line| line.contains("clone3") || line.contains("cgroup") || line.contains("/systemd/"));
    assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn stats_of_what_runs() {
    let scene = Scene::new();
    assert_eq!(scene.say("container stats --no-stream").output().ok().text().lines().count(), 1);
    scene.say("create box").output().ok();
    scene.say("container stats --no-stream box").output().refused(1, &["box", "not running"]);
    scene.say("container stats --no-stream nobody").output().refused(1, &["nobody"]);
    scene.say("container stats --format {{.Nothing}}").output().refused(125, &["Nothing"]);
    scene.say("start -d box sleep 1000").output().ok();
    let said = scene.say("container stats --no-stream").output().ok();
    let text = said.text();
    let words: Vec<&str> = text.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(words[0], "box", "{said}");
    assert!(words[1].ends_with('%') && said.err().contains("no control group was made for box"), "{said}");
    let json = scene.say("container stats --no-stream --format json box").output().ok().text();
    let value: serde_json::Value = serde_json::from_str(&json).expect("a line of JSON");
    assert_eq!((&value["Name"], &value["cgroup"]), (&"box".into(), &false.into()));
    assert!(
        value["usage"]["memory"].as_u64().unwrap() > 100_000 && value["usage"]["pids"].as_u64().unwrap() >= 1,
        "{json}"
    );
    assert!(value["usage"]["memory_peak"].is_null() && value["usage"]["oom_kills"] == 0, "{json}");
    let line = scene.say("container stats --no-stream --format {{.Name}}={{.PIDs}} box").output().ok().text();
    assert!(line.starts_with("box=") && line.len() > 4, "{line}");
}

#[test]
fn stats_go_on_until_nobody_reads() {
    let scene = Scene::new();
    scene.say("create box").output().ok();
    scene.say("start -d box sleep 1000").output().ok();
    let mut run = scene.say("container stats --format jsonl box");
    run.command.stdout(Stdio::piped());
    let mut child = run.spawn();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        assert!(lines.next().unwrap().unwrap().contains("\"Name\":\"box\""));
    }
    drop(lines);
    let ended = common::until(common::HANG, || child.try_wait().unwrap().is_some());
    assert!(ended, "it goes on for nobody");
}
