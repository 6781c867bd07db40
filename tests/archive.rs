//! `kakuri image save` and `kakuri image load`: archives as docker, podman and skopeo write and read them, and all that is
//! none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "archive/ended.rs"]
mod ended;
#[path = "archive/full.rs"]
mod full;
#[path = "archive/hostile.rs"]
mod hostile;
#[path = "archive/oracle.rs"]
mod oracle;
#[path = "archive/round.rs"]
mod round;

pub use common::images::{names, store};
use common::oci::{Entry, Oci, busybox, digest, tar};
use common::{Output, Scene};
use serde_json::{Value, json};

pub fn load(scene: &Scene, archive: &[u8]) -> Output {
    let path = scene.file("archive.tar", archive);
    scene.kakuri(["image", "load", "-q", "-i"]).arg(path).output()
}

pub fn json_of(scene: &Scene, line: &[&str]) -> Value {
    serde_json::from_str(&scene.kakuri(line).output().ok().text()).unwrap()
}

/// The digest of an image that is here.
pub fn id(scene: &Scene, name: &str) -> String {
    json_of(scene, &["image", "inspect", name])[0]["Id"].as_str().unwrap().to_string()
}

/// An image in docker's form: its names, its configuration's file, and its layers' with what is in them.
pub struct Image<'a> {
    pub names: Value,
    pub config: &'a str,
    pub layers: &'a [(&'a str, Vec<u8>)],
}

/// An archive of docker's.
pub fn docker(images: &[Image]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut list = Vec::new();
    for image in images {
        let layers: Vec<Vec<u8>> = image.layers.iter().map(|(_, bytes)| bytes.clone()).collect();
        let config = json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] });
        files.push((image.config.into(), Oci::documents(&layers, &config).0));
        for (name, bytes) in image.layers {
            if !files.iter().any(|(other, _)| other == name) {
                files.push(((*name).into(), bytes.clone()));
            }
        }
        let layers: Vec<&str> = image.layers.iter().map(|(name, _)| *name).collect();
        list.push(json!({ "Config": image.config, "RepoTags": image.names, "Layers": layers }));
    }
    files.push(("manifest.json".into(), serde_json::to_vec(&list).unwrap()));
    of_files(&files)
}

pub fn of_files(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    tar(&files.iter().map(|(name, bytes)| Entry::File(name, 0o644, bytes)).collect::<Vec<Entry>>())
}

/// A layer that says which it is.
pub fn upper(text: &[u8]) -> Vec<u8> {
    tar(&[Entry::Folder("data/", 0o755), Entry::File("data/file", 0o644, text)])
}

/// One image, which runs.
pub fn runnable(name: &str) -> Vec<u8> {
    let layers = [("aa/layer.tar", busybox()), ("bb/layer.tar", upper(b"of the image"))];
    docker(&[Image { names: json!([name]), config: "config.json", layers: &layers }])
}

/// The same in the form of the specification; the digest of its manifest.
pub fn layout(name: Option<&str>, layers: &[Vec<u8>]) -> (Vec<u8>, String) {
    let (config, manifest) = Oci::documents(layers, &json!({}));
    let id = digest(&manifest).to_string();
    let mut entry =
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": id, "size": manifest.len() });
    if let Some(name) = name {
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    }
    let index = serde_json::to_vec(&json!({ "schemaVersion": 2, "manifests": [entry] })).unwrap();
    let mut files = vec![("oci-layout".to_string(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec())];
    for blob in layers.iter().chain([&config, &manifest]) {
        files.push((format!("blobs/sha256/{}", digest(blob).hex()), blob.clone()));
    }
    files.push(("index.json".into(), index));
    (of_files(&files), id)
}

/// Nothing was made of it.
#[track_caller]
pub fn nothing_is_here(scene: &Scene) {
    assert_eq!((names(scene, "work"), names(scene, "records")), (vec![], vec![]));
    assert!(names(scene, "refs").iter().all(|name| !name.ends_with(".json")));
}
