//! Folders that can be taken back: `--bind SRC:cow`, `kakuri try`, `changes`, `commit`, `discard`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "back/checkout.rs"]
mod checkout;
mod common;
#[path = "back/container.rs"]
mod container;
#[path = "back/crash.rs"]
mod crash;
#[path = "back/hostile.rs"]
mod hostile;
#[path = "back/model.rs"]
mod model;
#[path = "back/mounts.rs"]
mod mounts;
#[path = "back/refused.rs"]
mod refused;
#[path = "back/tree.rs"]
mod tree;

use std::fs;

use common::Scene;
use tree::snapshot;

/// What the changes are, a letter and a path each.
pub fn changes(scene: &Scene, args: &[&str]) -> Vec<String> {
    let said = scene.kakuri(["changes", "-z"].iter().chain(args)).output().ok();
    let lines = said.stdout.split(|&b| b == 0).filter(|line| !line.is_empty());
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

#[test]
fn a_folder_is_changed_inside_and_not_outside() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    scene.file("p/d/x", "x\n");
    let before = snapshot(&scene.work().join("p"));
    let script = "echo new >>/p/a; rm -r /p/d; mkdir /p/d; echo y >/p/d/y; cat /p/a; ls /p/d; stat -c %a /p";
    let said = scene.kakuri(["--bind", "p:/p:cow", "sh", "-c", script]).output();
    if tree::no_memory_layer(&said) {
        return;
    }
    assert_eq!(said.ok().text(), "old\nnew\ny\n755");
    assert_eq!(snapshot(&scene.work().join("p")), before);
    // Nothing of it stays, and noexec and other binds are as ever.
    let script = "cat /p/a /p/d/z; cp /bin/true /p/t && /p/t 2>/dev/null || echo no";
    scene.file("z", "z\n");
    scene.file("p/d/z", "");
    let args = ["--bind", "z:/p/d/z:ro", "--bind", "p:/p:cow,noexec", "sh", "-c", script];
    assert_eq!(scene.kakuri(args).output().ok().text(), "old\nz\nno");
    assert!(scene.kakuri(["--explain", "--bind", "p:/p:cow", "true"]).output().ok().text().contains("cow       /p "));
}

#[test]
fn a_try_is_looked_at_and_committed_or_given_up() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    scene.file("p/gone", "gone\n");
    let p = scene.work().join("p");
    let before = snapshot(&p);
    let script = "echo new >a; echo b >b; rm gone; pwd";
    let said = scene.kakuri(["try", "p", "--", "sh", "-c", &format!("cd {}; {script}", p.display())]).output().ok();
    assert_eq!(said.text(), p.to_str().unwrap());
    assert_eq!(said.err().lines().count(), 1, "{said}");
    assert!(said.err().contains("3 changes: kakuri changes shows them"), "{said}");
    assert_eq!(snapshot(&p), before);
    // From where it was begun, from inside the folder, and by its name.
    let list = ["M p/a", "A p/b", "D p/gone"];
    assert_eq!(changes(&scene, &[]), list);
    assert_eq!(changes(&scene, &["p/b", "p/gone"]), list[1..]);
    let inside = scene.kakuri(["changes"]).dir(&p).output().ok().text();
    assert_eq!(
        inside,
        "CHANGE     PATH   WHAT\nmodified   a      4 bytes\nadded      b      file, 2 bytes\ndeleted    gone   file, 5 bytes"
    );
    let json = scene.kakuri(["changes", "--format", "json", "p/a"]).output().ok().text();
    assert!(json.contains("\"change\": \"modified\"") && json.contains("\"path\": \"p/a\""), "{json}");
    let by = scene.kakuri(["changes", "--format", "{{.letter}}:{{.path}}"]).output().ok().text();
    assert_eq!(by, "M:p/a\nA:p/b\nD:p/gone");
    // A part of it, then the rest.
    scene.kakuri(["commit", "p/gone"]).output().ok();
    assert!(!p.join("gone").exists() && fs::read(p.join("a")).unwrap() == b"old\n");
    assert_eq!(changes(&scene, &[]), list[..2]);
    scene.kakuri(["discard", "p/b"]).output().ok();
    assert_eq!(changes(&scene, &[]), list[..1]);
    scene.kakuri(["commit"]).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"new\n");
    scene.kakuri(["changes"]).output().refused(1, &["nothing was tried"]);
    // Back again, one after the other.
    scene.kakuri(["commit", "--undo"]).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"old\n");
    assert_eq!(changes(&scene, &[]), list[..1]);
    scene.kakuri(["commit", "--undo"]).output().ok();
    assert_eq!(snapshot(&p), before);
    assert_eq!(changes(&scene, &[]), ["M p/a", "D p/gone"]);
    // What was taken back is committed as it was the first time.
    scene.kakuri(["commit"]).output().ok();
    assert!(!p.join("gone").exists() && fs::read(p.join("a")).unwrap() == b"new\n");
}

#[test]
fn discarded_nothing_stays() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    let p = scene.work().join("p");
    let before = snapshot(&p);
    let script = "echo new >a; mkdir -p deep/er; chmod 0 deep; ln -s / root";
    scene.kakuri(["try", "sh", "-c", script]).dir(&p).output().ok();
    assert_eq!(scene.kakuri(["changes"]).dir(&p).output().ok().text().lines().count(), 5);
    scene.kakuri(["discard"]).dir(&p).output().ok();
    assert_eq!(snapshot(&p), before);
    assert_eq!(fs::read_dir(scene.home().join(".local/kakuri/tries")).unwrap().count(), 0);
    // Neither does what changed nothing, or never began.
    let said = scene.kakuri(["try", "sh", "-c", "cat a; exit 3"]).dir(&p).output();
    assert_eq!((said.code(), said.text().as_str()), (3, "old"));
    assert!(said.err().contains("nothing was changed"), "{said}");
    scene.kakuri(["try", "no-such-program"]).dir(&p).output().refused(127, &["no-such-program"]);
    assert_eq!(fs::read_dir(scene.home().join(".local/kakuri/tries")).unwrap().count(), 0);
}

#[test]
fn the_latest_of_several_tries_is_meant() {
    let scene = Scene::new();
    scene.folder("p/sub");
    let p = scene.work().join("p");
    for name in ["one", "two"] {
        scene.kakuri(["try", "touch", name]).dir(&p).output().ok();
    }
    scene.kakuri(["try", "touch", "three"]).dir(p.join("sub")).output().ok();
    let at = |dir: &std::path::Path| scene.kakuri(["changes", "-z"]).dir(dir).output().ok().text();
    assert_eq!(at(&p), "A two\0");
    assert_eq!(at(&p.join("sub")), "A three\0");
    let list = scene.kakuri(["changes", "--list"]).output().ok().text();
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.contains("touch two") && list.contains("open"), "{list}");
    scene.kakuri(["discard"]).dir(&p).output().ok();
    assert_eq!(at(&p), "A one\0");
    let list = scene.kakuri(["changes", "--list", "--format", "{{.state}} {{json .command}}"]).output().ok().text();
    assert_eq!(list, "open [\"touch\",\"three\"]\nopen [\"touch\",\"one\"]");
}

#[test]
fn two_folders_of_one_try() {
    let scene = Scene::new();
    scene.file("one/a", "a\n");
    scene.file("two/b", "b\n");
    scene.file("three", "c\n");
    let script = "echo x >>one/a; echo x >>two/b; cat three";
    scene.file("script", script);
    let dir = scene.work().display().to_string();
    scene
        .kakuri(["try", "one", "two", "--", "sh", "-c", &format!("cd {dir} && echo x >>one/a; echo x >>two/b")])
        .output()
        .ok();
    assert_eq!(changes(&scene, &[]), ["M one/a", "M two/b"]);
    let patch = scene.kakuri(["changes", "--patch"]).output().ok().text();
    assert!(patch.contains("+++ b/one/a") && patch.contains("+++ b/two/b"), "{patch}");
    scene.kakuri(["commit", "two"]).output().ok();
    assert_eq!(fs::read(scene.work().join("one/a")).unwrap(), b"a\n");
    assert_eq!(fs::read(scene.work().join("two/b")).unwrap(), b"b\nx\n");
}

/// As many a home is: kakuri's own folders lie behind it.
#[test]
fn a_home_may_be_a_link() {
    let scene = Scene::new();
    scene.folder("real");
    std::os::unix::fs::symlink("real", scene.work().join("home")).unwrap();
    scene.file("p/a", "old\n");
    scene.file("p/d/x", "x\n");
    let kakuri =
        |args: &[&str]| scene.kakuri(args).dir(scene.work().join("p")).env("HOME", scene.work().join("home")).output();
    let before = snapshot(&scene.work().join("p"));
    kakuri(&["try", "sh", "-c", "echo new >a; rm -r d"]).ok();
    kakuri(&["commit"]).ok();
    assert!(!scene.work().join("p/d").exists());
    kakuri(&["commit", "--undo"]).ok();
    assert_eq!(snapshot(&scene.work().join("p")), before);
    kakuri(&["create", "--bind", ".:/w:cow", "box"]).ok();
    kakuri(&["start", "box", "sh", "-c", "echo box >/w/a"]).ok();
    kakuri(&["commit", "--container", "box"]).ok();
    assert_eq!(fs::read_to_string(scene.work().join("p/a")).unwrap(), "box\n");
    kakuri(&["remove", "box"]).ok();
}
