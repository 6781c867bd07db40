//! Loads and saves that are killed: nothing half made stays, and the next one makes it whole.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::common::live::{below, signal};
use super::common::oci::{Entry, noise, tar};
use super::common::{HANG, Output, Scene, until};
use super::{layout, load, names, runnable, upper};
use crate::need;

/// Kills the front, or its helper, when so many lines were said. How many there were.
fn kill_after(scene: &Scene, words: usize, front: bool) -> usize {
    let run = scene.kakuri(["image", "load", "-i"]).arg(scene.work().join("archive.tar")).env("KAKURI_LOG", "trace");
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let pid = child.id() as i32;
    let mut said = 0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(Ok(_)) = lines.next() {
        said += 1;
        if said == words {
            let victim = if front { Some(pid) } else { below(pid, "kakuri-image [") };
            if let Some(victim) = victim {
                signal(victim, libc::SIGKILL);
            }
        }
    }
    Output::of(child);
    said
}

fn at_every_word(front: bool) {
    let scene = Scene::new();
    let archive = runnable("team/app:1");
    load(&scene, &archive).ok();
    let all = kill_after(&scene, usize::MAX, front);
    assert!(all > 8, "a load said only {all} words");
    for words in 1..=all {
        scene.kakuri(["image", "rm", "-f", "team/app:1"]).output().ok();
        kill_after(&scene, words, front);
        assert!(until(HANG, || {
            scene.kakuri(["images"]).output().ok();
            names(&scene, "work").is_empty()
        }));
        load(&scene, &archive).ok();
        let ran = scene.kakuri(["run", "--pull", "never", "--image", "team/app:1"]).output().ok();
        assert_eq!(ran.text(), "of the image");
        assert_eq!(names(&scene, "partial"), [""; 0], "after {words} words");
    }
}

#[test]
fn the_front_is_killed_at_every_word() {
    need!("busybox");
    at_every_word(true);
}

#[test]
fn the_reader_is_killed_at_every_word() {
    need!("busybox");
    at_every_word(false);
}

/// A load waits for what comes through a pipe, and Ctrl-C ends it with its own code.
#[test]
fn a_load_that_is_interrupted() {
    let scene = Scene::new();
    let run = scene.kakuri(["image", "load"]).env("KAKURI_LOG", "trace").stdin(Stdio::piped());
    let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let pid = child.id() as i32;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.contains("to kakuri-image: Archive") {
            signal(pid, libc::SIGINT);
        }
    }
    assert_eq!(Output::of(child).code(), 130);
    assert_eq!(names(&scene, "work"), [""; 0]);
}

#[test]
fn a_save_that_is_killed_leaves_no_file() {
    let scene = Scene::new();
    let layer = tar(&[Entry::File("a", 0o644, &noise(30_000_000, 7))]);
    load(&scene, &layout(Some("large"), &[upper(b"a"), layer]).0).ok();
    let folder = scene.folder("out");
    let file = folder.join("a.tar");
    let before = "of before";
    let (mut killed, mut whole) = (0, 0);
    for n in 0..10 {
        fs::write(&file, before).unwrap();
        let mut child = scene.kakuri(["image", "save", "-o"]).arg(&file).arg("large").spawn();
        let pid = child.id();
        // Some of it is written.
        let wrote = || {
            let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
            let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok());
            written.is_none_or(|written| written > n * 3_000_000)
        };
        while !wrote() && matches!(child.try_wait(), Ok(None)) {}
        signal(pid as i32, libc::SIGKILL);
        let _ = child.wait();
        match fs::read(&file).unwrap() {
            text if text == before.as_bytes() => killed += 1,
            bytes => {
                assert!(bytes.len() > 30_000_000, "half a file");
                whole += 1;
            }
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "something stayed beside it");
    }
    assert!(killed > 0, "killed {killed}, whole {whole}");
}
