//! skopeo writes what is loaded, and reads what is saved.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::common::Scene;
use super::common::oci::{Entry, Oci, noise, tar};
use super::{id, json_of, names};
use crate::need;

fn skopeo(scene: &Scene, words: &[&str]) -> String {
    scene.program("skopeo").args(words).output().ok().text()
}

/// What skopeo finds there: the manifest as it is.
fn manifest(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(&skopeo(scene, &["inspect", "--raw", name])).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn archives_of_skopeo() {
    need!("skopeo");
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layers = [tar(&[Entry::File("a", 0o644, &noise(9000, 1))]), tar(&[Entry::File("b", 0o755, b"b")])];
    oci.put("one", &layers, &json!({ "Cmd": ["x"], "Labels": { "k": "v" } }));
    let file = scene.work().join("skopeo.tar");
    let source = oci.name("one");
    for (form, name) in [("docker-archive", "example.com/a/b:1"), ("oci-archive", "example.com/a/b:2")] {
        let _ = fs::remove_file(&file);
        skopeo(&scene, &["copy", "-q", &source, &format!("{form}:{}:{name}", shown(&file))]);
        let loaded = scene.kakuri(["image", "load", "-q", "-i"]).arg(&file).output().ok();
        assert_eq!((loaded.text(), loaded.err()), (name.into(), String::new()), "{form}");
        // What people call the id of an image elsewhere.
        let theirs = manifest(&scene, &format!("{form}:{}", shown(&file)));
        let ours = &json_of(&scene, &["image", "inspect", name])[0];
        assert_eq!(ours["Descriptor"]["config"], theirs["config"]["digest"], "{form}");
        assert_eq!(ours["Config"]["Labels"]["k"], "v");
        if form == "oci-archive" {
            let digest = skopeo(&scene, &["inspect", "--format", "{{.Digest}}", &format!("{form}:{}", shown(&file))]);
            assert_eq!(id(&scene, name), digest);
        }
    }
    assert_eq!(names(&scene, "work"), [""; 0]);
    for form in ["docker-archive", "oci-archive"] {
        for name in ["example.com/a/b:1", "example.com/a/b:2"] {
            let saved = scene.work().join("saved.tar");
            let line =
                ["image", "save", "--format", form, "-o", shown(&saved), "example.com/a/b:1", "example.com/a/b:2"];
            scene.kakuri(line).output().ok();
            let there = format!("oci-archive:{}:{name}", shown(&saved));
            assert_eq!(skopeo(&scene, &["inspect", "--format", "{{.Digest}}", &there]), id(&scene, name), "{form}");
            // Copied whole: skopeo checks what it copies.
            let back =
                format!("oci:{}:{}", shown(&scene.work().join("back")), if form.starts_with('o') { "o" } else { "d" });
            skopeo(&scene, &["copy", "-q", "--preserve-digests", &there, &back]);
            assert_eq!(skopeo(&scene, &["inspect", "--format", "{{.Digest}}", &back]), id(&scene, name));
            if form == "docker-archive" {
                let there = format!("{form}:{}:{name}", shown(&saved));
                let config = json_of(&scene, &["image", "inspect", name])[0]["Descriptor"]["config"].clone();
                assert_eq!(manifest(&scene, &there)["config"]["digest"], config);
                skopeo(&scene, &["copy", "-q", &there, &back]);
            }
        }
    }
}

/// A manifest of docker's own keeps its digest, and skopeo knows it for what it is.
#[test]
fn a_manifest_of_dockers() {
    need!("skopeo");
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("one", &[tar(&[Entry::File("a", 0o644, b"a")])], &json!({}));
    let dir = scene.work().join("v2");
    skopeo(&scene, &["copy", "-q", "--format", "v2s2", &oci.name("one"), &format!("dir:{}", shown(&dir))]);
    // A folder of the layout that has docker's manifest in it.
    let bytes = fs::read(dir.join("manifest.json")).unwrap();
    let digest = super::common::oci::digest(&bytes);
    let mut files =
        vec![("oci-layout".to_string(), b"{}".to_vec()), (format!("blobs/sha256/{}", digest.hex()), bytes.clone())];
    for entry in fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.len() == 64 {
            files.push((format!("blobs/sha256/{name}"), fs::read(dir.join(&name)).unwrap()));
        }
    }
    let media = "application/vnd.docker.distribution.manifest.v2+json";
    let index = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": media, "digest": digest, "size": bytes.len(),
        "annotations": { "io.containerd.image.name": "docker.io/team/v2:1", "org.opencontainers.image.ref.name": "1" } }] });
    files.push(("index.json".into(), serde_json::to_vec(&index).unwrap()));
    assert_eq!(super::load(&scene, &super::of_files(&files)).ok().text(), "docker.io/team/v2:1");
    assert_eq!(id(&scene, "team/v2:1"), digest.to_string());
    let saved = scene.work().join("saved.tar");
    scene.kakuri(["image", "save", "-o", shown(&saved), "team/v2:1"]).output().ok();
    let there = format!("docker-archive:{}:docker.io/team/v2:1", shown(&saved));
    assert_eq!(manifest(&scene, &there)["mediaType"], media);
    skopeo(&scene, &["copy", "-q", &there, &format!("dir:{}", shown(&scene.work().join("there")))]);
    // skopeo passes over such manifests in the other form; docker and we do not.
    let index = scene.program("tar").args(["xOf", shown(&saved), "index.json"]).output().ok().text();
    assert_eq!(serde_json::from_str::<Value>(&index).unwrap()["manifests"][0]["mediaType"], media);
    scene.kakuri(["image", "rm", "team/v2:1"]).output().ok();
    scene.kakuri(["image", "load", "-i", shown(&saved)]).output().ok();
    assert_eq!(id(&scene, "team/v2:1"), digest.to_string());
}
