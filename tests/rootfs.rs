//! `--rootfs DIR[:ro|:rw|:O]`: a plain folder as the root. The trees here are a busybox and a few files. What persists is
//! in rootfs/kept.rs, trees that mean harm in rootfs/hostile.rs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "rootfs/hostile.rs"]
mod hostile;
#[path = "rootfs/kept.rs"]
mod kept;
#[path = "rootfs/tree.rs"]
mod tree;

use std::fs;

use common::{Scene, skip};
use tree::{plant, snapshot};

#[test]
fn a_folder_is_the_root_and_is_never_touched() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = snapshot(&tree);
    let said = scene.kakuri(["--rootfs", "tree", "cat", "/etc/release"]).output();
    if tree::no_memory_layer(&said) {
        return;
    }
    assert_eq!(said.ok().text(), "of the tree");
    let script = "echo new > /new; echo changed > /etc/release; rm -r /usr/share/doc; mkdir /usr/share/doc; \
                  mv /usr/share/a /b; chmod 700 /bin; touch -t 200001010000 /etc/passwd; ln -s x /etc/link; \
                  cat /new /etc/release /b; ls -A /usr/share/doc; rm -r /usr";
    assert_eq!(scene.inside(&["--rootfs", "tree"], script), "new\nchanged\na");
    assert_eq!(snapshot(&tree), before);
    // Nothing stays of it either.
    assert_eq!(scene.inside(&["--rootfs", "tree:O"], "ls /new 2>/dev/null; cat /etc/release"), "of the tree");
}

#[test]
fn read_only_is_the_folder_and_nothing_is_written() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    // Once with all mount points missing, once with none missing.
    for all in [false, true] {
        if all {
            for folder in ["dev", "proc", "sys", "tmp", "run"] {
                fs::create_dir(tree.join(folder)).unwrap();
            }
            for file in ["hosts", "hostname", "resolv.conf"] {
                fs::write(tree.join("etc").join(file), "theirs").unwrap();
            }
        }
        let before = snapshot(&tree);
        let script = "for f in /new /etc/new /etc/release /dev/new; do echo x 2>/dev/null > $f && echo wrote $f; done; \
                      echo x > /tmp/x; echo x > /run/x; echo x > /dev/null; cat /etc/release /etc/hostname; echo $$ ";
        let said = scene.inside(&["--rootfs", "tree:ro"], script);
        assert!(said.starts_with("of the tree\nkakuri\n"), "{all}: {said}");
        assert_eq!(snapshot(&tree), before);
        let root = scene.inside(&["--rootfs", "tree:ro"], "grep ' / ' /proc/self/mounts | tail -n 1");
        assert_eq!(root.contains("overlay"), !all, "{root}");
        assert!(root.contains(" ro,nosuid,nodev"), "{root}");
    }
}

#[test]
fn writable_is_the_folder_itself() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let said = scene.kakuri(["--verbose", "--rootfs", "tree:rw", "sh", "-c", "echo new > /new; ls /tmp"]).output().ok();
    assert_eq!(fs::read_to_string(tree.join("new")).unwrap(), "new\n");
    assert!(said.err().contains("/dev /etc/hostname /etc/hosts /etc/resolv.conf /proc /run /sys /tmp"), "{said}");
    assert_eq!(fs::read_dir(tree.join("dev")).unwrap().count(), 0);
    assert_eq!(fs::read(tree.join("etc/hosts")).unwrap(), b"");
    // What it brought stays as it is.
    scene.kakuri(["--rootfs", "tree:rw", "rm", "/new"]).output().ok();
    assert!(!tree.join("new").exists());
    scene
        .kakuri(["--rootfs", "tree:rw", "--bind", ".:/missing/place", "true"])
        .output()
        .refused(125, &["'.'", "/missing/place", "does not exist in the folder that is the root"])
        .hints(&["mkdir -p", "tree/missing/place"]);
    assert!(!tree.join("missing").exists());
    let read_only = scene.inside(&["--rootfs", "tree:rw", "--read-only"], "echo x 2>/dev/null > /new || echo closed");
    assert_eq!(read_only, "closed");
}

#[test]
fn who_the_command_is_comes_from_the_folder() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let who = |options: &[&str]| {
        let options = [&["--rootfs", "tree:ro"], options].concat();
        scene.inside(&options, "echo $(id -u) $(id -g) $USER $HOME $SHELL; pwd; echo $PATH")
    };
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(who(&[]), format!("0 0 root /root /bin/sh\n/root\n{path}"));
    assert_eq!(who(&["-u", "1000"]), format!("1000 1000 ada /home/ada /bin/ash\n/home/ada\n{path}"));
    assert_eq!(who(&["-u", "77"]), format!("77 77 user /root /bin/sh\n/root\n{path}"));
    // No command is the account's shell.
    let shell = scene.kakuri(["--rootfs", "tree:ro", "-u", "1000"]).input("echo $0\n").output().ok();
    assert_eq!(shell.text(), "/bin/ash");
    fs::remove_file(tree.join("etc/passwd")).unwrap();
    assert!(who(&[]).starts_with("0 0 root /root /bin/sh\n/root\n"), "{}", who(&[]));
    fs::remove_dir(tree.join("root")).unwrap();
    assert!(who(&[]).starts_with("0 0 root / /bin/sh\n/\n"), "{}", who(&[]));
}

#[test]
fn nothing_of_the_host_is_in_it_but_what_is_bound() {
    need!("busybox");
    let scene = Scene::new();
    plant(&scene, "tree");
    scene.file("data", "from the host");
    let seen = scene.inside(&["--rootfs", "tree:ro"], "ls /; ls /etc; ls /dev; ls -A /tmp /run");
    let tops = "bin\ndev\netc\nhome\nproc\nroot\nrun\nsys\ntmp\nusr\nvar\n";
    assert!(seen.starts_with(tops), "{seen}");
    assert!(seen.contains("hostname\nhosts\npasswd\nrelease\nresolv.conf\n"), "{seen}");
    // Not by the words of the command, nor by where the caller stands.
    let said = scene.kakuri(["--rootfs", "tree:ro", "cat", "data"]).output();
    assert_eq!(said.code(), 1, "{said}");
    for mode in ["ro", "O"] {
        let root = format!("tree:{mode}");
        let options = ["--rootfs", &root, "--bind", "data:/var/run/made/data:ro", "--bind", ".:/srv/deep/here"];
        let said =
            scene.kakuri(options.into_iter().chain(["sh", "-c", "cat /run/made/data /srv/deep/here/data"])).output();
        if mode == "O" && tree::no_memory_layer(&said) {
            return;
        }
        assert_eq!(said.ok().text(), "from the hostfrom the host", "{mode}");
    }
    let here = scene.work();
    let here = here.to_str().unwrap();
    assert_eq!(
        scene.inside(&["--rootfs", "tree:ro", "--bind", "."], "pwd; cat data"),
        format!("{here}\nfrom the host")
    );
}

#[test]
fn two_at_once_share_a_folder_and_not_what_they_write() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = snapshot(&tree);
    let script = "echo $0 > /mine; i=0; while [ $i -lt 20 ]; do cat /mine; rm /mine; echo $0 > /mine; i=$((i+1)); done";
    let runs: Vec<_> =
        ["a", "b", "c"].map(|name| scene.kakuri(["--rootfs", "tree", "sh", "-c", script, name]).spawn()).into();
    for (run, name) in runs.into_iter().zip(["a", "b", "c"]) {
        let said = common::Output::of(run);
        if tree::no_memory_layer(&said) {
            return;
        }
        assert_eq!(said.ok().text(), [name; 20].join("\n"));
    }
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn what_can_be_no_root_is_refused_by_name() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    scene.file("a.tar", "x");
    let refused = |root: &str, words: &[&str]| {
        scene.kakuri(["--rootfs", root, "true"]).output().refused(125, &[&[root], words].concat())
    };
    refused("missing", &["No such file"]).hints(&["debootstrap"]);
    refused("a.tar", &["Not a directory"]).hints(&["tar -xf"]);
    refused("/", &["host's own root"]).hints(&["leave --rootfs out"]);
    refused("tree:x", &["unknown option 'x'"]).hints(&["DIR:ro"]);
    refused("", &["names no folder"]);
    refused("a:b:c", &["more than two fields"]);
    scene.kakuri(["--rootfs", "tree", "--base", "none", "true"]).output().refused(125, &["--base", "--rootfs"]);
    scene.kakuri(["create", "--base", "host", "--rootfs", "tree", "c"]).output().refused(125, &["--base", "--rootfs"]);
    let store = scene.home().join(".local/kakuri/containers");
    fs::create_dir_all(store.join("c/root/upper")).unwrap();
    for folder in [store.join("c/root/upper"), store.clone(), scene.home()] {
        refused(folder.to_str().unwrap(), &["keeps its containers"]);
    }
    fs::set_permissions(&tree, std::os::unix::fs::PermissionsExt::from_mode(0o311)).unwrap();
    refused("tree", &["Permission denied"]).hints(&["ls -ld"]);
}

#[test]
fn a_command_it_has_not_is_looked_for_in_it() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let run = |command: &str| scene.kakuri(["--rootfs", "tree:ro", command]).output();
    run("python3").refused(127, &["'python3'", "not found"]).hints(&["'tree'", "/usr/local/bin"]);
    run("/usr/bin/env").refused(127, &["'/usr/bin/env'"]).hints(&["'tree'"]);
    let mut program = fs::read("/bin/busybox").unwrap();
    program[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    fs::write(tree.join("bin/foreign"), &program).unwrap();
    fs::write(tree.join("bin/script"), "#!/bin/foreign\n").unwrap();
    for name in ["foreign", "script"] {
        fs::set_permissions(tree.join("bin").join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    if std::fs::read_dir("/proc/sys/fs/binfmt_misc").is_ok_and(|list| list.count() > 2) {
        skip("this machine may run programs of another");
        return;
    }
    run("foreign").refused(126, &["'foreign'", "another kind of processor"]).hints(&[std::env::consts::ARCH]);
    run("/bin/script").refused(126, &["another kind of processor"]);
    fs::create_dir(scene.work().join("empty")).unwrap();
    let said = scene.kakuri(["--rootfs", "empty:ro", "sh"]).output();
    said.refused(127, &["'sh'"]).hints(&["'empty'", "no folder of programs"]);
}

#[test]
fn it_is_explained_and_built_by_hand() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = snapshot(&tree);
    let explained = scene.kakuri(["--explain", "--rootfs", "tree:ro", "sh"]).output().ok().text();
    assert!(explained.contains("(typed as tree) of the host with our "), "{explained}");
    let explained = scene.kakuri(["--explain", "--rootfs", "tree:rw", "sh"]).output().ok().text();
    assert!(
        explained.contains(" for the container to mount on: /dev ") && explained.contains("of the host itself"),
        "{explained}"
    );
    for mode in ["ro", "O"] {
        let root = format!("tree:{mode}");
        let plan = scene.kakuri(["--emit", "mount", "--rootfs", &root, "sh"]).output().ok().text();
        let file = scene.file("plan.json", plan);
        let file = file.to_str().unwrap();
        let run = |arguments: &[&str]| scene.program(common::MOUNT).args(arguments).output();
        assert_eq!(run(&["--check", file]).ok().text(), "");
        assert!(run(&["--explain", file]).ok().text().starts_with("root "), "{mode}");
        let said = run(&[file, "--", "sh", "-c", "cat /etc/release /etc/hostname"]);
        if mode == "O" && tree::no_memory_layer(&said) {
            return;
        }
        assert_eq!(said.ok().text(), "of the tree\nkakuri", "{mode}");
    }
    assert_eq!(snapshot(&tree), before);
}

#[test]
fn a_tree_of_another_user_is_shown_as_far_as_everybody_may_see_it() {
    // The host's own programs are root's, and nobody else's tree is as sure to be there.
    let scene = Scene::new();
    for mode in ["ro", "O"] {
        let root = format!("/usr:{mode}");
        let said = scene.kakuri(["--explain", "--rootfs", &root, "bin/true"]).output().ok().text();
        assert_eq!(said.contains("/usr belongs to another user"), mode == "O", "{said}");
    }
    let said = scene.kakuri(["--rootfs", "/usr:rw", "/bin/true"]).output();
    said.refused(125, &["cannot make '/dev' in '/usr'", "Permission denied"]).hints(&["leave `:rw` out"]);
    // A folder inside that has to be copied up belongs to root.
    let said = scene.kakuri(["--rootfs", "/usr", "--bind", ".:/share/kakuri-test", "/bin/true"]).output();
    if !tree::no_memory_layer(&said) {
        said.refused(125, &["cannot make '/share/kakuri-test'", "belongs to another user"]).hints(&["cp -r"]);
    }
}
