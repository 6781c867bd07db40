//! How a container is started, and what cannot be.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::Scene;

#[test]
fn in_the_background_it_returns_when_the_payload_runs() {
    let scene = Scene::new();
    let folder = scene.folder("seen");
    let bind = format!("{}:/seen", folder.display());
    scene.kakuri(["create", "--bind", &bind, "web"]).output().ok();
    let out = scene.kakuri(["start", "-d", "web", "sh", "-c", "echo up >/seen/up; sleep 1000"]).output().ok();
    assert_eq!((out.text(), out.err()), ("web".into(), String::new()));
    assert_eq!(scene.state("web"), "running");
    assert!(crate::common::until(crate::common::GONE, || folder.join("up").exists()));
    scene.say("stop web --time 0").output().ok();
}

#[test]
fn without_a_command_it_is_held_until_it_is_stopped() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    assert_eq!(scene.say("exec web true").output().code(), 0);
    assert_eq!(scene.state("web"), "running");
    let begun = Instant::now();
    scene.say("stop --time 1000 web").output().ok();
    assert!(begun.elapsed() < Duration::from_secs(50), "nobody had to be waited for");
    assert_eq!(scene.state("web"), "exited");
}

#[test]
fn a_running_one_is_not_started_again() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web sleep 1000").output().ok();
    scene.say("start web true").output().refused(1, &["'web'", "is running already"]).hints(&["kakuri shell web"]);
    scene.say("start -d web true").output().refused(1, &["'web'", "is running already"]);
    scene.say("remove web").output().refused(1, &["'web'", "is running"]).hints(&["kakuri stop web"]);
    scene.say("create web").output().refused(1, &["web"]);
    scene.say("remove -f web").output().ok();
}

#[test]
fn of_two_starts_at_once_one_wins() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    for _ in 0..5 {
        let outs: Vec<_> = thread::scope(|s| {
            let starts: Vec<_> = (0..4).map(|_| s.spawn(|| scene.say("start -d web sleep 1000").output())).collect();
            starts.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let won = outs.iter().filter(|out| out.code() == 0).count();
        assert_eq!(won, 1, "{outs:?}");
        for lost in outs.into_iter().filter(|out| out.code() != 0) {
            lost.refused(1, &["'web'", "is running already"]);
        }
        scene.say("stop --time 0 web").output().ok();
    }
}

#[test]
fn who_is_unknown_or_stopped_is_named() {
    let scene = Scene::new();
    scene.say("create webserver").output().ok();
    for line in ["start webservr", "exec webservr true", "shell webservr"] {
        scene.say(line).output().refused(125, &["'webservr'"]).hints(&["webserver"]);
    }
    for line in ["stop webservr", "logs webservr", "attach webservr", "restart webservr", "remove webservr"] {
        scene.say(line).output().refused(1, &["'webservr'"]).hints(&["webserver"]);
    }
    for line in ["attach webserver", "container top webserver", "container kill webserver"] {
        scene.say(line).output().refused(1, &["'webserver' is not running"]).hints(&["kakuri start webserver"]);
    }
    scene.say("stop webserver").output().ok();
    scene.say("logs webserver").output().ok();
}

#[test]
fn the_beginning_of_a_name_will_do() {
    let scene = Scene::new();
    scene.say("create alpha").output().ok();
    scene.say("create beta").output().ok();
    assert_eq!(scene.say("start -d al sleep 1000").output().ok().text(), "alpha");
    assert_eq!(scene.say("exec a hostname").output().ok().text(), "alpha");
    scene.say("stop -t 0 alp").output().ok();
    assert_eq!(scene.state("alpha"), "exited");
    scene.say("create alto").output().ok();
    let out = scene.say("exec al true").output().refused(125, &["'al'"]);
    assert!(out.err().contains("alpha") && out.err().contains("alto"), "{out}");
}

#[test]
fn restart_begins_anew_as_it_was_created() {
    let scene = Scene::new();
    scene.say("create web sh -c ").output();
    scene.kakuri(["create", "--replace", "web", "sh", "-c", "date +%N >>~/starts; sleep 1000"]).output().ok();
    scene.say("start -d web").output().ok();
    let starts = || scene.shell("exec web", "cat ~/starts | wc -l").output().ok().text();
    // It runs, and may not have come to that yet.
    assert!(crate::common::until(crate::common::GONE, || starts() == "1"), "{}", starts());
    let init = scene.init("web");
    scene.say("restart --time 1 web").output().ok();
    assert_eq!(scene.state("web"), "running");
    assert_ne!(scene.init("web"), init);
    assert!(crate::common::until(crate::common::GONE, || starts() == "2"), "{}", starts());
    // One that does not run is started.
    scene.say("stop -t0 web").output().ok();
    scene.say("restart web").output().ok();
    assert_eq!(scene.state("web"), "running");
    scene.say("remove -f web").output().ok();
}

#[test]
fn a_temporary_one_has_a_record_and_no_files() {
    let scene = Scene::new();
    assert_eq!(scene.say("run -d --name job sleep 1000").output().ok().text(), "job");
    assert_eq!(scene.say("exec job hostname").output().ok().text(), "job");
    scene.say("stop -t0 job").output().ok();
    assert_eq!(scene.state("job"), "exited");
    scene.say("run --name job true").output().refused(125, &["job"]);
    scene.say("remove job").output().ok();

    let out = scene.shell("run --name job", "echo out; exit 7").output();
    assert_eq!((out.code(), out.text()), (7, "out".into()));
    assert_eq!(scene.state("job"), "exited");
    scene.say("remove job").output().ok();

    let name = scene.say("run --rm -d sleep 1000").output().ok().text();
    assert_eq!(scene.state(&name), "running");
    scene.say(&format!("stop -t0 {name}")).output().ok();
    assert_eq!(scene.state(&name), "none");
    assert_eq!(fs::read_dir(scene.home().join(".local/kakuri/containers")).unwrap().count(), 0);
}

#[test]
fn what_never_ran_leaves_no_record() {
    let scene = Scene::new();
    scene.say("run --name job nosuchcommand").output().refused(127, &["nosuchcommand"]);
    scene.say("run -d --name job nosuchcommand").output().refused(127, &["nosuchcommand"]);
    scene.say("run -d --name job --bind /nosuch:/x true").output().refused(125, &["/nosuch"]);
    assert_eq!(scene.state("job"), "none");
    // One that has run keeps its own.
    scene.say("run --name job true").output().ok();
    scene.say("start job nosuchcommand").output().refused(127, &["nosuchcommand"]);
    assert_eq!(scene.state("job"), "exited");
}

#[test]
fn what_fails_before_there_is_a_supervisor_leaves_no_record() {
    let scene = Scene::new();
    let run = |line: &str| {
        let script = format!("exec 5</dev/null; exec \"$0\" {line}");
        scene.program("sh").args(["-c", &script, crate::common::KAKURI]).output()
    };
    run("run -d --name web --pass-fd 5 true").refused(125, &["--pass-fd with -d"]);
    run("run -d --pass-fd 5 true").refused(125, &["--pass-fd with -d"]);
    assert_eq!(scene.say("list -aq").output().ok().text(), "");
    // What was made by hand stays, whatever becomes of its start.
    scene.say("create web").output().ok();
    run("start -d --pass-fd 5 web true").refused(125, &["--pass-fd"]);
    assert_eq!(scene.say("list -aq").output().ok().text(), "web");
}

#[test]
fn without_its_helpers_a_run_leaves_no_record() {
    let scene = Scene::new();
    let lone = scene.folder("bin").join("kakuri");
    fs::copy(crate::common::KAKURI, &lone).unwrap();
    for args in [&["run", "--name", "web", "true"][..], &["run", "-d", "true"], &["run", "-d", "--name", "web", "true"]]
    {
        scene.program(&lone).args(args).output().refused(125, &["kakuri-mount"]);
        assert_eq!(scene.say("list -aq").output().ok().text(), "", "{args:?}");
    }
}
