//! kill -9 of any process of a named container at any moment: nothing is left, and the next start works.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::live::{lives, signal};
use crate::common::random::Random;
use crate::common::{GONE, HANG, Output, Scene, rounds, until};

/// Waits to the microsecond, which a sleep would not.
fn pass(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Everything that runs of this scene, by its environment or its name, and what it is.
fn of(scene: &Scene, name: &str) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    let title = format!("[{name}]");
    let home = scene.home().to_string_lossy().into_owned();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let ours = String::from_utf8_lossy(&environment).contains(&home);
        if pid != std::process::id() as i32 && lives(pid) && (ours || command.contains(&title)) {
            found.push((pid, command));
        }
    }
    found
}

#[track_caller]
fn nothing_runs(scene: &Scene, name: &str) {
    let mut left = Vec::new();
    let gone = until(GONE, || {
        left = of(scene, name);
        left.is_empty()
    });
    assert!(gone, "still there: {left:?}");
}

/// It is listed as stopped, starts, can be entered and stopped; nothing is left then.
#[track_caller]
fn works(scene: &Scene, name: &str) {
    let state = scene.state(name);
    assert!(["exited", "dead", "created"].contains(&&*state), "{state}");
    scene.kakuri(["start", "-d", name]).output().ok();
    assert_eq!(scene.kakuri(["exec", name, "echo", "in"]).output().ok().text(), "in");
    scene.kakuri(["stop", name]).output().ok();
    nothing_runs(scene, name);
    assert!(!scene.live(name).exists(), "its live folder is left");
}

#[test]
fn the_supervisor_or_pid_one_of_a_running_one() {
    let scene = Scene::alone();
    scene.say("create unique-a").output().ok();
    let before = scene.before();
    for key in ["supervisor", "init"] {
        scene.say("start -d unique-a sleep 1000").output().ok();
        let other = scene.say("exec unique-a sleep 1000").spawn();
        assert!(until(HANG, || scene.say("container top unique-a").output().text().matches("sleep").count() == 2));
        let pid = scene.number("unique-a", key);
        signal(pid, libc::SIGKILL);
        let begun = Instant::now();
        let other = Output::of(other);
        assert_eq!(other.code(), 137, "{other}");
        assert!(other.err().contains("the container ended, and the command with it"), "{other}");
        nothing_runs(&scene, "unique-a");
        assert!(begun.elapsed() < GONE);
        assert_eq!(scene.state("unique-a"), if key == "supervisor" { "dead" } else { "exited" });
        works(&scene, "unique-a");
    }
    let _ = fs::remove_dir(scene.runtime().join("kakuri"));
    let _ = before;
}

/// Waits for a client, whose container may be started anew for it until nobody kills what it begins.
#[track_caller]
fn finish(scene: &Scene, name: &str, client: &mut Child, what: &str) {
    let ended = until(HANG, || {
        if client.try_wait().unwrap().is_some() {
            return true;
        }
        scene.kakuri(["stop", "--time", "0", name]).output().ok();
        false
    });
    assert!(ended, "{what} hangs");
    // What was begun in the background runs, as it should.
    scene.kakuri(["stop", "--time", "0", name]).output().ok();
}

fn spawn(scene: &Scene, line: &str) -> Child {
    scene.say(line).spawn()
}

#[test]
fn anything_at_random_moments_of_a_start() {
    let scene = Scene::alone();
    let mut random = Random::seeded();
    scene.say("create unique-b").output().ok();
    for round in 0..rounds("KAKURI_TEST_KILLS", 200) {
        let line = ["start -d unique-b sleep 1000", "start unique-b sleep 1000", "exec unique-b sleep 1000"][round % 3];
        let mut client = spawn(&scene, line);
        pass(random.below(25_000));
        // Whoever is there: the client, its supervisor, a helper, PID 1, the command.
        let found = of(&scene, "unique-b");
        if !found.is_empty() {
            let victim = &found[random.below(found.len() as u64) as usize];
            signal(victim.0, libc::SIGKILL);
        }
        pass(random.below(2_000));
        finish(&scene, "unique-b", &mut client, &format!("round {round}: {line}"));
        // One that was killed hung its command up.
        assert!(until(GONE, || scene.state("unique-b") != "running"), "round {round}: {line}");
        nothing_runs(&scene, "unique-b");
        if round % 10 == 0 {
            works(&scene, "unique-b");
        }
    }
    works(&scene, "unique-b");
    let containers = scene.home().join(".local/kakuri/containers");
    let names: Vec<_> = fs::read_dir(containers).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names, ["unique-b"]);
    assert_eq!(fs::read_dir(scene.runtime().join("kakuri")).unwrap().count(), 0, "live folders are left");
}

#[test]
fn anything_at_random_moments_of_a_stop() {
    let scene = Scene::alone();
    let mut random = Random::seeded();
    scene.say("create unique-c").output().ok();
    for round in 0..rounds("KAKURI_TEST_KILLS", 200) / 4 {
        scene.say("start -d unique-c sleep 1000").output().ok();
        let mut entered = spawn(&scene, "exec unique-c sleep 1000");
        let mut stop = spawn(&scene, "stop --time 1 unique-c");
        pass(random.below(12_000));
        let found: Vec<_> = of(&scene, "unique-c").into_iter().filter(|(pid, _)| *pid != stop.id() as i32).collect();
        if !found.is_empty() {
            signal(found[random.below(found.len() as u64) as usize].0, libc::SIGKILL);
        }
        assert!(until(HANG, || stop.try_wait().unwrap().is_some()), "round {round}: stop hangs");
        finish(&scene, "unique-c", &mut entered, &format!("round {round}: exec"));
        assert!(until(GONE, || scene.state("unique-c") != "running"), "round {round}");
        nothing_runs(&scene, "unique-c");
    }
    works(&scene, "unique-c");
}

#[test]
fn one_that_is_frozen_keeps_nobody_waiting() {
    let scene = Scene::new();
    scene.say("create unique-d").output().ok();
    scene.say("start -d unique-d sleep 1000").output().ok();
    let supervisor = scene.supervisor("unique-d");
    signal(supervisor, libc::SIGSTOP);
    let begun = Instant::now();
    assert_eq!(scene.state("unique-d"), "running");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let out = scene.say("stop --time 1 unique-d").output().ok();
    assert!(out.err().contains("did not answer"), "{out}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    nothing_runs(&scene, "unique-d");
    works(&scene, "unique-d");
}

#[test]
fn asked_to_end_it_stops_its_container() {
    let scene = Scene::new();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--bind", &bind, "unique-e"]).output().ok();
    let script = "trap 'echo >/seen/term; exit 6' TERM; echo >/seen/up; while :; do sleep 0.02; done";
    scene.shell("start -d unique-e", script).output().ok();
    assert!(until(HANG, || seen.join("up").exists()));
    signal(scene.supervisor("unique-e"), libc::SIGTERM);
    scene.soon("unique-e", "exited");
    assert!(seen.join("term").exists());
    assert_eq!(scene.say("container wait unique-e").output().ok().text(), "6");
    works(&scene, "unique-e");
}
