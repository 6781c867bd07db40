//! Whose files are whose in a container that root has started: by their numbers, on disk and inside.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::common::oci::{Oci, busybox};
use crate::common::{Scene, until};
use crate::root;

/// A root filesystem of busybox's, with a file that is root's alone and a user's folder.
pub fn tree(scene: &Scene) -> PathBuf {
    let tree = scene.folder("tree");
    for folder in ["bin", "etc", "root", "tmp", "proc", "sys", "dev", "run", "home/app"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    for name in ["sh", "cat", "ls", "id", "stat", "touch", "chown", "rm", "sleep", "true", "mkdir"] {
        std::os::unix::fs::symlink("busybox", tree.join("bin").join(name)).unwrap();
    }
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:70:70::/home/app:/bin/sh\n").unwrap();
    fs::write(tree.join("etc/group"), "root:x:0:\napp:x:70:\n").unwrap();
    fs::write(tree.join("root/secret"), "secret").unwrap();
    for (path, mode) in [("root", 0o700), ("root/secret", 0o600), ("home/app", 0o700)] {
        fs::set_permissions(tree.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    chown(tree.join("home/app"), Some(70), Some(70)).unwrap();
    tree
}

fn owner(path: impl AsRef<Path>) -> (u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid())
}

/// A folder with a file of root's and one of a user's, both closed.
fn mixed(scene: &Scene) -> PathBuf {
    let folder = scene.folder("mixed");
    for (name, uid) in [("roots", 0), ("users", 1000)] {
        fs::write(folder.join(name), name).unwrap();
        chown(folder.join(name), Some(uid), Some(uid)).unwrap();
        fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o600)).unwrap();
    }
    folder
}

#[test]
fn a_bind_shows_owners_by_their_numbers() {
    if !root("a_bind_shows_owners_by_their_numbers") {
        return;
    }
    let scene = Scene::new();
    let folder = mixed(&scene);
    let bind = format!("{}:/work", folder.display());
    let script = "stat -c '%n %u:%g' /work/*; cat /work/roots; echo; echo x >/work/new; touch /work/theirs; chown 33:34 /work/theirs";
    let said = scene.inside(&["--bind", &bind], script);
    assert_eq!(said, "/work/roots 0:0\n/work/users 1000:1000\nroots");
    assert_eq!((owner(folder.join("new")), owner(folder.join("theirs"))), ((0, 0), (33, 34)));
    // Another user of the container is that user, and no other.
    let as_user =
        ["--bind", &bind, "-u", "1000:1000", "sh", "-c", "cat /work/users; cat /work/roots 2>/dev/null; exit 0"];
    assert_eq!(scene.kakuri(as_user).output().ok().text(), "users");
    let read_only = format!("{bind}:ro");
    assert_eq!(
        scene.inside(&["--bind", &read_only], "cat /work/roots; touch /work/roots 2>/dev/null || echo ' ro'"),
        "roots ro"
    );
    let file = format!("{}:/one", folder.join("roots").display());
    assert_eq!(scene.inside(&["--bind", &file], "cat /one; stat -c ' %u' /one"), "roots 0");
}

#[test]
fn a_copy_of_a_folder_is_committed_with_its_owners() {
    if !root("a_copy_of_a_folder_is_committed_with_its_owners") {
        return;
    }
    let scene = Scene::new();
    let folder = mixed(&scene);
    let kakuri = |words: &[&str]| scene.kakuri(words).dir(&folder).output();
    kakuri(&["try", "--", "sh", "-c", "echo more >>roots; echo x >new; rm users"]).ok();
    assert_eq!(fs::read_to_string(folder.join("roots")).unwrap(), "roots");
    let said = kakuri(&["changes"]).ok().text();
    for word in ["modified", "roots", "added", "new", "deleted", "users"] {
        assert!(said.contains(word), "{said}");
    }
    kakuri(&["commit"]).ok();
    assert_eq!(fs::read_to_string(folder.join("roots")).unwrap(), "rootsmore\n");
    assert_eq!((owner(folder.join("roots")), owner(folder.join("new"))), ((0, 0), (0, 0)));
    assert!(!folder.join("users").exists());
    kakuri(&["commit", "--undo"]).ok();
    assert_eq!(
        (fs::read_to_string(folder.join("roots")).unwrap(), owner(folder.join("users"))),
        ("roots".into(), (1000, 1000))
    );
}

#[test]
fn a_folder_as_the_root() {
    if !root("a_folder_as_the_root") {
        return;
    }
    crate::need!("busybox");
    let scene = Scene::new();
    let tree = tree(&scene);
    let inside = |mode: &str, script: &str| {
        let rootfs = format!("{}:{mode}", tree.display());
        scene.kakuri(["--rootfs", &rootfs, "sh", "-c", script]).output()
    };
    for mode in ["O", "ro", "rw"] {
        let said = inside(mode, "id -u; cat /root/secret; stat -c ' %u' /home/app /bin/busybox");
        assert_eq!(said.ok().text(), "0\nsecret 70\n 0", "{mode}");
    }
    assert_eq!(inside("O", "touch /etc/new; stat -c %u /etc/new").ok().text(), "0");
    assert!(!tree.join("etc/new").exists());
    inside("rw", "touch /etc/new; chown 70 /etc/new").ok();
    assert_eq!(owner(tree.join("etc/new")), (70, 0));
    let rootfs = format!("{}:O", tree.display());
    let said =
        scene.kakuri(["--rootfs", &rootfs, "-u", "app", "sh", "-c", "id -un; cd && touch mine && stat -c %u mine"]);
    assert_eq!(said.output().ok().text(), "app\n70");
}

#[test]
fn an_image_keeps_the_numbers_of_its_files() {
    if !root("an_image_keeps_the_numbers_of_its_files") {
        return;
    }
    crate::need!("busybox");
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.folder("images"));
    oci.put("box", &[busybox()], &json!({}));
    let image = oci.name("box");
    let script = "id -u; cat /proc/self/uid_map; ls -ldn /root";
    let said = scene.kakuri(["--image", &image, "sh", "-c", script]).output().ok().text();
    assert!(said.starts_with("0\n") && said.contains("65536") && said.contains("drwx------"), "{said}");
    scene.kakuri(["create", "--image", &image, "box"]).output().ok();
    let script = "busybox mkdir -m 700 /root/closed && echo x >/root/closed/file && busybox chown -R 33 /root/closed";
    scene.kakuri(["start", "box", "/bin/sh", "-c", script]).output().ok();
    let containers = scene.home().join(".local/kakuri/containers");
    let layer = containers.join("box/root/upper/root/closed");
    assert_eq!(owner(&layer), (33, 0));
    let said = scene.kakuri(["changes", "--container", "box"]).output().ok().text();
    assert!(said.contains("/root/closed/file"), "{said}");
    // Nothing is in the way of its end, nor of that of one which keeps nothing.
    scene.kakuri(["remove", "-f", "box"]).output().ok();
    let count = || fs::read_dir(&containers).unwrap().count();
    assert_eq!(count(), 0);
    scene.kakuri(["run", "--rm", "--name", "gone", "--image", &image, "/bin/sh", "-c", script]).output().ok();
    scene.kakuri(["run", "--rm", "--name", "other", "--image", &image, "/bin/true"]).output().ok();
    assert!(
        until(crate::common::GONE, || count() == 0),
        "{:?}",
        fs::read_dir(&containers).unwrap().collect::<Vec<_>>()
    );
    scene.kakuri(["image", "rm", &image]).output().ok();
    let saved = scene.home().join(".local/kakuri/images/layers/numbers");
    assert_eq!(fs::read_dir(saved).unwrap().count(), 0);
}

#[test]
fn a_container_with_a_name_keeps_copies_and_logs() {
    if !root("a_container_with_a_name_keeps_copies_and_logs") {
        return;
    }
    let scene = Scene::new();
    let folder = mixed(&scene);
    let kakuri = |words: &[&str]| scene.kakuri(words).output();
    kakuri(&["create", "web"]).ok();
    let script = "echo out >/dev/stdout; echo err >/dev/stderr; echo x >~/kept; chown 33 ~/kept; exec sleep 98765";
    kakuri(&["start", "-d", "web", "sh", "-c", script]).ok();
    let said = || {
        let output = kakuri(&["logs", "web"]);
        output.text() + &output.err()
    };
    assert!(until(crate::common::GONE, || said().contains("out") && said().contains("err")), "{}", said());
    let secret = folder.join("roots");
    kakuri(&["container", "cp", &secret.display().to_string(), "web:/root/secret"]).ok();
    let inside = "stat -c '%u %a' /root/secret; cat /root/secret";
    assert_eq!(kakuri(&["exec", "web", "sh", "-c", inside]).ok().text(), "0 600\nroots");
    let packed = kakuri(&["container", "cp", "web:/root/secret", "-"]).ok();
    assert_eq!(&packed.stdout[108..115], b"0000000");
    let back = folder.join("back");
    kakuri(&["container", "cp", "web:/root/secret", &back.display().to_string()]).ok();
    assert_eq!((owner(&back), fs::read_to_string(&back).unwrap()), ((0, 0), "roots".into()));
    assert_eq!(kakuri(&["exec", "-w", "/", "-u", "1000:1000", "web", "id", "-u"]).ok().text(), "1000");
    assert_eq!(kakuri(&["exec", "web", "sh", "-c", "echo by name >/dev/stdout"]).ok().text(), "by name");
    let home = kakuri(&["exec", "web", "sh", "-c", "echo ~"]).ok().text();
    kakuri(&["stop", "-t", "0", "web"]).ok();
    let kept = scene.home().join(".local/kakuri/containers/web/root").join(home.trim_start_matches('/')).join("kept");
    assert_eq!(owner(&kept), (33, 0));
    let seen = kakuri(&["start", "web", "sh", "-c", "stat -c %u ~/kept"]).ok().text();
    assert_eq!(seen, "33");
    kakuri(&["remove", "web"]).ok();
}

/// In the network of another: it has ids of its own all the same.
#[test]
fn a_guest_in_anothers_network() {
    if !root("a_guest_in_anothers_network") {
        return;
    }
    let scene = Scene::new();
    scene.kakuri(["run", "-d", "--rm", "--name", "owner", "sleep", "98765"]).output().ok();
    let net = |words: &[&str]| scene.kakuri(words).output().ok().text();
    let its = net(&["exec", "owner", "readlink", "/proc/self/ns/net"]);
    let script = "readlink /proc/self/ns/net; cat /proc/self/uid_map";
    let said = net(&["--network", "container:owner", "sh", "-c", script]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], its);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["0", "1", "65536"]);
    scene.kakuri(["stop", "-t", "0", "owner"]).output().ok();
}

#[test]
fn a_terminal_is_the_commands_own() {
    if !root("a_terminal_is_the_commands_own") {
        return;
    }
    let scene = Scene::new();
    for user in ["0:0", "1000:1000"] {
        let said =
            scene.kakuri(["-t", "-u", user, "sh", "-c", "stat -c %u $(tty) && echo hello >$(tty)"]).output().ok();
        let shown = said.text().replace('\r', "");
        let uid = user.split(':').next().unwrap();
        assert_eq!(shown, format!("{uid}\nhello"), "{said}");
    }
}
