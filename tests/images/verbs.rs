//! What pull, images and image inspect say.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::common::Scene;
use super::common::oci::{Entry, Oci, digest, noise, tar};
use super::{names, names_below, nothing_in_work, pull, runnable, runs};
use crate::need;

fn json_of(scene: &Scene, line: &[&str]) -> Value {
    serde_json::from_str(&scene.kakuri(line).output().ok().text()).unwrap()
}

#[test]
fn a_pull_prints_the_digest_and_nothing_else() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let id = oci.put("one", &[tar(&[Entry::File("a", 0o644, b"a")])], &json!({}));
    let output = scene.kakuri(["pull", &oci.name("one")]).output().ok();
    assert_eq!(output.text(), id.to_string());
    assert!(output.err().contains("done"), "{}", output.err());
    let quiet = pull(&scene, &oci.name("one")).ok();
    assert_eq!((quiet.text(), quiet.err()), (id.to_string(), String::new()));
    nothing_in_work(&scene);
    assert_eq!(names(&scene, "partial"), [""; 0]);
}

#[test]
fn what_is_here_is_listed_and_inspected() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layer = tar(&[Entry::File("a", 0o644, &noise(5000, 1))]);
    let config = json!({ "Env": ["A=b"], "Cmd": ["x", "y z"], "User": "app", "WorkingDir": "/w", "Labels": { "k": "v" },
        "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/vol": {} }, "StopSignal": "SIGINT", "Entrypoint": ["/e"] });
    let id = oci.put("one", std::slice::from_ref(&layer), &config);
    oci.put("two", &[tar(&[])], &json!({}));
    let name = oci.name("one");
    for tag in ["one", "two"] {
        pull(&scene, &oci.name(tag)).ok();
    }
    let listed = json_of(&scene, &["images", "--format", "json"]);
    let one = listed.as_array().unwrap().iter().find(|image| image["name"] == name.as_str()).unwrap();
    assert_eq!(
        (one["id"].as_str(), one["size"].as_u64(), one["layers"].as_u64()),
        (Some(&id.to_string()[..]), Some(5000), Some(1))
    );
    assert_eq!(one["Size"], "5kB");
    let table = scene.kakuri(["images"]).output().ok().text();
    let line = table.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(table.starts_with("NAME") && line.contains(&id.hex()[..12]) && line.contains("linux/"), "{table}");
    assert_eq!(table, scene.kakuri(["image", "ls"]).output().ok().text());
    assert_eq!(scene.kakuri(["images", "-q"]).output().ok().text().lines().count(), 2);
    let text = scene.kakuri(["images", "--format", "{{.Tag}}:{{.ID}}"]).output().ok().text();
    assert!(text.contains(&format!("one:{}", &id.hex()[..12])), "{text}");
    scene.kakuri(["images", "--format", "{{.Nothing}}"]).output().refused(125, &["Nothing"]);
    for word in [&name[..], &id.to_string(), &id.hex()[..12]] {
        let image = &json_of(&scene, &["image", "inspect", word])[0];
        assert_eq!(image["Id"], id.to_string());
        assert_eq!(image["RepoTags"], json!([name]));
        assert_eq!(image["RootFS"]["Layers"], json!([digest(&layer)]));
        for key in ["Env", "Cmd", "User", "WorkingDir", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Entrypoint"]
        {
            assert_eq!(image["Config"][key], config[key], "{key}");
        }
    }
    let formatted = scene.kakuri(["image", "inspect", "-f", "{{.Os}} {{json .Config.Cmd}}", &name]).output().ok();
    assert_eq!(formatted.text(), "linux [\"x\",\"y z\"]");
    scene
        .kakuri(["image", "inspect", "nosuch"])
        .output()
        .refused(1, &["no image is named 'nosuch'"])
        .hints(&["kakuri images"]);
}

/// Two images whose ids begin with the same four digits.
fn alike() -> (String, String) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0.. {
        let (_, manifest) = Oci::documents(&[tar(&[])], &json!({ "Labels": { "n": n.to_string() } }));
        let id = digest(&manifest).hex()[..4].to_string();
        if let Some(other) = seen.insert(id, n) {
            return (other.to_string(), n.to_string());
        }
    }
    unreachable!()
}

#[test]
fn the_beginning_of_an_id_that_is_several_is_named() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let (a, b) = alike();
    let put = |oci: &mut Oci, n: &str| oci.put(&format!("t{n}"), &[tar(&[])], &json!({ "Labels": { "n": n } }));
    let (one, two) = (put(&mut oci, &a), put(&mut oci, &b));
    for n in [&a, &b] {
        pull(&scene, &oci.name(&format!("t{n}"))).ok();
    }
    let typed = &one.hex()[..4];
    for verb in ["rm", "inspect"] {
        let output = scene.kakuri(["image", verb, typed]).output();
        output.refused(1, &["is ambiguous", &one.hex()[..16], &two.hex()[..16]]).hints(&["more of the id"]);
    }
    assert_eq!(names(&scene, "records").iter().filter(|name| name.ends_with(".json")).count(), 2);
}

#[test]
fn what_images_have_in_common_is_there_once() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let base = tar(&[Entry::File("base", 0o644, b"base")]);
    let own = |name: &str| tar(&[Entry::File(name, 0o644, name.as_bytes())]);
    oci.put("a", &[base.clone(), own("a")], &json!({}));
    oci.put("b", &[base.clone(), own("b")], &json!({}));
    // The same archive upon another one is another layer.
    oci.put("c", &[own("a"), base.clone()], &json!({}));
    pull(&scene, &oci.name("a")).ok();
    let before = names_below(&scene, "layers");
    assert_eq!(before.len(), 2);
    // It is neither copied nor unpacked again: its blob is not even looked for.
    fs::remove_file(oci.dir.join("blobs/sha256").join(digest(&base).hex())).unwrap();
    let said = scene.kakuri(["pull", &oci.name("b")]).output().ok().err();
    assert!(said.contains("1 of 2 layers is here"), "{said}");
    let after = names_below(&scene, "layers");
    assert!(after.len() == 3 && before.iter().all(|layer| after.contains(layer)), "{after:?}");
    // Here its stored blob does.
    pull(&scene, &oci.name("c")).ok();
    assert_eq!(names_below(&scene, "layers").len(), 5);
    assert_eq!(scene.kakuri(["images", "-q"]).output().ok().text().lines().count(), 3);
}

#[test]
fn what_is_here_needs_nobody() {
    need!("busybox");
    let scene = Scene::new();
    let oci = runnable(&scene);
    let name = oci.name("latest");
    pull(&scene, &name).ok();
    fs::remove_dir_all(&oci.dir).unwrap();
    pull(&scene, &name).refused(1, &[&format!("cannot read the image '{name}'"), "No such file"]);
    runs(&scene, &name);
    // For other ids it is unpacked again from what is here.
    let single = ["run", "--pull", "never", "--userns", "single", "--image", &name];
    assert_eq!(scene.kakuri(single).output().ok().text(), "of the image");
    nothing_in_work(&scene);
    let never = scene.kakuri(["run", "--pull", "never", "--image", "oci:/no/such:x", "true"]).output();
    never.refused(125, &["is not here"]).hints(&["kakuri pull"]);
}

#[test]
fn what_is_no_image_is_named() {
    let scene = Scene::new();
    let folder = scene.folder("empty");
    for (line, words) in [
        (vec!["pull", "oci:/no/such/folder"], vec!["'oci:/no/such/folder'", "No such file"]),
        (vec!["pull", "oci:./empty"], vec!["./empty", "no file oci-layout"]),
    ] {
        scene.kakuri(line).dir(folder.parent().unwrap()).output().refused(1, &words);
    }
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("one", &[tar(&[])], &json!({}));
    pull(&scene, &oci.name("two")).refused(1, &["two"]);
    scene.kakuri(["pull", "--platform", "linux/s390x", &oci.name("one")]).output().refused(1, &["linux/s390x"]);
    scene.kakuri(["pull"]).output().refused(125, &["needs the name of an image"]);
    scene.kakuri(["pull", "No:Such:Name"]).output().refused(125, &["No:Such:Name"]);
    scene.kakuri(["pull", "--userns", "both", "alpine"]).output().refused(125, &["both"]).hints(&["single|range"]);
    scene.kakuri(["images", "extra"]).output().refused(125, &["takes no 'extra'"]);
    scene.kakuri(["image"]).output().refused(125, &["needs a verb"]);
    assert_eq!(names(&scene, "refs"), [""; 0]);
    nothing_in_work(&scene);
}

/// Its manifest says one thing and its folder holds another.
#[test]
fn a_folder_that_lies_is_refused() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layer = tar(&[Entry::File("a", 0o644, &noise(3000, 7))]);
    oci.put("one", std::slice::from_ref(&layer), &json!({}));
    let path = oci.dir.join("blobs/sha256").join(digest(&layer).hex());
    let mut other = layer.clone();
    other[700] ^= 1;
    fs::write(&path, &other).unwrap();
    pull(&scene, &oci.name("one")).refused(1, &["another digest"]);
    fs::write(&path, &layer[..layer.len() - 512]).unwrap();
    pull(&scene, &oci.name("one")).refused(1, &["its manifest says"]);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    pull(&scene, &oci.name("one")).refused(1, &["symbolic link"]);
    assert_eq!((names(&scene, "records"), names_below(&scene, "layers")), (vec![], vec![]));
    fs::remove_file(&path).unwrap();
    fs::write(&path, &layer).unwrap();
    pull(&scene, &oci.name("one")).ok();
    nothing_in_work(&scene);
}
