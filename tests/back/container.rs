//! Containers with a name: their `cow` folders and their root, over stop and start.

use std::fs;

use crate::common::Scene;
use crate::{changes, tree::snapshot};

#[test]
fn changes_stay_with_the_container_until_they_are_committed() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    scene.file("p/b", "b\n");
    let p = scene.work().join("p");
    let before = snapshot(&p);
    scene.kakuri(["create", "--bind", "p:/work:cow", "dev"]).output().ok();
    scene.kakuri(["start", "dev", "sh", "-c", "echo 1 >>/work/a; rm /work/b"]).output().ok();
    scene.kakuri(["start", "dev", "sh", "-c", "echo 2 >>/work/a; echo c >/work/c; ls /work"]).output().ok();
    assert_eq!(snapshot(&p), before);
    let all = ["M p/a", "D p/b", "A p/c"];
    assert_eq!(changes(&scene, &["--container", "dev"]), all);
    assert_eq!(changes(&scene, &["--container", "dev", "/work/b"]), [all[1]]);
    let diff = scene.kakuri(["container", "diff", "dev"]).output().ok().text();
    assert_eq!(diff, "C /work/a\nD /work/b\nA /work/c");
    // While it runs it can be looked at, and nothing else.
    scene.kakuri(["start", "-d", "dev"]).output().ok();
    assert_eq!(changes(&scene, &["--container", "dev"]), all);
    for verb in ["commit", "discard"] {
        scene.kakuri([verb, "--container", "dev"]).output().refused(1, &["running"]).hints(&["kakuri stop dev"]);
    }
    scene.kakuri(["stop", "-t", "0", "dev"]).output().ok();
    scene.kakuri(["commit", "--container", "dev", "p/a"]).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"old\n1\n2\n");
    assert_eq!(changes(&scene, &["--container", "dev"]), all[1..]);
    // What was committed is the original's, and seen as that; what it changed in an earlier run is checked since then.
    fs::write(p.join("a"), "host\n").unwrap();
    fs::write(p.join("b"), "host\n").unwrap();
    let said = scene.kakuri(["start", "dev", "sh", "-c", "cat /work/a; ls /work"]).output().ok();
    assert_eq!(said.text(), "host\na\nc");
    let said = scene.kakuri(["commit", "--container", "dev"]).output();
    assert!(said.code() == 1 && said.err().contains("/p/b': it was changed meanwhile"), "{said}");
    scene.kakuri(["start", "dev", "sh", "-c", "echo more >>/work/a"]).output().ok();
    scene.kakuri(["commit", "--container", "dev", "p/a"]).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"host\nmore\n");
    // Given up, the container sees the original again.
    scene.kakuri(["discard", "--container", "dev", "p/b"]).output().ok();
    assert_eq!(scene.kakuri(["start", "dev", "cat", "/work/b"]).output().ok().text(), "host");
    scene.kakuri(["discard", "--container", "dev"]).output().ok();
    assert_eq!(changes(&scene, &["--container", "dev"]), [""; 0]);
    scene.kakuri(["remove", "dev"]).output().ok();
    assert_eq!(fs::read_dir(scene.home().join(".local/kakuri/containers")).unwrap().count(), 0);
}

/// One name given up in a folder that hides all of the original's.
#[test]
fn a_part_of_a_folder_made_anew_is_given_up() {
    let scene = Scene::new();
    for name in ["one", "two", "sub/three"] {
        scene.file(&format!("p/d/{name}"), "old\n");
    }
    scene.kakuri(["create", "--bind", "p:/work:cow", "dev"]).output().ok();
    let script = "cd /work && rm -r d && mkdir -p d/sub && echo new >d/two && echo new >d/four";
    scene.kakuri(["start", "dev", "sh", "-c", script]).output().ok();
    let all = ["A p/d/four", "D p/d/one", "D p/d/sub/three", "M p/d/two"];
    assert_eq!(changes(&scene, &["--container", "dev"]), all);
    scene.kakuri(["discard", "--container", "dev", "p/d/one"]).output().ok();
    assert_eq!(changes(&scene, &["--container", "dev"]), [all[0], all[2], all[3]]);
    let said = scene.kakuri(["start", "dev", "sh", "-c", "cd /work/d && cat one two; ls . sub"]).output().ok();
    assert_eq!(said.text(), "old\nnew\n.:\nfour\none\nsub\ntwo\n\nsub:");
    scene.kakuri(["commit", "--container", "dev", "p/d/two"]).output().ok();
    assert_eq!(changes(&scene, &["--container", "dev"]), [all[0], all[2]]);
    assert_eq!(scene.kakuri(["start", "dev", "ls", "/work/d"]).output().ok().text(), "four\none\nsub\ntwo");
}

#[test]
fn what_it_changed_of_its_root() {
    crate::need!("busybox");
    let scene = Scene::new();
    let tree = scene.folder("tree");
    for folder in ["bin", "etc", "tmp"] {
        fs::create_dir(tree.join(folder)).unwrap();
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|b| fs::metadata(b).is_ok()).unwrap();
    if !scene.program("ldd").arg(busybox).output().err().contains("not a dynamic")
        && scene.program("ldd").arg(busybox).output().status.code() == Some(0)
    {
        return crate::common::skip("root of a container: busybox is not static");
    }
    fs::copy(busybox, tree.join("bin/sh")).unwrap();
    fs::write(tree.join("etc/release"), "old\n").unwrap();
    scene.kakuri(["create", "--rootfs", "tree", "dev"]).output().ok();
    scene.kakuri(["start", "dev", "sh", "-c", "echo new >/etc/release; echo x >/new"]).output().ok();
    let all = changes(&scene, &["--container", "dev"]);
    assert!(all.contains(&"M /etc/release".to_string()) && all.contains(&"A /new".to_string()), "{all:?}");
    let diff = scene.kakuri(["container", "diff", "dev"]).output().ok().text();
    assert!(diff.contains("C /etc/release\n"), "{diff}");
    scene
        .kakuri(["commit", "--container", "dev", "/new"])
        .output()
        .refused(1, &["of its root"])
        .hints(&["container cp"]);
    assert_eq!(fs::read(tree.join("etc/release")).unwrap(), b"old\n");
    scene.kakuri(["discard", "--container", "dev", "/new"]).output().ok();
    assert_eq!(
        scene.kakuri(["start", "dev", "sh", "-c", "cat /etc/release; cat /new 2>/dev/null"]).output().text(),
        "new"
    );
}
