//! image rm: names, images, what is in use, and that nothing stays.

use serde_json::json;

use super::common::Scene;
use super::common::oci::{Entry, Oci, tar};
use super::{names, names_below, nothing_in_work, pull, runnable, runs, store};
use crate::need;

/// Nothing of any image is there.
#[track_caller]
fn nothing_is_stored(scene: &Scene) {
    for folder in ["refs", "records", "partial"] {
        assert_eq!(names(scene, folder), [""; 0], "{folder}");
    }
    for folder in ["layers", "ready", "blobs"] {
        assert_eq!(names_below(scene, folder), [""; 0], "{folder}");
    }
    nothing_in_work(scene);
}

#[test]
fn with_its_last_name_an_image_goes() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layers = [tar(&[Entry::Folder("d/", 0o500), Entry::File("d/a", 0o400, b"a")])];
    let id = oci.put("one", &layers, &json!({}));
    assert_eq!(oci.put("two", &layers, &json!({})), id, "the same under another name");
    for tag in ["one", "two"] {
        pull(&scene, &oci.name(tag)).ok();
    }
    let (one, two) = (oci.name("one"), oci.name("two"));
    // By its id it goes only when all names may.
    let refused = scene.kakuri(["image", "rm", &id.hex()[..12]]).output();
    refused.refused(1, &["several names", &one, &two]).hints(&["-f"]);
    assert_eq!(scene.kakuri(["image", "rm", &one]).output().ok().text(), format!("Untagged: {one}"));
    assert_eq!(names_below(&scene, "layers").len(), 1);
    let text = scene.kakuri(["image", "rm", &two]).output().ok().text();
    assert_eq!(text, format!("Untagged: {two}\nDeleted: {id}"));
    nothing_is_stored(&scene);
    for tag in ["one", "two"] {
        pull(&scene, &oci.name(tag)).ok();
    }
    scene.kakuri(["image", "rm", "-f", &id.to_string()]).output().ok();
    nothing_is_stored(&scene);
    scene.kakuri(["image", "rm", &one, "nosuch"]).output().refused(1, &["no image is named"]);
    scene.kakuri(["image", "rm", "-f", "nosuch"]).output().ok();
}

#[test]
fn layers_of_others_stay() {
    need!("busybox");
    let scene = Scene::new();
    let mut oci = runnable(&scene);
    let other = tar(&[Entry::File("other", 0o644, b"other")]);
    oci.put("other", &[super::busybox(), other], &json!({}));
    for tag in ["latest", "other"] {
        pull(&scene, &oci.name(tag)).ok();
    }
    scene.kakuri(["image", "rm", &oci.name("other")]).output().ok();
    assert_eq!(names_below(&scene, "layers").len(), 2);
    runs(&scene, &oci.name("latest"));
    scene.kakuri(["image", "rm", &oci.name("latest")]).output().ok();
    nothing_is_stored(&scene);
}

#[test]
fn what_is_in_use_stays() {
    need!("busybox");
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    let id = pull(&scene, &name).ok().text();
    scene.kakuri(["run", "-d", "--name", "web", "--image", &name, "sleep", "600"]).output().ok();
    for force in [&["image", "rm", &name[..]][..], &["image", "rm", "-f", &id]] {
        scene.kakuri(force).output().refused(1, &["running from it: web"]).hints(&["kakuri stop web"]);
    }
    scene.kakuri(["stop", "-t", "0", "web"]).output().ok();
    let output = scene.kakuri(["image", "rm", &name]).output();
    output.refused(1, &["containers were made from it: web"]).hints(&["kakuri remove web", "-f"]);
    runs(&scene, &name);
    scene.kakuri(["remove", "web"]).output().ok();
    scene.kakuri(["image", "rm", &name]).output().ok();
    nothing_is_stored(&scene);
}

/// A temporary one has no name, and holds it all the same.
#[test]
fn what_runs_without_a_name_holds_it() {
    need!("busybox");
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    pull(&scene, &name).ok();
    let mut child = scene
        .kakuri(["run", "--image", &name, "sh", "-c", "echo up; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    scene.kakuri(["image", "rm", "-f", &name]).output().refused(1, &["a container runs from it"]);
    drop(child.stdin.take());
    child.wait().unwrap();
    scene.kakuri(["image", "rm", &name]).output().ok();
    nothing_is_stored(&scene);
}

#[test]
fn a_name_that_moved_leaves_nothing_behind() {
    need!("busybox");
    let scene = Scene::new();
    let mut oci = runnable(&scene);
    let name = oci.name("latest");
    pull(&scene, &name).ok();
    scene.kakuri(["create", "--image", &name, "old"]).output().ok();
    let newer = tar(&[Entry::Folder("data/", 0o755), Entry::File("data/file", 0o644, b"newer")]);
    oci.put("latest", &[super::busybox(), newer], &json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] }));
    pull(&scene, &name).ok();
    let now = scene.kakuri(["run", "--pull", "never", "--image", &name]).output().ok();
    assert_eq!(now.text(), "newer");
    // What a container was made from stays as long as it does.
    assert_eq!(scene.kakuri(["start", "old"]).output().ok().text(), "of the image");
    assert!(scene.kakuri(["images"]).output().ok().text().contains("<none>"));
    scene.kakuri(["remove", "old"]).output().ok();
    scene.kakuri(["image", "rm", &name]).output().ok();
    nothing_is_stored(&scene);
    assert!(store(&scene).exists());
}
