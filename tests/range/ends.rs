//! Killed at any moment of a start with a range, nothing of it stays.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::random::Random;
use crate::common::{HANG, Output, Scene, rounds, until};
use crate::{RANGE, ranged};

fn pass(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

#[test]
fn the_front_at_random_moments() {
    ranged!();
    let scene = Scene::alone();
    let mut random = Random::seeded();
    let begun = Instant::now();
    scene.kakuri(RANGE.iter().chain(&["true"])).output().ok();
    let start = begun.elapsed();
    let before = scene.before();
    for _ in 0..rounds("KAKURI_TEST_KILLS", 40) {
        let run = scene.kakuri(RANGE.iter().chain(&["sleep", "1000"])).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = run.spawn();
        pass(Duration::from_micros(random.below(start.as_micros() as u64 * 3 / 2)));
        child.kill().unwrap();
        child.wait().unwrap();
        before.nothing_left();
    }
}

fn child_called(front: u32, name: &str) -> Option<u32> {
    let pids = fs::read_to_string(format!("/proc/{front}/task/{front}/children")).unwrap_or_default();
    let is = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    pids.split_whitespace().find(is).and_then(|pid| pid.parse().ok())
}

/// A tool that never ends; ours ends it when the front is gone.
#[test]
fn a_tool_that_hangs_ends_with_the_front() {
    ranged!();
    let scene = Scene::alone();
    let folder = scene.folder("bin");
    scene.script("bin/newuidmap", "#!/bin/sh\nexec sleep 1000\n");
    let before = scene.before();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let run = scene.kakuri(RANGE.iter().chain(&["true"])).env("PATH", &path);
        let child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        assert!(until(HANG, || child_called(child.id(), "sleep").is_some()), "the tool never ran");
        // SAFETY: our own child, not collected yet.
        unsafe { libc::kill(child.id() as i32, signal) };
        Output::of(child);
        before.nothing_left();
    }
}

#[test]
fn pid_1_that_ends_before_it_is_mapped_is_told() {
    ranged!();
    let scene = Scene::alone();
    let before = scene.before();
    let folder = scene.folder("bin");
    // The tool ends the very process it is to map, as somebody else might.
    scene.script("bin/newuidmap", "#!/bin/sh\nkill -9 $1\nexec /usr/bin/newuidmap \"$@\"\n");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let said = scene.kakuri(RANGE.iter().chain(&["true"])).env("PATH", &path).output();
    said.refused(125, &["kakuri-init", "killed by signal 9"]);
    fs::remove_dir_all(folder).unwrap();
    before.nothing_left();
}
