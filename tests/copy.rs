//! `kakuri container cp`: what arrives, what is refused, and what nobody inside can make of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "copy/archive.rs"]
mod archive;
mod common;
#[path = "copy/hostile.rs"]
mod hostile;
#[path = "copy/refusals.rs"]
mod refusals;
#[path = "copy/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{Output, Run, Scene};

/// A scene with a container called web.
pub struct Web {
    pub scene: Scene,
}

impl Web {
    pub fn with(scene: Scene, options: &[&str]) -> Web {
        scene.kakuri(["create"].iter().chain(options).chain(&["web"])).output().ok();
        Web { scene }
    }

    /// Running until the end.
    pub fn running(options: &[&str]) -> Web {
        let web = Web::with(Scene::new(), options);
        web.scene.kakuri(["start", "-d", "web"]).output().ok();
        web
    }

    pub fn cp<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.scene.kakuri(["container", "cp"]).args(args)
    }

    /// What a shell inside prints.
    pub fn sh(&self, script: &str) -> String {
        self.scene.kakuri(["exec", "web", "sh", "-c", script]).output().ok().text()
    }

    pub fn work(&self, name: &str) -> PathBuf {
        self.scene.work().join(name)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.scene.kakuri(["remove", "-f", "web"]).try_output();
    }
}

/// What a file, folder or link is: kind and permissions, what is in it or where it leads.
pub type Thing = (char, u32, Vec<u8>);

/// Everything below a folder. Large files are known by their size and their end.
pub fn snapshot(top: &Path) -> BTreeMap<Vec<u8>, Thing> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let mode = meta.mode() & 0o7777;
            let thing = if meta.is_dir() {
                folders.push(path.clone());
                ('d', mode, Vec::new())
            } else if meta.is_symlink() {
                ('l', 0, fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            } else if meta.len() > 1 << 24 {
                ('f', mode, meta.len().to_string().into_bytes())
            } else {
                ('f', mode, fs::read(&path).unwrap())
            };
            found.insert(path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec(), thing);
        }
    }
    found
}

#[test]
fn a_stopped_container_is_stopped_again_and_nothing_is_left() {
    let scene = Scene::alone();
    let web = Web::with(scene, &[]);
    // What a first start makes for good is there before.
    web.sh("echo hi >/root/f");
    web.scene.file("in", "in");
    let before = web.scene.before();
    let stopped = |web: &Web| web.scene.kakuri(["list", "--format", "{{.Status}}"]).output().ok().text();
    assert!(stopped(&web).starts_with("Exited"), "{}", stopped(&web));
    web.cp(["web:/root/f", "in"]).output().ok();
    assert_eq!(fs::read(web.work("in")).unwrap(), b"hi\n");
    assert!(stopped(&web).starts_with("Exited"), "{}", stopped(&web));
    web.cp(["in", "web:/root/f"]).output().ok();
    web.cp(["web:/nothing", "in"]).output().refused(1, &["web:/nothing", "does not exist"]);
    assert!(stopped(&web).starts_with("Exited"), "{}", stopped(&web));
    before.nothing_left();
}

#[test]
fn a_running_container_runs_on_and_its_mounts_are_seen() {
    let scene = Scene::new();
    let bound = scene.folder("bound");
    let bind = format!("{}:/bound", bound.display());
    let web = Web::with(scene, &["--bind", &bind, "--tmpfs", "/extra"]);
    web.scene.kakuri(["start", "-d", "web"]).output().ok();
    web.scene.file("f", "text");
    for place in ["/tmp/f", "/extra/f", "/bound/f", "/run/f", "/dev/shm/f"] {
        web.cp(["f", &format!("web:{place}")]).output().ok();
        assert_eq!(web.sh(&format!("cat {place}")), "text", "{place}");
    }
    assert_eq!(fs::read(bound.join("f")).unwrap(), b"text");
    // A name begun is enough, as everywhere.
    web.cp(["we:/tmp/f", "out"]).output().ok();
    assert_eq!(fs::read(web.work("out")).unwrap(), b"text");
}

/// The status of something that may fail, but must say why.
#[track_caller]
pub fn well_or_told(output: Output) {
    match output.code() {
        0 => {}
        1 => assert!(output.err().starts_with("kakuri: "), "{output}"),
        _ => panic!("{output}"),
    }
}

#[test]
fn a_container_stays_while_it_is_copied_to_and_others_come_and_go() {
    crate::need!("tar");
    let web = Web::with(Scene::new(), &[]);
    web.scene.file("f", "text");
    let script = "(tar -c f | head -c 1000; until [ -e go ]; do sleep 0.05; done; tar -c f | tail -c +1001) | \"$0\" container cp - web:/tmp";
    let copy = web.scene.program("sh").args(["-c", script, common::KAKURI]).spawn();
    let status = || web.scene.kakuri(["list", "--format", "{{.Status}}"]).output().ok().text();
    assert!(common::until(common::HANG, || status().starts_with("Up")));
    // The last session to leave would be the end of it.
    assert_eq!(web.sh("echo in"), "in");
    assert_eq!(web.sh("echo again"), "again");
    assert!(status().starts_with("Up"), "{}", status());
    web.scene.file("go", "");
    Output::of(copy).ok();
    assert!(status().starts_with("Exited"), "{}", status());
}
