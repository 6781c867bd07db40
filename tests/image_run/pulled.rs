//! When an image is fetched, and when it is not.

use serde_json::json;

use crate::common::Scene;
use crate::layout::{Layout, base, one};

#[test]
fn when_an_image_is_fetched() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    let mut make = |n: &str| layout.image("moving", [base.clone().file("version", n)], json!({}));
    let image = make("1");
    let run = |policy: &str| scene.kakuri(["run", "--pull", policy, "--image", &image, "cat", "/version"]).output();
    let never = run("never");
    assert_eq!(never.code(), 125, "{never}");
    assert!(never.err().contains("is not here") && never.err().contains("kakuri pull oci:"), "{never}");
    assert!(never.text().is_empty() && !scene.home().join(".local/kakuri/images/records").exists());
    assert_eq!(run("missing").ok().text(), "1");
    make("2");
    assert_eq!(run("missing").ok().text(), "1");
    assert_eq!(run("never").ok().text(), "1");
    assert_eq!(run("always").ok().text(), "2");
    assert_eq!(run("never").ok().text(), "2");
    layout.take_away();
    assert_eq!(run("missing").ok().text(), "2");
    assert_eq!(run("always").code(), 125);
    assert_eq!(run("sometimes").code(), 125);
}

#[test]
fn bad_input_makes_nothing() {
    let scene = Scene::new();
    let Some(image) = one(&scene, json!({})) else { return };
    let records = || scene.home().join(".local/kakuri/images/records").exists();
    for (args, said) in [
        (vec!["run", "--image", &image, "--base", "none", "true"], "--base and --image"),
        (vec!["create", "--image", &image, "--rootfs", "/srv", "x"], "--rootfs and --image"),
        (vec!["run", "--pull", "always", "true"], "--pull says something of an image"),
        (vec!["run", "--tls-verify", "true"], "--tls-verify says something of an image"),
        (vec!["run", "--image", "UPPER/case", "true"], "UPPER/case"),
        (vec!["run", "--image", "", "true"], "''"),
        (vec!["run", "--image", &image, "--platform", "x y", "true"], "--platform"),
        (vec!["run", "--image", &image, "--entrypoint", "[x", "true"], "--entrypoint"),
        (vec!["run", "--image", &image, "--creds", ":nobody", "true"], "--creds"),
        (vec!["start", "--image", &image, "x"], "chosen once"),
        (vec!["try", "--image", &image, "true"], "--image"),
    ] {
        let output = scene.kakuri(&args).output();
        assert_eq!(output.code(), 125, "{args:?}: {output}");
        assert!(output.err().contains(said) && output.err().contains("hint:"), "{args:?}: {output}");
        assert!(output.text().is_empty() && !records(), "{args:?}");
    }
}

#[test]
fn what_is_removed_is_told_by_name() {
    let scene = Scene::new();
    let Some(image) = one(&scene, json!({})) else { return };
    scene.kakuri(["create", "--image", &image, "orphan"]).output().ok();
    scene.kakuri(["image", "rm", "-f", &image]).output().ok();
    let refused = scene.kakuri(["start", "orphan", "true"]).output();
    assert!(refused.code() != 0 && refused.err().contains("removed since"), "{refused}");
    assert!(refused.err().contains("kakuri pull"), "{refused}");
    // It can be told apart, and goes.
    scene.kakuri(["list"]).output().ok();
    scene.kakuri(["inspect", "orphan"]).output().ok();
    scene.kakuri(["pull", "-q", &image]).output().ok();
    scene.kakuri(["start", "orphan", "true"]).output().ok();
    scene.kakuri(["remove", "orphan"]).output().ok();
}

#[test]
fn dockers_word_order_is_mended() {
    let scene = Scene::new();
    for image in ["alpine:3.20", "alpine", "quay.io/org/app:1", "localhost:5000/x:1"] {
        let output = scene.kakuri(["run", image, "sh"]).output();
        assert!(output.err().contains(&format!("kakuri run --image {image} [CMD...]")), "{output}");
        assert_eq!(output.code(), 127, "{output}");
    }
    let output = scene.kakuri(["run", "./a:b"]).output();
    assert!(!output.err().contains("--image"), "{output}");
}
