//! `kakuri logs -f`: byte for byte, to the end, in bounded memory, and never longer than somebody reads.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use kakuri::logs::{SEGMENT, Stream, Writer};
use kakuri::store::{Lock, Store};

use super::common::{HANG, Output, Scene, until};
use super::{counted, created, write};

/// As long as this lives the container counts as running.
fn run_by_us(scene: &Scene, name: &str) -> Lock {
    let store = Store { dir: scene.home().join(".local/kakuri/containers") };
    store.find(name).expect("created").lock(Duration::from_secs(5)).expect("nobody else runs it")
}

/// `kakuri logs -f`, its output not read by anybody yet.
fn follower(scene: &Scene, more: &[&str]) -> Child {
    scene.kakuri(["logs", "-f", "web"].iter().chain(more)).stderr(Stdio::piped()).spawn()
}

fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_hundred_megabytes_to_a_follower_that_stalls() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let lock = run_by_us(&scene, "web");
    let mut writer = Writer::open(&folder).expect("opens");
    let mut child = follower(&scene, &[]);
    let mut pipe = child.stdout.take().unwrap();
    let total = 100_000_000_usize;
    for at in (0..total).step_by(50_000) {
        writer.output(1, Stream::Out, &counted(at as u64 / 8, 50_000));
    }
    let stalled = memory(child.id());
    let mut head = vec![0; total];
    pipe.read_exact(&mut head).unwrap();
    assert!(head == counted(0, total), "not byte for byte");
    let peak = memory(child.id());
    assert!(peak < 16 << 20, "the follower took {stalled} bytes while it stalled, {peak} at most");
    writer.output(1, Stream::Out, b"last words");
    drop(writer);
    // It ends by itself, with everything, once the container does.
    assert!(child.try_wait().unwrap().is_none(), "it ended while the container ran");
    drop(lock);
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"last words");
    let output = Output::of(child).ok();
    assert_eq!(output.err(), "");
}

#[test]
fn what_was_rotated_away_is_counted() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let lock = run_by_us(&scene, "web");
    let mut writer = Writer::open(&folder).expect("opens");
    writer.output(1, Stream::Out, b"begun");
    let mut child = follower(&scene, &[]);
    let mut pipe = child.stdout.take().unwrap();
    let mut begun = [0; 5];
    pipe.read_exact(&mut begun).unwrap();
    let total = 13 * SEGMENT;
    for at in (0..total).step_by(65_536) {
        writer.output(1, Stream::Out, &counted(at / 8, 65_536));
    }
    drop((writer, lock));
    let mut got = Vec::new();
    pipe.read_to_end(&mut got).unwrap();
    let output = Output::of(child).ok();
    let told = output.err();
    let gone: u64 = told
        .strip_prefix("kakuri: ")
        .and_then(|t| t.strip_suffix(" bytes were rotated away before they could be read\n"))
        .unwrap_or_else(|| panic!("{told}"))
        .parse()
        .unwrap();
    assert_eq!(gone + got.len() as u64, total, "{gone} gone");
    assert!(gone > SEGMENT);
    let newest = u64::from_be_bytes(got[got.len() - 8..].try_into().unwrap());
    assert_eq!(newest, total / 8 - 1);
}

#[test]
fn a_follower_leaves_when_its_reader_does() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let _lock = run_by_us(&scene, "web");
    write(&folder, &[(1, Stream::Out, b"line\n")]);
    let mut child = follower(&scene, &[]);
    let mut pipe = child.stdout.take().unwrap();
    let mut line = [0; 5];
    pipe.read_exact(&mut line).unwrap();
    drop(pipe);
    // Nothing more is ever written.
    assert!(until(HANG, || child.try_wait().unwrap().is_some()), "it waits for ever");
    Output::of(child).ok();
}

#[test]
fn a_living_container_is_followed_to_its_end() {
    let scene = Scene::alone();
    let before = scene.before();
    let name = "web";
    let script = "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; echo end >&2; exit 3";
    scene.kakuri(["create", name]).output().ok();
    scene.kakuri(["start", "-d", name, "sh", "-c", script]).output().ok();
    let output = scene.kakuri(["logs", "-f", name]).output().ok();
    let want: String = (0..20).map(|n| format!("line {n}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), want);
    let err = output.err();
    for words in ["started 1 (pid ", "sh -c 'i=0; while", "\nend\n", "ended 1: code 3\n", "the container ended\n"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    scene.kakuri(["remove", name]).output().ok();
    // The folders that hold all containers stay.
    fs::remove_dir_all(scene.home().join(".local")).unwrap();
    fs::remove_dir(scene.runtime().join("kakuri")).unwrap();
    before.nothing_left();
}
