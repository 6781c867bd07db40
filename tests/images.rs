//! The store of images and the verbs about them: what a pull leaves, whatever becomes of it half way, and what is made of a
//! store that is not what it was. Images are folders made here; tests of registries are elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "images/damage.rs"]
mod damage;
#[path = "images/full.rs"]
mod full;
#[path = "images/killed.rs"]
mod killed;
#[path = "images/race.rs"]
mod race;
#[path = "images/registry.rs"]
mod registry;
#[path = "images/remove.rs"]
mod remove;
#[path = "images/shown.rs"]
mod shown;
#[path = "images/verbs.rs"]
mod verbs;

use std::path::{Path, PathBuf};

pub use common::images::{names, store};
use common::oci::{Entry, Oci, busybox, tar};
use common::{Output, Scene};
use serde_json::json;

/// The same through folders: `KEY/CHAIN`.
pub fn names_below(scene: &Scene, folder: &str) -> Vec<String> {
    let below = |key: String| {
        names(scene, &format!("{folder}/{key}")).into_iter().map(|name| format!("{key}/{name}")).collect::<Vec<_>>()
    };
    names(scene, folder).into_iter().flat_map(below).collect()
}

/// A folder of an image whose lowest layer can be run, tagged `latest`.
pub fn runnable(scene: &Scene) -> Oci {
    let mut oci = Oci::new(&scene.work().join("oci"));
    let upper = tar(&[Entry::Folder("data/", 0o755), Entry::File("data/file", 0o644, b"of the image")]);
    oci.put("latest", &[busybox(), upper], &json!({ "Cmd": ["cat", "/data/file"], "Env": ["PATH=/bin"] }));
    oci
}

pub fn pull(scene: &Scene, name: &str) -> Output {
    scene.kakuri(["pull", "-q", name]).output()
}

/// No pull has left anything of its own.
#[track_caller]
pub fn nothing_in_work(scene: &Scene) {
    assert_eq!(names(scene, "work"), [""; 0], "in work/");
    let locks: Vec<String> = names(scene, "refs").into_iter().filter(|name| !name.ends_with(".json")).collect();
    assert_eq!(locks, [""; 0], "in refs/");
}

/// What runs from the image says what is in it.
#[track_caller]
pub fn runs(scene: &Scene, name: &str) {
    let output = scene.kakuri(["run", "--pull", "never", "--image", name]).output().ok();
    assert_eq!(output.text(), "of the image");
}

/// Every regular file of the store that says what is there.
pub fn documents(scene: &Scene) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut add = |folder: &str, last: &str| {
        for name in names_below(scene, folder) {
            let path = store(scene).join(folder).join(name);
            found.push(if last.is_empty() { path } else { path.join(last) });
        }
    };
    add("layers", "done");
    add("ready", "");
    for folder in ["refs", "records"] {
        found.extend(names(scene, folder).into_iter().map(|name| store(scene).join(folder).join(name)));
    }
    found.retain(|path| path.extension().is_none_or(|ext| ext != "use"));
    found
}

/// By its place in the store.
pub fn shown(scene: &Scene, path: &Path) -> String {
    path.strip_prefix(store(scene)).unwrap_or(path).display().to_string()
}
