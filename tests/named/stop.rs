//! Stopping: the polite word, the time, the last word.

use std::time::{Duration, Instant};

use crate::common::live::lives;
use crate::common::{HANG, Output, Scene, until};

/// A container whose first process writes down what it is sent; the folder it writes to.
fn watched(scene: &Scene, script: &str) -> std::path::PathBuf {
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--replace", "--bind", &bind, "web"]).output().ok();
    let _ = std::fs::remove_file(seen.join("up"));
    scene.shell("start -d web", &format!("{script}; echo >/seen/up; while :; do sleep 0.05; done")).output().ok();
    assert!(until(HANG, || seen.join("up").exists()));
    seen
}

#[test]
fn the_first_process_is_asked_and_given_time() {
    let scene = Scene::new();
    let seen = watched(&scene, "trap 'echo >/seen/term; sleep 0.5; echo >/seen/done; exit 6' TERM");
    let init = scene.init("web");
    scene.say("stop web").output().ok();
    assert!(seen.join("term").exists() && seen.join("done").exists());
    assert!(!lives(init));
    assert_eq!(scene.state("web"), "exited");
    assert_eq!(scene.say("container wait web").output().ok().text(), "6");
}

#[test]
fn what_does_not_heed_it_is_killed_when_the_time_is_over() {
    let scene = Scene::new();
    watched(&scene, "trap '' TERM HUP INT");
    let begun = Instant::now();
    scene.say("stop --time 1 web").output().ok();
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(950) && took < Duration::from_secs(30), "{took:?}");
    assert_eq!(scene.say("container wait web").output().ok().text(), "137");

    watched(&scene, "trap '' TERM");
    let begun = Instant::now();
    scene.say("stop -t 0 web").output().ok();
    assert!(begun.elapsed() < Duration::from_secs(9), "ten seconds are given where nothing is said");
    assert_eq!(scene.state("web"), "exited");
}

#[test]
fn the_signal_can_be_another() {
    let scene = Scene::new();
    let seen = watched(&scene, "trap '' TERM; trap 'echo >/seen/usr1; exit 8' USR1");
    scene.say("stop -s USR1 web").output().ok();
    assert!(seen.join("usr1").exists());
    assert_eq!(scene.say("container wait web").output().ok().text(), "8");
    watched(&scene, "trap '' TERM");
    let begun = Instant::now();
    scene.say("stop --time 1000 -s KILL web").output().ok();
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_second_stop_may_be_less_patient() {
    let scene = Scene::new();
    watched(&scene, "trap '' TERM");
    let patient = scene.say("stop --time 100 web").spawn();
    assert!(until(HANG, || scene.say("exec web true").output().code() != 0));
    scene.say("exec web true").output().refused(125, &["'web'", "being stopped"]);
    scene.say("stop --time 0 web").output().ok();
    assert_eq!(Output::of(patient).code(), 0);
}

#[test]
fn what_is_stopped_itself_hears_it() {
    let scene = Scene::new();
    let seen = watched(&scene, "trap 'echo >/seen/term; exit 6' TERM");
    scene.say("container kill -s STOP web").output().ok();
    let begun = Instant::now();
    scene.say("stop --time 1000 web").output().ok();
    assert!(seen.join("term").exists() && begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn the_client_of_one_that_is_killed_exits_as_for_a_kill() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let first = scene.shell("start web", "trap '' TERM; while :; do sleep 0.1; done").spawn();
    scene.soon("web", "running");
    let other = scene.say("exec web sleep 1000").spawn();
    assert!(until(HANG, || scene.say("container top web").output().text().contains("sleep 1000")));
    scene.say("stop -t 0 web").output().ok();
    assert_eq!(Output::of(first).code(), 137);
    Output::of(other).refused(137, &["the container ended", "it was stopped"]);
}

#[test]
fn all_of_them() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        scene.say(&format!("create {name}")).output().ok();
    }
    for name in ["a", "b"] {
        scene.say(&format!("start -d {name}")).output().ok();
    }
    scene.say("stop --all").output().ok();
    assert_eq!(
        (scene.state("a"), scene.state("b"), scene.state("c")),
        ("exited".into(), "exited".into(), "created".into())
    );
    // The others go on where one fails.
    scene.say("start -d b").output().ok();
    let out = scene.say("stop nosuch b").output();
    assert_eq!(out.code(), 1, "{out}");
    assert_eq!(scene.state("b"), "exited");
}

#[test]
fn dockers_kill_and_wait() {
    let scene = Scene::new();
    let seen = watched(&scene, "trap 'echo >/seen/usr1' USR1");
    scene.say("container kill -s USR1 web").output().ok();
    assert!(until(HANG, || seen.join("usr1").exists()));
    assert_eq!(scene.state("web"), "running");
    let waiting = scene.say("container wait web").spawn();
    std::thread::sleep(Duration::from_millis(200));
    scene.say("container kill web").output().ok();
    assert_eq!(Output::of(waiting).ok().text(), "137");
    assert_eq!(scene.state("web"), "exited");
}
