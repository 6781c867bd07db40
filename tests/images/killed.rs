//! Pulls that are killed, at every word between the front and its helpers: the next one makes it whole, and nothing of
//! the dead one stays.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::common::live::{below, signal};
use super::common::{HANG, Output, Scene, until};
use super::{names, nothing_in_work, pull, runnable, runs};
use crate::need;

/// Whom.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Front,
    Unpacker,
}

fn begin(scene: &Scene, name: &str) -> Child {
    let run = scene.kakuri(["pull", name]).env("KAKURI_LOG", "trace");
    run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// Kills it when the pull has said so many words. How many it has said by its end.
fn kill_after(scene: &Scene, name: &str, words: usize, victim: Victim) -> usize {
    let mut child = begin(scene, name);
    let pid = child.id() as i32;
    let mut said = 0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(Ok(_)) = lines.next() {
        said += 1;
        if said == words {
            match victim {
                Victim::Front => signal(pid, libc::SIGKILL),
                // It may not be there yet, or not any more.
                Victim::Unpacker => {
                    if let Some(helper) = below(pid, "kakuri-image [") {
                        signal(helper, libc::SIGKILL);
                    }
                }
            }
        }
    }
    let output = Output::of(child);
    match victim {
        Victim::Front => {}
        Victim::Unpacker => assert!([0, 1].contains(&output.code()), "after {words} words: {}", output.code()),
    }
    said
}

fn at_every_word(victim: Victim) {
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    let all = kill_after(&scene, &name, usize::MAX, victim);
    assert!(all > 8, "a pull said only {all} words");
    for words in 1..=all {
        scene.kakuri(["image", "rm", "-f", &name]).output().ok();
        kill_after(&scene, &name, words, victim);
        pull(&scene, &name).ok();
        runs(&scene, &name);
        // What the dead one was holding ends a moment after it.
        assert!(until(HANG, || {
            scene.kakuri(["images"]).output().ok();
            names(&scene, "work").is_empty()
        }));
        nothing_in_work(&scene);
        assert_eq!(names(&scene, "partial"), [""; 0], "after {words} words");
    }
}

#[test]
fn the_front_is_killed_at_every_word() {
    need!("busybox");
    at_every_word(Victim::Front);
}

#[test]
fn the_unpacker_is_killed_at_every_word() {
    need!("busybox");
    at_every_word(Victim::Unpacker);
}

/// Ctrl-C ends it with its own code, and what has come is kept.
#[test]
fn a_pull_that_is_interrupted() {
    need!("busybox");
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    for (signal_number, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let mut child = begin(&scene, &name);
        let pid = child.id() as i32;
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut text = String::new();
        // Both helpers are there, and the layers are under way.
        while let Some(Ok(line)) = lines.next() {
            if line.contains("to kakuri-image: Layer") && !text.contains("to kakuri-image: Layer") {
                signal(pid, signal_number);
            }
            text += &format!("{line}\n");
        }
        let ended = Output::of(child).code();
        // It may have been done by then.
        assert!(ended == code || ended == 0, "{ended}: {text}");
        assert!(ended == 0 || text.contains("what has come is kept"), "{text}");
        pull(&scene, &name).ok();
        scene.kakuri(["image", "rm", &name]).output().ok();
    }
    nothing_in_work(&scene);
}
