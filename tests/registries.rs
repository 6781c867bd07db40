//! `kakuri --image HOST:PORT/...` and `kakuri pull` with the real programs, from the first question to the command's own
//! words: against Debian's registry in each of its modes, and against a server of the test's that breaks what it can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "registries/asked.rs"]
mod asked;
mod common;
#[allow(dead_code)] // the tests of the fetcher alone use all of it
#[path = "fetch/lying.rs"]
mod lying;
#[path = "registries/modes.rs"]
mod modes;
#[path = "registries/refused.rs"]
mod refused;
#[path = "registries/resumed.rs"]
mod resumed;
#[path = "registries/served.rs"]
mod served;

pub use common::images::{names, store};
use common::oci::{Entry, Oci, busybox, tar};
use common::registry::Registry;
use common::{Output, Scene};
use serde_json::json;

/// What a command of the image does, and the end of what it says.
pub const SCRIPT: &str = "id; cat /etc/os-release";
pub const RELEASE: &str = "ID=of-the-image";

/// One id always, a range where there is one.
pub fn forms() -> Vec<&'static str> {
    let mut forms = vec!["single"];
    forms.extend(common::sub_ids("registries").map(|_| "range"));
    forms
}

/// A system of busybox, in one archive with more.
pub fn system(more: &[Entry]) -> Vec<u8> {
    let mut bytes = busybox();
    // Without its end, which is two blocks of zeros.
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(tar(&[Entry::File("etc/os-release", 0o644, format!("{RELEASE}\n").as_bytes())]));
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(tar(more));
    bytes
}

/// A registry of this mode with the image as `public/busybox` and `private/busybox`.
pub fn registry(scene: &Scene, mode: &'static str) -> Registry {
    let registry = Registry::of(scene, mode);
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("latest", &[system(&[])], &json!({ "Env": ["PATH=/bin"] }));
    for name in ["public/busybox", "private/busybox"] {
        registry.push(scene, &oci, "latest", &format!("{name}:latest"));
    }
    registry
}

/// No image, and nothing of the pull's own.
#[track_caller]
pub fn nothing_is_here(scene: &Scene, what: &str) {
    for folder in ["records", "refs", "work"] {
        assert_eq!(names(scene, folder), [""; 0], "{what}: in {folder}/");
    }
}

pub fn start(scene: &Scene, name: &str, form: &str, more: &[&str]) -> Output {
    let options = ["--image", name, "--pull", "always", "--userns", form];
    scene.kakuri(options.iter().chain(more).chain(&["sh", "-c", SCRIPT])).output()
}

/// It is fetched, and its command says who it is and what it is in.
#[track_caller]
pub fn runs(scene: &Scene, name: &str, more: &[&str]) {
    for form in forms() {
        let said = start(scene, name, form, more).ok();
        let text = said.text();
        assert!(text.starts_with("uid=0(root) gid=0") && text.ends_with(&format!("\n{RELEASE}")), "{form}: {said}");
        assert_eq!(text.lines().count(), 2, "{form}: {said}");
    }
}
