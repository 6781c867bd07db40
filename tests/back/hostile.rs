//! Layers that mean harm: what lies in one was written by the container.

use std::fs;

use crate::common::Scene;
use crate::{changes, tree::snapshot};

#[test]
fn nothing_is_reached_through_a_link() {
    let scene = Scene::new();
    scene.file("p/d/x", "x\n");
    scene.file("outside/secret", "secret\n");
    let p = scene.work().join("p");
    let outside = snapshot(&scene.work().join("outside"));
    let there = scene.work().join("outside").display().to_string();
    // The folder becomes a link to another one, in which the paths of the changes exist.
    let script = format!("rm -r d; ln -s {there} d; ln -s {there}/secret l; mkfifo f; ln -s f g");
    scene.kakuri(["try", "sh", "-c", &script]).dir(&p).output().ok();
    assert_eq!(changes(&scene, &["p"]), ["T p/d", "A p/f", "A p/g", "A p/l"]);
    let patch = scene.kakuri(["changes", "--patch"]).dir(&p).output().ok();
    assert!(!patch.text().contains("+secret\n") && patch.text().contains("new file mode 120000"), "{patch}");
    scene.kakuri(["commit"]).dir(&p).output().ok();
    assert_eq!(fs::read_link(p.join("d")).unwrap().to_str().unwrap(), there);
    scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
    assert_eq!(fs::read(p.join("d/x")).unwrap(), b"x\n");
    assert_eq!(snapshot(&scene.work().join("outside")), outside);
}

/// The same when the host has put a link where the layer has a folder.
#[test]
fn a_link_of_the_host_is_not_followed_either() {
    let scene = Scene::new();
    scene.file("p/d/x", "x\n");
    scene.file("outside/x", "outside\n");
    let p = scene.work().join("p");
    scene.kakuri(["try", "sh", "-c", "echo new >d/x; echo y >d/y; rm -r d/none 2>/dev/null; :"]).dir(&p).output().ok();
    fs::remove_dir_all(p.join("d")).unwrap();
    std::os::unix::fs::symlink("../outside", p.join("d")).unwrap();
    let before = (snapshot(&p), snapshot(&scene.work().join("outside")));
    let said = scene.kakuri(["commit"]).dir(&p).output();
    assert_eq!(said.code(), 1, "{said}");
    assert!(said.err().contains("/p/d': it was changed meanwhile"), "{said}");
    assert_eq!((snapshot(&p), snapshot(&scene.work().join("outside"))), before);
}

#[test]
fn what_is_closed_or_special_is_carried_over_or_named() {
    let scene = Scene::new();
    scene.file("p/closed/a", "a\n");
    let p = scene.work().join("p");
    let script = "mkdir -p shut/in; echo s >shut/in/s; chmod 0 shut/in/s; chmod 0 shut/in; chmod 0 shut; \
                  echo b >closed/b; chmod 0500 closed; \
                  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' 2>/dev/null; \
                  cp /bin/true setid; chmod 0755 setid";
    scene.kakuri(["try", "sh", "-c", script]).dir(&p).output().ok();
    let said = scene.kakuri(["commit"]).dir(&p).output().ok();
    let socket = crate::common::have("python3");
    assert_eq!(said.err().contains("/p/sock' is left out"), socket, "{said}");
    let told =
        scene.program("sh").args(["-c", "stat -c %a shut closed setid; chmod -R u+rwx shut; cat shut/in/s closed/b"]);
    assert_eq!(told.dir(&p).output().ok().text(), "0\n500\n755\ns\nb");
    assert!(!p.join("sock").exists());
}

#[test]
fn names_drive_no_terminal() {
    let scene = Scene::new();
    scene.folder("p");
    let script = "touch \"$(printf 'a\\033[31m\\nb')\"; printf 'x\\033]0;t\\007\\n' >f";
    scene.kakuri(["try", "sh", "-c", script]).dir(scene.work().join("p")).output().ok();
    let said = scene.kakuri(["changes"]).dir(scene.work().join("p")).output().ok().text();
    assert!(said.contains("\"a\\033[31m\\nb\""), "{said}");
    assert!(!said.contains('\x1b'), "{said:?}");
}
