//! A store whose files are not what they were: it is said which, other images do not suffer, and a pull mends it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::common::Scene;
use super::common::oci::{Entry, Oci, tar};
use super::{busybox, documents, names, names_below, nothing_in_work, pull, runnable, runs, shown, store};
use crate::need;

/// Two images of two layers each, the lower one shared.
fn two(scene: &Scene) -> Oci {
    let mut oci = runnable(scene);
    let other = tar(&[Entry::Folder("data/", 0o755), Entry::File("data/file", 0o644, b"of the other")]);
    oci.put("other", &[busybox(), other], &json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] }));
    for tag in ["latest", "other"] {
        pull(scene, &oci.name(tag)).ok();
    }
    oci
}

/// Whatever is wrong with it, each verb says something plain, and a pull mends it.
#[track_caller]
fn is_mended(scene: &Scene, oci: &Oci, what: &str) {
    let listed = scene.kakuri(["images"]).output().ok();
    assert!(listed.err().lines().all(|line| line.starts_with("kakuri: ") || line.starts_with("  hint: ")), "{what}");
    for tag in ["latest", "other"] {
        let name = oci.name(tag);
        let run = scene.kakuri(["run", "--pull", "never", "--image", &name]).output();
        match run.code() {
            // What could be made right from what is here was.
            0 => {}
            125 => {
                assert!(run.err().contains("pull"), "{what}: {}", run.err());
                assert_eq!(run.err().lines().count(), 2, "{what}: {}", run.err());
            }
            code => panic!("{what}: {code}: {}", run.err()),
        }
        pull(scene, &name).ok();
    }
    runs(scene, &oci.name("latest"));
    let other = scene.kakuri(["run", "--pull", "never", "--image", &oci.name("other")]).output().ok();
    assert_eq!(other.text(), "of the other", "{what}");
    assert_eq!(scene.kakuri(["images"]).output().ok().err(), "", "{what}");
    nothing_in_work(scene);
}

#[test]
fn files_that_are_cut_or_empty() {
    need!("busybox");
    let scene = Scene::new();
    let oci = two(&scene);
    let all: Vec<PathBuf> = documents(&scene);
    assert!(all.len() >= 9, "{all:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap();
        for (how, left) in
            [("cut", &bytes[..bytes.len() / 2]), ("emptied", &[]), ("of another form", b"{\"version\":9}")]
        {
            fs::write(&path, left).unwrap();
            is_mended(&scene, &oci, &format!("{how}: {}", shown(&scene, &path)));
        }
        fs::remove_file(&path).unwrap();
        is_mended(&scene, &oci, &format!("removed: {}", shown(&scene, &path)));
    }
}

fn swap(one: &Path, other: &Path) {
    let (a, b) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, b).unwrap();
    fs::write(other, a).unwrap();
}

#[test]
fn files_in_each_others_place() {
    need!("busybox");
    let scene = Scene::new();
    let oci = two(&scene);
    let all = documents(&scene);
    for folder in ["layers", "ready", "refs", "records"] {
        let own: Vec<&PathBuf> = all.iter().filter(|path| shown(&scene, path).starts_with(folder)).collect();
        for pair in own.windows(2) {
            swap(pair[0], pair[1]);
            is_mended(&scene, &oci, &format!("swapped: {}", shown(&scene, pair[0])));
        }
    }
}

/// A stored layer is not believed by its name.
#[test]
fn blobs_that_are_none() {
    need!("busybox");
    let scene = Scene::new();
    let oci = two(&scene);
    let name = oci.name("latest");
    let blobs = store(&scene).join("blobs/sha256");
    let largest = names(&scene, "blobs/sha256").into_iter().max_by_key(|b| fs::metadata(blobs.join(b)).unwrap().len());
    let path = blobs.join(largest.unwrap());
    let bytes = fs::read(&path).unwrap();
    let mut rotten = bytes.clone();
    rotten[9000] ^= 1;
    for (how, left) in [("cut", &bytes[..9000]), ("emptied", &[][..]), ("rotten", &rotten)] {
        fs::write(&path, left).unwrap();
        // All is unpacked, and nobody needs it.
        runs(&scene, &name);
        let single = scene.kakuri(["run", "--pull", "never", "--userns", "single", "--image", &name]).output();
        single.refused(125, &[]).hints(&["pull"]);
        let layers = store(&scene).join("layers");
        let again = scene.kakuri(["pull", "--userns", "single", &name]).output();
        assert!(again.code() == 0 && layers.join("single").exists(), "{how}: {}", again.err());
        assert_eq!(fs::read(&path).unwrap(), bytes, "{how}");
        fs::remove_dir_all(layers.join("single")).unwrap();
        fs::remove_dir_all(store(&scene).join("ready/single")).unwrap();
        nothing_in_work(&scene);
    }
}

/// The beginning of a layer that is no beginning of it costs a second try, and nothing else.
#[test]
fn a_partial_blob_that_is_none() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let layer = tar(&[Entry::File("a", 0o644, &super::common::oci::noise(300_000, 3))]);
    oci.put("one", std::slice::from_ref(&layer), &json!({}));
    pull(&scene, &oci.name("one")).ok();
    scene.kakuri(["image", "rm", &oci.name("one")]).output().ok();
    let path = store(&scene).join("partial").join(super::common::oci::digest(&layer).hex());
    for partial in [&layer[..], &vec![7; layer.len()], &vec![7; layer.len() + 1]] {
        fs::write(&path, partial).unwrap();
        pull(&scene, &oci.name("one")).ok();
        assert_eq!(names(&scene, "partial"), [""; 0]);
        scene.kakuri(["image", "rm", &oci.name("one")]).output().ok();
    }
    nothing_in_work(&scene);
}

#[test]
fn trees_that_are_gone_are_unpacked_again() {
    need!("busybox");
    let scene = Scene::new();
    let oci = two(&scene);
    for layer in names_below(&scene, "layers") {
        fs::remove_dir_all(store(&scene).join("layers").join(&layer).join("fs")).unwrap();
        // From what is here, without a word.
        runs(&scene, &oci.name("latest"));
        let tree = store(&scene).join("layers").join(&layer).join("fs");
        let _ = fs::remove_dir_all(&tree);
        // In its place is a way out of the store.
        std::os::unix::fs::symlink("/", &tree).unwrap();
        runs(&scene, &oci.name("latest"));
        is_mended(&scene, &oci, &layer);
    }
}

/// Folders of the store that are somebody else's links or files.
#[test]
fn what_is_in_the_way_is_named() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("one", &[tar(&[])], &json!({}));
    fs::create_dir_all(store(&scene).parent().unwrap()).unwrap();
    fs::write(store(&scene), "a file").unwrap();
    pull(&scene, &oci.name("one")).refused(1, &["cannot use the folder of images", "not a folder"]);
    fs::remove_file(store(&scene)).unwrap();
    fs::create_dir(store(&scene)).unwrap();
    let outside = scene.folder("outside");
    std::os::unix::fs::symlink(&outside, store(&scene).join("refs")).unwrap();
    pull(&scene, &oci.name("one")).refused(1, &["refs"]);
    assert_eq!(
        fs::read_dir(&outside)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json"))
            .count(),
        0
    );
}
