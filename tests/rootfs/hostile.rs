//! Trees that mean harm: links out of them, pipes and huge files where small ones belong.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::{self, Scene};
use crate::need;
use crate::tree::{plant, snapshot};

/// A folder of the host that no tree may lead to.
fn treasure(scene: &Scene) -> std::path::PathBuf {
    scene.file("treasure/passwd", "root:x:0:0:stolen:/stolen:/bin/sh\n");
    scene.file("treasure/hosts", "stolen");
    scene.folder("treasure")
}

fn replace_by_link(at: &Path, to: &Path) {
    let _ = fs::remove_file(at);
    let _ = fs::remove_dir_all(at);
    symlink(to, at).unwrap();
}

#[test]
fn links_lead_nowhere_but_into_the_tree() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let treasure = treasure(&scene);
    replace_by_link(&tree.join("etc"), &treasure);
    let before = snapshot(&treasure);
    let up = Path::new("../../../../../../../../../../..").join(treasure.strip_prefix("/").unwrap());
    for etc in [treasure.as_path(), up.as_path()] {
        replace_by_link(&tree.join("etc"), etc);
        for mode in ["ro", "O", "rw"] {
            let said =
                scene.kakuri(["--rootfs", &format!("tree:{mode}"), "sh", "-c", "cat /etc/passwd; echo $HOME"]).output();
            if common::Output::err(&said).contains("Linux 6.6") {
                continue;
            }
            assert!(!said.text().contains("stolen"), "{mode}: {said}");
            assert!(said.text().contains("/root") || said.code() == 125, "{mode}: {said}");
            assert_eq!(snapshot(&treasure), before, "{mode}");
        }
    }
    // A destination through such a link lies in the tree too, or nowhere.
    scene.file("data", "data");
    for mode in ["ro", "O", "rw"] {
        let root = format!("tree:{mode}");
        let said = scene.kakuri(["--rootfs", &root, "--bind", "data:/etc/hosts", "cat", "/etc/hosts"]).output();
        assert!(said.code() != 0 || said.text() == "data", "{mode}: {said}");
        assert_eq!(snapshot(&treasure), before, "{mode}");
    }
}

#[test]
fn an_account_file_is_a_small_file_or_none() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let passwd = tree.join("etc/passwd");
    let treasure = treasure(&scene);
    let home = || scene.kakuri(["--rootfs", "tree:ro", "sh", "-c", "echo $HOME"]).output().ok().text();
    fs::write(&passwd, "root:x:0:0:r:/home/ada:/bin/sh\n").unwrap();
    assert_eq!(home(), "/home/ada");
    replace_by_link(&passwd, &treasure.join("passwd"));
    assert_eq!(home(), "/root");
    replace_by_link(&passwd, Path::new("/etc/passwd"));
    assert_eq!(home(), "/root");
    replace_by_link(&passwd, Path::new("/proc/self/environ"));
    assert_eq!(home(), "/root");
    fs::remove_file(&passwd).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&passwd).status().unwrap().success());
    assert_eq!(home(), "/root");
    fs::remove_file(&passwd).unwrap();
    let mut huge = b"root:x:0:0:r:/home/ada:/bin/sh\n".to_vec();
    huge.resize(2 << 20, b'\n');
    fs::write(&passwd, &huge).unwrap();
    assert_eq!(home(), "/root");
    for text in ["root:x:0:0", "root:x:0:0:r:relative:sh\n", "ro\x07ot:x:0:0:r:/a\0b:/bin/sh\n", ":x:0:0:::\n"] {
        fs::write(&passwd, text).unwrap();
        assert_eq!(home(), "/root", "{text:?}");
    }
    fs::remove_file(&passwd).unwrap();
    fs::create_dir(&passwd).unwrap();
    assert_eq!(home(), "/root");
}

#[test]
fn the_usual_mount_points_are_folders_or_it_is_no_root() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let treasure = treasure(&scene);
    for name in ["dev", "proc", "sys", "tmp", "run"] {
        for mode in ["ro", "O", "rw"] {
            replace_by_link(&tree.join(name), &treasure);
            let before = snapshot(&treasure);
            scene
                .kakuri(["--rootfs", &format!("tree:{mode}"), "true"])
                .output()
                .refused(125, &["'tree'", &format!("'{name}' in it is not a folder")]);
            assert_eq!(snapshot(&treasure), before);
            fs::remove_file(tree.join(name)).unwrap();
        }
    }
}

#[test]
fn a_link_planted_while_it_runs_carries_no_mount_out() {
    need!("busybox");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let treasure = treasure(&scene);
    let before = snapshot(&treasure);
    scene.file("data", "data");
    fs::create_dir_all(tree.join("srv/place")).unwrap();
    fs::write(tree.join("srv/place/hosts"), "theirs").unwrap();
    // One container with the folder itself swaps it for a link, again and again, while others are started on it.
    let link = treasure.to_str().unwrap().to_string();
    let swap = "while [ ! -e /stop ]; do mv /srv/place /srv/aside; ln -s $0 /srv/place; rm /srv/place; mv /srv/aside /srv/place; done";
    let swapper = scene.kakuri(["--rootfs", "tree:rw", "sh", "-c", swap, &link]).spawn();
    for _ in 0..common::rounds("KAKURI_SWAPS", 15) {
        let words = ["--rootfs", "tree:rw", "--bind", "data:/srv/place/hosts", "cat", "/srv/place/hosts"];
        let said = scene.kakuri(words).output();
        // Bound where it was meant, or, through the link, in the container's own /tmp; or refused.
        let fine = ["data", "theirs", ""].contains(&said.text().as_str());
        assert!(fine, "{said}");
        assert_eq!(snapshot(&treasure), before);
    }
    fs::write(tree.join("stop"), "").unwrap();
    common::Output::of(swapper).ok();
}
