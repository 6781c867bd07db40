//! What is saved is loaded, and is the same.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use super::common::Scene;
use super::common::oci::{Entry, noise, tar};
use super::{Image, docker, id, json_of, layout, load, names, runnable, store, upper};
use crate::need;

#[test]
fn both_forms_keep_an_image_as_it_is() {
    need!("busybox");
    let scene = Scene::new();
    let loaded = load(&scene, &runnable("team/app:1")).ok();
    assert_eq!((loaded.text(), loaded.err()), ("docker.io/team/app:1".into(), String::new()));
    let before = id(&scene, "team/app:1");
    for form in ["docker-archive", "oci-archive"] {
        let file = scene.work().join(form);
        let saved = scene.kakuri(["image", "save", "--format", form, "-o"]).arg(&file).arg("team/app:1").output().ok();
        assert_eq!((saved.text(), saved.err()), (String::new(), String::new()));
        let piped = scene.kakuri(["image", "save", "--format", form, "team/app:1"]).output().ok();
        assert!(piped.stdout == fs::read(&file).unwrap(), "a pipe gets another archive than a file");
        scene.kakuri(["image", "rm", "team/app:1"]).output().ok();
        assert_eq!(names(&scene, "blobs/sha256"), [""; 0]);
        let input = fs::File::open(&file).unwrap();
        let loaded = scene.kakuri(["image", "load"]).stdin(Stdio::from(input)).output().ok();
        assert_eq!(loaded.text(), "docker.io/team/app:1");
        assert_eq!(id(&scene, "team/app:1"), before, "{form}");
        let ran = scene.kakuri(["run", "--pull", "never", "--image", "team/app:1"]).output().ok();
        assert_eq!(ran.text(), "of the image");
    }
    assert_eq!(names(&scene, "work"), [""; 0]);
}

#[test]
fn several_images_and_names() {
    let scene = Scene::new();
    let shared = ("shared/layer.tar", upper(b"shared"));
    let (one, two) = (("one/layer.tar", upper(b"one")), ("two.tar", upper(b"two")));
    let archive = docker(&[
        Image { names: json!(["one", "quay.io/a/one:2"]), config: "1.json", layers: &[shared.clone(), one] },
        Image { names: json!(["two:x"]), config: "2.json", layers: &[shared, two] },
        Image { names: json!(null), config: "3.json", layers: &[("three", upper(b"three"))] },
    ]);
    let loaded = load(&scene, &archive).ok().text();
    let lines: Vec<&str> = loaded.lines().collect();
    assert_eq!(lines[..3], ["docker.io/library/one:latest", "quay.io/a/one:2", "docker.io/library/two:x"]);
    // Without a name it is called by its digest, and found by it.
    assert!(lines[3].starts_with("localhost/loaded@sha256:") && lines.len() == 4, "{loaded}");
    assert_eq!(id(&scene, lines[3]), lines[3].split('@').next_back().unwrap());
    assert_eq!(id(&scene, "one"), id(&scene, "quay.io/a/one:2"));
    let by_id = id(&scene, "two:x");
    let file = scene.work().join("all.tar");
    let line = ["image", "save", "one", "quay.io/a/one:2", "one", &by_id, lines[3], "-o"];
    scene.kakuri(line).arg(&file).output().ok();
    let other = Scene::new();
    let again = load(&other, &fs::read(&file).unwrap()).ok().text();
    let by_id = format!("localhost/loaded@{by_id}");
    assert_eq!(again.lines().collect::<Vec<_>>(), [lines[0], lines[1], &by_id, lines[3]]);
    assert_eq!(json_of(&other, &["images", "--format", "json"]).as_array().unwrap().len(), 4);
}

/// Layers may be links to others that are the same, as docker had them, and all of it compressed.
#[test]
fn links_and_compression() {
    need!("gzip", "zstd");
    let scene = Scene::new();
    let layer = upper(b"twice");
    let whole = docker(&[Image {
        names: json!(["a:1"]),
        config: "c.json",
        layers: &[("x/layer.tar", layer.clone()), ("y/layer.tar", layer.clone())],
    }]);
    let id_of_whole = {
        load(&scene, &whole).ok();
        id(&scene, "a:1")
    };
    let config = super::Oci::documents(
        &[layer.clone(), layer.clone()],
        &json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] }),
    )
    .0;
    let list = br#"[{"Config":"./c.json","RepoTags":["a:2"],"Layers":["x/layer.tar","y/layer.tar"]}]"#;
    let linked = tar(&[
        Entry::Folder("y/", 0o755),
        Entry::Link("y/layer.tar", "../x/layer.tar"),
        Entry::File("./x/layer.tar", 0o644, &layer),
        Entry::File("c.json", 0o644, &config),
        Entry::File("manifest.json", 0o644, list),
    ]);
    load(&scene, &linked).ok();
    assert_eq!(id(&scene, "a:2"), id_of_whole);
    for program in ["gzip", "zstd"] {
        let packed = scene.program(program).args(["-c"]).input(&linked).output().ok().stdout;
        assert_eq!(load(&scene, &packed).ok().text(), "docker.io/library/a:2");
    }
    let packed = scene.program("bzip2").args(["-c"]).input(&linked);
    if super::common::have("bzip2") {
        load(&scene, &packed.output().ok().stdout).refused(1, &["bzip2"]);
    }
}

#[test]
fn what_is_gone_is_named_and_comes_back() {
    let scene = Scene::new();
    let archive = layout(Some("team/app:1"), &[tar(&[Entry::File("a", 0o644, &noise(50_000, 3))])]).0;
    load(&scene, &archive).ok();
    let file = scene.file("out.tar", "of before");
    for blob in names(&scene, "blobs/sha256") {
        let path = store(&scene).join("blobs/sha256").join(&blob);
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        for damage in [None, Some(changed), Some(bytes[..bytes.len() / 2].to_vec())] {
            match damage {
                None => fs::remove_file(&path).unwrap(),
                Some(damage) => fs::write(&path, damage).unwrap(),
            }
            let saved = scene.kakuri(["image", "save", "-o"]).arg(&file).arg("team/app:1").output();
            saved.refused(1, &[&blob]).hints(&["kakuri pull docker.io/team/app:1"]);
            assert_eq!(fs::read(&file).unwrap(), b"of before");
            assert_eq!(
                fs::read_dir(scene.work())
                    .unwrap()
                    .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".kakuri"))
                    .count(),
                0
            );
            load(&scene, &archive).ok();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
    scene.kakuri(["image", "save", "-o"]).arg(&file).arg("team/app:1").output().ok();
    assert!(fs::read(&file).unwrap().len() > 50_000);
}

#[test]
fn words_that_are_wrong() {
    let scene = Scene::new();
    scene.kakuri(["image", "save"]).output().refused(125, &["needs the name of an image"]);
    scene.kakuri(["image", "save", "nothing"]).output().refused(1, &["nothing"]);
    scene.kakuri(["image", "save", "--format", "tar", "a"]).output().refused(125, &["tar"]).hints(&["docker-archive"]);
    scene.kakuri(["image", "load", "a.tar"]).output().refused(125, &["a.tar"]).hints(&["-i a.tar"]);
    scene.kakuri(["image", "load", "-i", "missing.tar"]).output().refused(1, &["missing.tar"]);
    scene.kakuri(["image", "load", "-i", "/tmp"]).output().refused(1, &["a folder"]).hints(&["oci:/tmp"]);
    scene.kakuri(["load"]).output().hints(&["kakuri image load -i"]);
    scene.kakuri(["save"]).output().hints(&["kakuri image save -o"]);
    load(&scene, &layout(Some("a"), &[upper(b"")]).0).ok();
    scene.kakuri(["image", "save", "-o", "/dev/full", "a"]).output().refused(1, &["space"]);
    scene.kakuri(["image", "save", "-o", "missing/a.tar", "a"]).output().refused(1, &["missing/a.tar"]);
    scene.kakuri(["image", "save", "-o", "/dev/null", "a"]).output().ok();
}
