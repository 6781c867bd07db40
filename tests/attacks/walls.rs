//! walls.c as the first command and as a later one, with a terminal and without, on the host's programs and on a root of
//! its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{KAKURI, Pty, Scene};
use crate::need;
use crate::outside::Outside;
use crate::tree::{no_memory_layer, plant};

const NAMES: [&str; 16] = [
    "by-handle",
    "descriptors",
    "devices",
    "double-chroot",
    "first-process",
    "handed-folder",
    "host-files",
    "host-memory",
    "kernel-memory",
    "kernel-settings",
    "mounts",
    "namespaces",
    "other-processes",
    "rights",
    "terminal",
    "traced",
];

fn program(scene: &Scene) -> PathBuf {
    let source = scene.file("walls.c", include_str!("walls.c"));
    let made = scene.work().join("walls");
    scene.program("gcc").args(["-static", "-O1", "-w", "-o"]).arg(&made).arg(source).output().ok();
    made
}

#[track_caller]
fn held(text: &str) {
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("held ")).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES, "{text}");
    assert!(!text.contains("BROKEN"), "{text}");
}

/// No file a container could write runs as its owner.
#[track_caller]
fn no_set_id(scene: &Scene, folder: &Path) {
    let found = scene.program("find").arg(folder).args(["-perm", "/6000"]).output().ok();
    assert_eq!(found.text(), "");
}

fn words<'a>(options: &[&'a str], told: &'a [String], command: &[&'a str]) -> Vec<&'a str> {
    let told = told.iter().map(String::as_str);
    options.iter().copied().chain(told).chain(command.iter().copied()).collect()
}

#[test]
fn they_hold_for_the_first_command() {
    need!("gcc");
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    let program = program(&scene);
    let (given, told) = (scene.folder("given"), outside.told());
    let bind = format!("{}:/walls:ro", program.display());
    for more in [&[][..], &["-t"], &["--user"], &["--cap-drop", "ALL"], &["--cap-add", "ALL"], &["--read-only"]] {
        let options = [&["--bind", "given:/given", "--bind", &bind], more].concat();
        let said = scene.kakuri(words(&options, &told, &["/walls"])).output().ok();
        held(&said.text().replace('\r', ""));
    }
    let script =
        "cp /bin/sh /given/sh; chmod 4755 /given/sh; chmod g+s /given/sh; install -m 6755 /bin/sh /given/more; true";
    scene.kakuri(["--bind", "given:/given", "--", "sh", "-c", script]).output();
    if std::env::var_os("KAKURI_TEST_ALWAYS").is_none() {
        no_set_id(&scene, &given);
    }
    outside.stands();
}

#[test]
fn they_hold_for_a_later_command() {
    need!("gcc");
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    let bind = format!("{}:/walls:ro", program(&scene).display());
    scene.folder("given");
    let run = ["run", "-d", "--name", "web", "--bind", "given:/given", "--bind", &bind, "sleep", "1000"];
    let always = std::env::var("KAKURI_TEST_ALWAYS").unwrap_or_default();
    let run = [&run[..1], &always.split_whitespace().collect::<Vec<_>>(), &run[1..]].concat();
    scene.program(KAKURI).args(run).output().ok();
    let told = outside.told();
    for more in [&["exec"][..], &["exec", "-t"]] {
        let said = scene.program(KAKURI).args(words(more, &told, &["web", "/walls"])).output().ok();
        held(&said.text().replace('\r', ""));
    }
    // Of one that ran, nothing can be signalled that is not inside.
    scene.program(KAKURI).args(["exec", "web", "sh", "-c", "kill -9 -1"]).output();
    outside.stands();
    scene.program(KAKURI).args(["remove", "-f", "web"]).output();
}

#[test]
fn they_hold_on_a_root_of_its_own() {
    need!("gcc", "busybox");
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    let tree = plant(&scene, "tree");
    fs::copy(program(&scene), tree.join("walls")).unwrap();
    fs::set_permissions(tree.join("walls"), fs::Permissions::from_mode(0o755)).unwrap();
    scene.folder("given");
    fs::create_dir(tree.join("given")).unwrap();
    let told = outside.told();
    for mode in ["tree:ro", "tree:O", "tree:rw"] {
        for more in [&[][..], &["-t"]] {
            let options = [&["--rootfs", mode, "--bind", "given:/given"], more].concat();
            let said = scene.kakuri(words(&options, &told, &["/walls"])).output();
            if no_memory_layer(&said) {
                continue;
            }
            held(&said.ok().text().replace('\r', ""));
        }
    }
    outside.stands();
}

/// At a real terminal: what was put into it would be read by the caller's shell when the container has ended.
#[test]
fn nothing_is_typed_into_the_callers_terminal() {
    need!("gcc", "bash");
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    program(&scene);
    scene.folder("given");
    let told = outside.told().join(" ");
    let script = format!(
        "'{KAKURI}' --bind given:/given {told} ./walls; stty -icanon; \
         if read -r -t 0.3 -n 1 typed; then echo \"typed [$typed]\"; else echo not''hing; fi"
    );
    let mut terminal = Pty::start(scene.program("bash").args(["-c", &script]));
    terminal.expect("held traced");
    terminal.expect("nothing");
    terminal.wait();
    held(&terminal.shown().replace('\r', "").replace("nothing", ""));
    outside.stands();
}

#[test]
fn whoever_kills_all_kills_himself() {
    let scene = Scene::new();
    let mut outside = Outside::new(&scene);
    for script in ["kill -9 -1; echo alive", "kill -STOP -1; kill -9 1; echo alive", "sleep 1000 & kill -9 0"] {
        let said = scene.kakuri(["--", "sh", "-c", script]).output();
        assert!(said.text() == "alive" || said.status.code() == Some(137), "{said}");
        outside.stands();
    }
}
