//! What users of a container leave belongs to sub-ids: kakuri removes it all the same, whoever asks for it.

use std::fs;
use std::path::PathBuf;

use crate::common::{GONE, Scene, until};
use crate::tree::plant;
use crate::{RANGE, need, own, owner, ranged};

/// Folders of others that the caller may not even list, deep ones and ones without permissions among them.
const LEAVE: &str = "mkdir -p /srv/a/b/c /srv/z; touch /srv/a/b/c/f /srv/z/f; ln -s /etc/passwd /srv/a/b/l; \
                     chmod 700 /srv/a; chmod 0 /srv/z; chmod 1777 /srv/a/b; chown -R 1000:1000 /srv/a; chown 5 /srv/z /srv/z/f";

fn containers(scene: &Scene) -> PathBuf {
    scene.home().join(".local/kakuri/containers")
}

fn names(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(containers(scene)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn make(scene: &Scene, name: &str) {
    let create = [&["create"][..], &RANGE, &["--rootfs", "tree", name]].concat();
    scene.kakuri(create).output().ok();
    scene.kakuri(["start", name, "sh", "-c", LEAVE]).output().ok();
    let left = containers(scene).join(name).join("root/upper/srv/a");
    assert_ne!(owner(&left), own());
    assert!(fs::read_dir(&left).is_err(), "the test itself may not read it");
}

/// In the scene's folder, which is at /work there.
fn as_root_of_range(scene: &Scene, script: &str) {
    let bind = format!("{}:/work", scene.work().display());
    scene.kakuri([&RANGE[..], &["--bind", &bind, "sh", "-c", script]].concat()).output().ok();
}

#[test]
fn remove_removes_it() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    make(&scene, "box");
    assert_eq!(scene.kakuri(["remove", "box"]).output().ok().text(), "box");
    assert_eq!(names(&scene), [""; 0]);
}

#[test]
fn a_run_removes_what_it_leaves() {
    need!("busybox");
    ranged!();
    let scene = Scene::alone();
    let before = scene.before();
    let bind = format!("{}:/work", scene.folder("shared").display());
    // With the host's programs: what is kept for a name is a plain folder.
    let script = format!("cd /work; {}", LEAVE.replace("/srv", "/work"));
    let run = [&["run", "--rm", "--name", "box"][..], &RANGE, &["--bind", &bind, "sh", "-c", &script]].concat();
    scene.kakuri(run).output().ok();
    assert!(until(GONE, || names(&scene).is_empty()), "{:?}", names(&scene));
    // What was bound is the caller's to clear: the same way.
    let clear = [&RANGE[..], &["--bind", &bind, "sh", "-c", "rm -rf /work/*"]].concat();
    scene.kakuri(clear).output().ok();
    fs::remove_dir(scene.work().join("shared")).unwrap();
    drop(before);
}

#[test]
fn replace_and_a_sweep_remove_it() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    make(&scene, "box");
    scene.kakuri(["create", "--replace", "box"]).output().ok();
    assert!(until(GONE, || names(&scene) == ["box"]), "{:?}", names(&scene));
    // As a remove leaves it that was killed after its first step.
    make(&scene, "other");
    fs::rename(containers(&scene).join("other"), containers(&scene).join(".old-other-abcdef")).unwrap();
    scene.kakuri(["create", "third"]).output().ok();
    let mut left = names(&scene);
    left.sort();
    assert_eq!(left, ["box", "third"]);
}

#[test]
fn a_tree_and_its_layer_keep_their_owners() {
    need!("busybox");
    let (first, group) = ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    make(&scene, "box");
    let upper = containers(&scene).join("box/root/upper");
    assert_eq!(owner(&upper), own());
    assert_eq!(owner(&upper.join("srv/a")), (first + 999, group + 999));
    let again = scene.kakuri(["start", "box", "stat", "-c", "%u:%g %a", "/srv/a", "/srv/z", "/"]).output().ok().text();
    assert_eq!(again, "1000:1000 700\n5:0 0\n0:0 755");
    scene.kakuri(["remove", "box"]).output().ok();
}

/// What mmdebstrap unpacks as a user belongs to the first of his sub-ids, which is root then.
#[test]
fn a_tree_of_sub_ids_is_its_roots() {
    need!("busybox");
    let (first, group) = ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    let other = |script: &str| as_root_of_range(&scene, script);
    other(
        "cd /work && cp -a tree high && mkdir -p high/srv/u && chown -R 1:1 high && chown 34:35 high/srv/u && chmod 700 high/root",
    );
    let high = scene.work().join("high");
    assert_eq!(owner(&high), (first, group));
    let script = "id -u; stat -c %u:%g / /etc /srv/u /root /tmp /etc/hosts; cd /root && touch own && stat -c %u own; pwd; \
                  chown 7 /srv/u && stat -c %u /srv/u";
    let run = |options: &[&str]| {
        scene
            .kakuri([&["--verbose", "--userns", "range", "--rootfs"], options, &["sh", "-c", script]].concat())
            .output()
    };
    let said = run(&["high"]);
    if crate::tree::no_memory_layer(&said) {
        return other("rm -rf /work/high");
    }
    let said = said.ok();
    assert_eq!(said.text(), "0\n0:0\n0:0\n33:34\n0:0\n0:0\n0:0\n0\n/root\n7");
    assert!(said.err().contains("first of your sub-ids"), "{said}");
    assert_eq!(owner(&high.join("srv/u")), (first + 33, group + 34), "the tree is not touched");
    // A bind goes into a folder that is closed to the caller.
    let bound = [
        &["--userns", "range", "--rootfs", "high", "--bind", "tree/etc:/root/etc:ro"][..],
        &["cat", "/root/etc/release"],
    ];
    assert_eq!(scene.kakuri(bound.concat()).output().ok().text(), "of the tree");
    // The same kept, and removed.
    scene.kakuri([&["create"][..], &RANGE, &["--rootfs", "high", "box"]].concat()).output().ok();
    let text = scene.kakuri(["start", "box", "sh", "-c", script]).output().ok().text();
    assert_eq!(text, "0\n0:0\n0:0\n33:34\n0:0\n0:0\n0:0\n0\n/root\n7");
    let text = scene.kakuri(["start", "box", "stat", "-c", "%u:%g", "/", "/root/own", "/srv/u"]).output().ok().text();
    assert_eq!(text, "0:0\n0:0\n7:34");
    scene.kakuri(["remove", "box"]).output().ok();
    assert_eq!(names(&scene), [""; 0]);
    // With one id nothing of it can be changed, and that is said.
    let said = scene.kakuri(["--verbose", "--rootfs", "high", "true"]).output();
    assert!(said.err().contains("belongs to another user"), "{said}");
    other("rm -rf /work/high");
}

/// A home that its user has closed is still one that binds go into.
#[test]
fn a_kept_home_of_another_user_is_found_again() {
    ranged!();
    let scene = Scene::new();
    scene.file("data/text", "shared");
    let create = ["create", "--userns", "range", "-u", "1000:1000", "--bind", "data:/home/user/in/data:ro", "box"];
    scene.kakuri(create).output().ok();
    let start = |options: &[&str], script: &str| {
        scene.kakuri([&["start"], options, &["box", "sh", "-c", script]].concat()).output()
    };
    let script = "id -u; touch ~/mine; chmod 700 ~; stat -c %u ~ ~/mine; cat ~/in/data/text";
    for _ in 0..2 {
        assert_eq!(start(&[], script).ok().text(), "1000\n1000\n1000\nshared");
    }
    // A place that was never there is made in it too.
    assert_eq!(start(&["--bind", "data:/home/user/new:ro"], "cat ~/new/text").ok().text(), "shared");
    scene.kakuri(["remove", "box"]).output().ok();
    assert_eq!(names(&scene), [""; 0]);
}

#[test]
fn a_folder_of_sub_ids_can_be_written_itself() {
    need!("busybox");
    let (first, group) = ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    let other = |script: &str| as_root_of_range(&scene, script);
    other("cp -a /work/tree /work/high && chown -R 1:1 /work/high");
    scene.kakuri(["--userns", "range", "--rootfs", "high:rw", "sh", "-c", "touch /new; chown 5:6 /new"]).output().ok();
    assert_eq!(owner(&scene.work().join("high/new")), (first + 5, group + 6));
    let said = scene.kakuri(["--userns", "range", "--rootfs", "high:ro", "sh", "-c", "id -u; touch /x"]).output();
    assert!(said.text() == "0" && said.code() != 0, "{said}");
    other("rm -rf /work/high");
}
