//! Bytes through exec.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use crate::common::Scene;

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn ten_megabytes_go_in_and_come_out() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    let sent = noise(10 << 20);
    let out = scene.say("exec web cat").input(&sent).output().ok();
    assert!(out.stdout == sent, "{} bytes came of {}", out.stdout.len(), sent.len());
    let file = scene.file("data", &sent);
    let out = scene.say("exec web cat").stdin(File::open(file).unwrap()).output().ok();
    assert!(out.stdout == sent);
    let out = scene.shell("exec web", "cat >&2").input(&sent).output().ok();
    assert!(out.stderr == sent && out.stdout.is_empty());
}

#[test]
fn the_end_of_one_direction_is_seen_by_the_other_side() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    // It answers only when its input has ended.
    let out = scene.shell("exec web", "wc -c; echo still here").input("12345").output().ok();
    assert_eq!(out.text(), "5\nstill here");
    // It closes its output and goes on: the reader sees the end.
    let mut client = scene.shell("exec web", "echo word; exec >&-; read x; exit 4").stdin(Stdio::piped()).spawn();
    let mut text = String::new();
    client.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "word\n");
    assert!(client.try_wait().unwrap().is_none());
    client.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(4));
    // A reader that goes away is told to the writer.
    let mut client = scene.shell("exec web", "yes; exit 0").spawn();
    drop(client.stdout.take());
    drop(client.stderr.take());
    assert!(client.wait().unwrap().code().is_some());
}

#[test]
fn in_the_background_of_a_script_without_a_terminal() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    let script = "for n in 1 2 3 4 5; do \"$0\" exec web sh -c \"exit $n\" & pids=\"$pids $!\"; done
        for p in $pids; do wait $p; printf '%s ' $?; done";
    let out = scene.program("sh").args(["-c", script, crate::common::KAKURI]).output().ok();
    assert_eq!(out.text().trim(), "1 2 3 4 5");
}
