//! Large output: through the log, and through a terminal.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use crate::common::Scene;

/// Lines that tell where something is missing.
const WRITER: &str = "i=0; while test $i -lt 100; do head -c 1048576 /dev/zero | tr '\\0' \"$(printf %s $((i % 10)))\"; i=$((i+1)); done";

const MEGABYTES: usize = 100;

fn resident(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_hundred_megabytes_through_logs() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.shell("start -d -i web", &format!("read go; {WRITER}")).output().ok();
    let mut follower = scene.say("logs -f web").stdout(Stdio::piped()).spawn();
    let mut out = follower.stdout.take().unwrap();
    let mut attached = scene.say("attach web").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let supervisor = scene.supervisor("web");
    let before = resident(supervisor);
    attached.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let (mut count, mut buffer, mut most) = (0_usize, vec![0; 1 << 16], before);
    loop {
        let n = out.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        for &byte in &buffer[..n] {
            assert_eq!(usize::from(byte - b'0'), count / 1048576 % 10, "at byte {count}");
            count += 1;
        }
        if count % 64 == 0 {
            most = most.max(resident_or(supervisor, before));
        }
    }
    assert_eq!(count, MEGABYTES * 1048576);
    assert!(follower.wait().unwrap().success());
    attached.wait().unwrap();
    println!("supervisor: {before} KiB before, at most {most} KiB while 100 MiB were logged");
    assert!(most < before + 2048, "the supervisor grew from {before} to {most} KiB");
}

fn resident_or(pid: i32, other: usize) -> usize {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .and_then(|s| s.lines().find(|l| l.starts_with("VmRSS:"))?.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(other)
}

#[test]
fn a_hundred_megabytes_through_a_terminal_with_a_reader_that_stalls() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    // -t: the terminal's output goes to a pipe, whose reader this is.
    let mut client = scene
        .shell("start -t web", &format!("stty -opost; {WRITER}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut out = client.stdout.take().unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut count = out.read(&mut buffer).unwrap();
    assert!(count > 0);
    let pids = [client.id() as i32, scene.supervisor("web"), scene.init("web")];
    let before = pids.map(resident);
    std::thread::sleep(Duration::from_millis(1500));
    let stalled = pids.map(resident);
    loop {
        let n = out.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        for &byte in &buffer[..n] {
            assert_eq!(usize::from(byte.wrapping_sub(b'0')), count / 1048576 % 10, "at byte {count}");
            count += 1;
        }
    }
    assert_eq!(count, MEGABYTES * 1048576);
    assert!(client.wait().unwrap().success());
    println!("client, supervisor, PID 1: {before:?} KiB, with a stalled reader {stalled:?} KiB");
    for (before, stalled) in before.iter().zip(stalled) {
        assert!(stalled < before + 1024, "grew from {before} to {stalled} KiB while nobody read");
    }
}
