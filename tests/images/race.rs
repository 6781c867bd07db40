//! Several at once.

use std::process::{Child, Stdio};

use serde_json::json;

use super::common::oci::{Entry, Oci, noise, tar};
use super::common::{Output, Scene, rounds};
use super::{names, names_below, nothing_in_work, pull, runnable, runs};
use crate::need;

fn begin(scene: &Scene, line: &[&str]) -> Child {
    scene.kakuri(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

#[track_caller]
fn ends_well(child: Child) -> String {
    Output::of(child).ok().text()
}

#[test]
fn two_and_eight_pulls_of_one_image() {
    need!("busybox");
    for count in [2, 8] {
        let scene = Scene::new();
        let oci = runnable(&scene);
        let name = oci.name("latest");
        let children: Vec<Child> = (0..count).map(|_| begin(&scene, &["pull", &name])).collect();
        let digests: Vec<String> = children.into_iter().map(ends_well).collect();
        assert!(digests.iter().all(|digest| *digest == digests[0] && digest.starts_with("sha256:")), "{digests:?}");
        assert_eq!((names_below(&scene, "layers").len(), names(&scene, "partial").len()), (2, 0));
        runs(&scene, &name);
        nothing_in_work(&scene);
    }
}

#[test]
fn images_with_layers_in_common() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let common = tar(&[Entry::File("common", 0o644, &noise(400_000, 1))]);
    for n in 0..4 {
        let own = tar(&[Entry::File("own", 0o644, &noise(1000, 10 + n))]);
        oci.put(&n.to_string(), &[common.clone(), own], &json!({}));
    }
    let children: Vec<Child> = (0..4).map(|n| begin(&scene, &["pull", &oci.name(&n.to_string())])).collect();
    children.into_iter().for_each(|child| drop(ends_well(child)));
    assert_eq!(names_below(&scene, "layers").len(), 5);
    assert_eq!(scene.kakuri(["images", "-q"]).output().ok().text().lines().count(), 4);
    nothing_in_work(&scene);
}

/// What is removed beside a pull is never what the pull is about to use.
#[test]
fn collecting_beside_a_pull() {
    need!("busybox");
    let scene = Scene::new();
    let mut oci = runnable(&scene);
    // It shares the lower layer.
    oci.put("other", &[super::busybox(), tar(&[Entry::File("x", 0o644, b"x")])], &json!({}));
    let (name, other) = (oci.name("latest"), oci.name("other"));
    for _ in 0..rounds("KAKURI_IMAGE_ROUNDS", 6) {
        pull(&scene, &other).ok();
        let children =
            [begin(&scene, &["pull", &name]), begin(&scene, &["image", "rm", &other]), begin(&scene, &["images"])];
        children.into_iter().for_each(|child| drop(ends_well(child)));
        runs(&scene, &name);
        let text = scene.kakuri(["image", "rm", &name]).output().ok().text();
        assert!(text.contains("Deleted"), "{text}");
        assert_eq!(names_below(&scene, "layers"), [""; 0]);
    }
    nothing_in_work(&scene);
}

/// A start and a removal: either it runs, or it is told that the image is gone.
#[test]
fn removing_beside_a_start() {
    need!("busybox");
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    for _ in 0..rounds("KAKURI_IMAGE_ROUNDS", 6) {
        pull(&scene, &name).ok();
        let start = begin(&scene, &["run", "--pull", "never", "--image", &name]);
        let remove = Output::of(begin(&scene, &["image", "rm", &name]));
        let start = Output::of(start);
        match (start.code(), remove.code()) {
            (0, 0 | 1) => assert_eq!(start.text(), "of the image"),
            (125, 0) => assert!(start.err().contains("image"), "{}", start.err()),
            codes => panic!("{codes:?}: {} {}", start.err(), remove.err()),
        }
    }
}
