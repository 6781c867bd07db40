//! Many containers, one after the other and all at once: none fails and none leaves anything.
//! KAKURI_TEST_STARTS and KAKURI_TEST_TOGETHER set how many.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::Stdio;

use common::{Output, Scene, rounds};

#[test]
fn one_after_the_other() {
    let scene = Scene::alone();
    let before = scene.before();
    for i in 0..rounds("KAKURI_TEST_STARTS", 100) {
        let output = scene.kakuri(["sh", "-c", "exit 3"]).output();
        assert!(output.code() == 3 && output.stderr.is_empty(), "start {i}: {output}");
    }
    before.nothing_left();
}

#[test]
fn all_at_once() {
    let scene = Scene::alone();
    let before = scene.before();
    let count = rounds("KAKURI_TEST_TOGETHER", 50);
    // Each waits for the end of its input, so that all of them run at the same time.
    let mut children: Vec<_> = (0..count)
        .map(|i| scene.kakuri(["sh", "-c", &format!("read x; echo {i}")]).stdin(Stdio::piped()).spawn())
        .collect();
    for child in &mut children {
        drop(child.stdin.take());
    }
    for (i, child) in children.into_iter().enumerate() {
        let output = Output::of(child).ok();
        assert_eq!(output.text(), i.to_string(), "{output}");
        assert!(output.stderr.is_empty(), "{output}");
    }
    before.nothing_left();
}

#[test]
fn processes_are_limited_and_cores_are_not_dumped() {
    let scene = Scene::new();
    assert_eq!(scene.inside(&[], "ulimit -c"), "0");
    assert_eq!(scene.kakuri(["bash", "-c", "ulimit -u"]).output().ok().text(), "2048");
}
