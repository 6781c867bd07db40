//! What a pull shows on a terminal, and what completion offers.

use serde_json::json;

use super::common::oci::{Entry, Oci, noise, tar};
use super::common::{Pty, Scene};
use super::pull;

#[test]
fn on_a_terminal_the_lines_of_layers_are_drawn_and_taken_away() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layer = |n| tar(&[Entry::File("a", 0o644, &noise(400_000, n))]);
    let id = oci.put("one", &[layer(1), layer(3)], &json!({}));
    let mut pty = Pty::start(scene.kakuri(["pull", &oci.name("one")]));
    assert!(pty.wait().success());
    let shown = pty.shown();
    assert!(shown.contains("done  402kB") && shown.contains(&id.to_string()), "{shown:?}");
    // Where lines are drawn over others, what stood there is cleared.
    assert_eq!(shown.contains("\x1b["), shown.contains("\x1b[J"), "{shown:?}");
    // With -q there is nothing but the digest.
    let mut pty = Pty::start(scene.kakuri(["pull", "-q", &oci.name("one")]));
    assert!(pty.wait().success());
    assert_eq!(pty.shown().trim(), id.to_string());
}

#[test]
fn names_of_images_are_completed() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("one", &[tar(&[])], &json!({}));
    pull(&scene, &oci.name("one")).ok();
    for words in [&["image", "rm", ""][..], &["image", "inspect", "oci"], &["pull", ""], &["run", "--image", ""]] {
        let line = [&["completion", "words", "--"], words].concat();
        let offered = scene.kakuri(line).output().ok().text();
        assert!(offered.contains(&format!("{}\tan image", oci.name("one"))), "{words:?}: {offered}");
    }
    let family = scene.kakuri(["completion", "words", "--", "image", ""]).output().ok().text();
    assert_eq!(
        family.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>(),
        ["ls", "rm", "inspect", "save", "load"]
    );
}
