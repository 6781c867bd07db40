//! Many at once.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::common::{GONE, Scene, until};

/// Of its own: pages of its program come as they are first run, and nothing holds them.
fn resident(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn descriptors(pid: i32) -> Vec<String> {
    let mut open: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().split(':').next()?.to_string()))
        .collect();
    open.sort();
    open
}

/// So many execs, so many at a time; each with a code of its own.
fn storm(scene: &Scene, count: usize, at_once: usize) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let code = (number % 256) as i32;
                    let out = scene.shell("exec web", &format!("echo {number}; exit {code}")).output();
                    assert_eq!((out.code(), out.text()), (code, number.to_string()));
                }
            });
        }
    });
}

#[test]
fn a_thousand_fifty_at_a_time() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    let supervisor = scene.supervisor("web");
    // Nobody is in it; of who started it a descriptor may be open yet.
    let open = descriptors(supervisor);
    let closed = || until(GONE, || descriptors(supervisor).len() <= open.len());
    storm(&scene, 100, 50);
    assert!(closed(), "{open:?}, then {:?}", descriptors(supervisor));
    let memory = resident(supervisor);
    storm(&scene, 1000, 50);
    assert!(closed(), "{open:?}, then {:?}", descriptors(supervisor));
    let after = resident(supervisor);
    println!("supervisor: {memory} KiB before, {after} KiB after 1000 execs");
    // Half a KiB for each exec would be twice as much.
    assert!(after <= memory + 256, "the supervisor grew from {memory} to {after} KiB");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn hundreds_at_the_same_moment() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    let children: Vec<_> = (0..400).map(|_| scene.say("exec web true").spawn()).collect();
    for child in children {
        let out = crate::common::Output::of(child);
        assert_eq!(out.code(), 0, "{out}");
    }
    scene.say("stop web").output().ok();
}
