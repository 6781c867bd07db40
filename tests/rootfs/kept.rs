//! A container with a name over a folder: what it wrote stays, the folder is as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::common::Scene;
use crate::need;
use crate::tree::{plant, snapshot};

#[test]
fn what_is_written_and_what_is_removed_stays_so() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = snapshot(&tree);
    let run = |words: &[&str]| scene.kakuri(words.iter().copied()).output().ok().text();
    assert_eq!(run(&["create", "--rootfs", "tree", "box"]), "box");
    // Meant from where it was typed.
    let elsewhere = scene.folder("elsewhere");
    let start = |script: &str| scene.kakuri(["start", "box", "sh", "-c", script]).dir(&elsewhere).output().ok().text();
    start(
        "echo new > /root/new; rm /etc/release; rm -r /usr/share/doc; mkdir /usr/share/doc; echo y > /usr/share/doc/y; \
         mv /usr/share/a /usr/share/b; mkdir -m 0 /closed; ln -s /nowhere /link; echo x > /tmp/x; echo x > /run/x; \
         chmod 711 /home/ada; mkdir /home/bob; echo 'root:x:0:0:root:/home/bob:/bin/ash' > /etc/passwd",
    );
    for _ in 0..2 {
        let seen = start(
            "cat /root/new; ls /etc/release 2>/dev/null; ls -A /usr/share/doc /tmp; ls /run; cat /usr/share/b; \
             ls /usr/share; readlink /link; stat -c %a /closed /home/ada; pwd; echo $HOME $SHELL",
        );
        let lists = "/tmp:\n\n/usr/share/doc:\ny\nlock\n";
        let rest = "a\nb\ndoc\n/nowhere\n0\n711\n/home/bob\n/home/bob /bin/ash";
        assert_eq!(seen, format!("new\n{lists}{rest}"));
    }
    assert_eq!(snapshot(&tree), before);
    let layer = scene.home().join(".local/kakuri/containers/box/root");
    assert_eq!(fs::metadata(layer.join("work/work")).unwrap().mode() & 0o777, 0);
    assert_eq!(run(&["remove", "box"]), "box");
    assert!(!layer.parent().unwrap().exists());
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn a_place_is_resolved_by_what_was_written_over_the_folder() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    fs::create_dir_all(tree.join("old/in")).unwrap();
    scene.file("data", "from the host");
    scene.kakuri(["create", "--rootfs", "tree", "box"]).output().ok();
    let start = |options: &[&str], script: &str| {
        scene.kakuri([&["start"], options, &["box", "sh", "-c", script]].concat()).output()
    };
    start(&[], "mkdir /real; ln -s /real /new; rm -r /old; ln -s /real /old; rm -r /usr/share; mkdir /usr/share").ok();
    for place in ["/new/data", "/old/data", "/real/data"] {
        let bind = format!("data:{place}:ro");
        assert_eq!(start(&["--bind", &bind], "cat /real/data").ok().text(), "from the host", "{place}");
    }
    // Of the folder below nothing is seen where another was put in its place.
    start(&["--hide", "/usr/share/a"], "true").refused(125, &["cannot hide '/usr/share/a'"]);
    assert!(tree.join("old/in").exists() && !tree.join("real").exists());
}

#[test]
fn two_containers_over_one_folder_run_at_once() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = snapshot(&tree);
    for name in ["one", "two"] {
        scene.kakuri(["create", "--rootfs", "tree", name]).output().ok();
        scene.kakuri(["start", "-d", name]).output().ok();
    }
    for name in ["one", "two"] {
        scene.kakuri(["exec", name, "sh", "-c", "echo $0 > /usr/share/a", name]).output().ok();
    }
    for name in ["one", "two"] {
        assert_eq!(scene.kakuri(["exec", name, "cat", "/usr/share/a"]).output().ok().text(), name);
        scene.kakuri(["stop", "--time", "1", name]).output().ok();
        assert_eq!(scene.kakuri(["start", name, "cat", "/usr/share/a"]).output().ok().text(), name);
        scene.kakuri(["remove", name]).output().ok();
    }
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn the_folder_must_still_be_there_at_a_start() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    scene.kakuri(["create", "--rootfs", "tree", "box"]).output().ok();
    scene.kakuri(["create", "--rootfs", "tree:ro", "still"]).output().ok();
    assert_eq!(
        scene.kakuri(["start", "still", "sh", "-c", "echo x 2>/dev/null > /x || echo closed"]).output().ok().text(),
        "closed"
    );
    fs::rename(&tree, scene.work().join("moved")).unwrap();
    let said = scene.kakuri(["start", "box", "true"]).output();
    assert_ne!(said.code(), 0, "{said}");
    assert!(said.err().contains("tree") && said.err().contains("No such file"), "{said}");
    fs::rename(scene.work().join("moved"), &tree).unwrap();
    scene.kakuri(["start", "box", "true"]).output().ok();
    // What it keeps is of nobody else's business.
    let mode = fs::metadata(scene.home().join(".local/kakuri/containers/box/root")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
