//! kill -9 of any process of ours at any moment leaves nothing: no process, mount, file or cgroup.
//! KAKURI_TEST_KILLS sets the rounds; the moments come from KAKURI_TEST_SEED, which a failure prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::random::Random;
use common::{HANG, Output, Scene, rounds, trace, until};

fn kill(pid: u32) {
    // SAFETY: a child of this process or of its child, found a moment ago; at worst it is gone.
    unsafe { libc::kill(pid as i32, libc::SIGKILL) };
}

/// Waits to the microsecond, which a sleep would not.
fn pass(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

fn children(pid: u32) -> Vec<(u32, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string();
    text.split_whitespace().map(|p| p.parse().unwrap()).map(|p| (p, name(p))).collect()
}

/// A container that runs until it is ended, and how long its start took.
fn running(scene: &Scene) -> (Child, Duration) {
    let begun = Instant::now();
    let mut child = scene.kakuri(["sh", "-c", "echo up; exec sleep 1000"]).stdin(Stdio::null()).spawn();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (child, begun.elapsed())
}

#[test]
fn the_front_at_random_moments() {
    let scene = Scene::alone();
    let mut random = Random::seeded();
    // Calibrated here: the moments cover the whole start and a little more, however slow this machine is.
    let (mut child, start) = running(&scene);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = scene.before();
    for _ in 0..rounds("KAKURI_TEST_KILLS", 50) {
        let mut child = scene.kakuri(["sleep", "1000"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        pass(Duration::from_micros(random.below(start.as_micros() as u64 * 3 / 2)));
        child.kill().unwrap();
        child.wait().unwrap();
        before.nothing_left();
    }
}

#[test]
fn the_front_of_many_at_once() {
    let scene = Scene::alone();
    let before = scene.before();
    let mut all: Vec<Child> = (0..20).map(|_| running(&scene).0).collect();
    for child in &mut all {
        child.kill().unwrap();
    }
    for child in &mut all {
        child.wait().unwrap();
    }
    before.nothing_left();
}

#[test]
fn pid_1_while_the_command_runs() {
    let scene = Scene::alone();
    let before = scene.before();
    let (child, _) = running(&scene);
    let init =
        children(child.id()).into_iter().find(|(_, name)| name == "kakuri-init").expect("PID 1 is the front's child").0;
    kill(init);
    let output = Output::of(child).refused(125, &["kakuri-init"]);
    drop(output);
    before.nothing_left();
}

#[test]
fn the_command_itself() {
    let scene = Scene::alone();
    let before = scene.before();
    let (child, _) = running(&scene);
    let init = children(child.id()).into_iter().find(|(_, name)| name == "kakuri-init").unwrap().0;
    let mut command = 0;
    assert!(until(HANG, || {
        command = children(init).into_iter().find(|(_, name)| name == "sleep").map_or(0, |(pid, _)| pid);
        command != 0
    }));
    kill(command);
    assert_eq!(Output::of(child).code(), 128 + libc::SIGKILL);
    before.nothing_left();
}

/// Whichever child of the front is caught first, at a random moment of its short life.
#[test]
fn a_helper_at_random_moments() {
    let scene = Scene::alone();
    let mut random = Random::seeded();
    let before = scene.before();
    let mut caught = 0;
    for round in 0..rounds("KAKURI_TEST_KILLS", 50) {
        let wanted = if round % 2 == 0 { "kakuri-mount" } else { "kakuri-init" };
        let child = scene.kakuri(["true"]).spawn();
        let front = child.id();
        let end = Instant::now() + HANG;
        let mut victim = None;
        // Until it is found, or the front has ended without it being seen.
        while victim.is_none() && fs::metadata(format!("/proc/{front}/exe")).is_ok() && Instant::now() < end {
            victim = children(front).into_iter().find(|(_, name)| name == wanted);
        }
        if let Some((pid, _)) = victim {
            pass(Duration::from_micros(random.below(400)));
            kill(pid);
            caught += 1;
        }
        let output = Output::of(child);
        // Too late to matter, or one clear line.
        if output.status.code() != Some(0) {
            output.refused(125, &[]);
        }
        before.nothing_left();
    }
    assert!(caught > 0, "no helper was ever seen");
}

/// At exact places: whoever makes the call is killed there.
#[test]
fn whoever_makes_a_call_is_killed_at_it() {
    let scene = Scene::alone();
    if !trace::usable(&scene, "whoever_makes_a_call_is_killed_at_it") {
        return;
    }
    let args = ["--", "true"];
    let counts = trace::calls(&scene, &args);
    let before = scene.before();
    let calls = [
        "clone",
        "clone3",
        "vfork",
        "execveat",
        "sendmsg",
        "recvmsg",
        "setns",
        "unshare",
        "fsopen",
        "fsmount",
        "open_tree",
        "mount_setattr",
        "move_mount",
        "pivot_root",
        "umount2",
        "capset",
        "prctl",
        "socketpair",
        "memfd_create",
        "poll",
        "ppoll",
        "write",
        "mkdirat",
        "symlinkat",
        "waitid",
        "wait4",
        "signalfd4",
        "close_range",
        "setresuid",
    ];
    let mut tried = 0;
    for call in calls {
        for turn in 1..=counts.get(call).copied().unwrap_or(0).min(rounds("KAKURI_TEST_TURNS", 4)) {
            let fault = format!("{call}:signal=KILL:when={turn}");
            let output = trace::inject(&scene, &fault, &args).unwrap();
            tried += 1;
            // The front itself died of it, or tells what did, or it came too late to matter.
            let ended = output.status.code();
            let told = ended == Some(125) && output.err().starts_with("kakuri: ");
            let command_died = ended == Some(128 + libc::SIGKILL);
            assert!(ended.is_none() || told || command_died || ended == Some(0), "{fault}: {output}");
            before.nothing_left();
        }
    }
    assert!(tried > 0, "none of these calls was made: {counts:?}");
}
