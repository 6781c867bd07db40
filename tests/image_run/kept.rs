//! Containers with a name: what they were made from, whatever becomes of its name, and what they keep over it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Scene, trace, until};
use crate::forms;
use crate::layout::{Layout, base, one};

#[test]
fn what_is_written_is_kept_and_the_image_is_not_touched() {
    let scene = Scene::new();
    let Some(image) = one(&scene, json!({ "User": "app", "Cmd": ["cat", "/home/app/note"] })) else { return };
    for form in forms() {
        let create = |name: &str| scene.kakuri(["create", "--userns", form, "--image", &image, name]).output().ok();
        let start = |name: &str, script: &str| scene.kakuri(["start", name, "sh", "-c", script]).output().ok().text();
        create("one");
        create("two");
        assert_eq!(start("one", "echo mine > ~/note; rm -r /tmp/../etc/group 2>/dev/null; id -u"), "1000", "{form}");
        assert_eq!(scene.kakuri(["start", "one"]).output().ok().text(), "mine", "{form}");
        assert_eq!(start("two", "ls ~"), "", "{form}");
        let root = |name: &str, script: &str| {
            scene.kakuri(["start", name, "-u", "0", "sh", "-c", script]).output().ok().text()
        };
        root("one", "rm -r /bin/ls /root; mkdir /root; touch /root/new");
        assert_eq!(root("one", "echo /bin/l* /root/*"), "/bin/ln /root/new", "{form}");
        assert_eq!(root("two", "echo /bin/l* /root/*"), "/bin/ln /bin/ls /root/*", "{form}");
        scene.kakuri(["remove", "one", "two"]).output().ok();
    }
}

#[test]
fn a_container_starts_from_what_it_was_made_from() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    let version = |n: &str| json!({ "Cmd": ["cat", "/version"], "Env": [format!("VERSION={n}")] });
    let image = layout.image("moving", [base.clone().file("version", "1")], version("1"));
    let kakuri = |args: &[&str]| scene.kakuri(args).output().ok().text();
    kakuri(&["create", "--image", &image, "old"]);
    layout.image("moving", [base.file("version", "2")], version("2"));
    kakuri(&["pull", "-q", &image]);
    assert_eq!(kakuri(&["run", "--image", &image]), "2");
    assert_eq!(kakuri(&["start", "old"]), "1");
    assert_eq!(kakuri(&["start", "old", "sh", "-c", "echo $VERSION"]), "1");
    // And with nothing to fetch from.
    layout.take_away();
    assert_eq!(kakuri(&["start", "old"]), "1");
    assert_eq!(kakuri(&["run", "--image", &image]), "2");
    assert_eq!(kakuri(&["exec", "old", "cat", "/version"]), "1");
    kakuri(&["start", "-d", "old", "sleep", "1000"]);
    kakuri(&["restart", "-t", "0", "old"]);
    let running = || kakuri(&["list"]).contains("running") || kakuri(&["list"]).contains("exited");
    assert!(running());
    let inspected: Value = serde_json::from_str(&kakuri(&["inspect", "old"])).unwrap();
    assert!(inspected[0]["image"]["id"].as_str().unwrap().starts_with("sha256:"), "{inspected}");
}

#[test]
fn others_enter_a_running_one() {
    let scene = Scene::new();
    let Some(image) = one(&scene, json!({ "User": "app", "Env": ["OF=image"], "WorkingDir": "/srv/x" })) else {
        return;
    };
    for form in forms() {
        let run = ["run", "-d", "--name", "busy", "--userns", form, "--image", &image, "sleep", "1000"];
        scene.kakuri(run).output().ok();
        let exec = |more: &[&str]| scene.kakuri(["exec"].iter().chain(more)).output().ok().text();
        assert_eq!(
            exec(&["busy", "sh", "-c", "id -u; pwd; echo $OF $HOME"]),
            "1000\n/srv/x\nimage /home/app",
            "{form}"
        );
        if form == "range" {
            assert_eq!(exec(&["-u", "lone", "busy", "id", "-u"]), "77");
        }
        let shell = scene.kakuri(["shell", "busy"]).input("echo $0 in $PWD").output().ok().text();
        assert!(shell.ends_with("in /srv/x") && shell.contains("sh"), "{form}: {shell}");
        // Out and in again.
        scene.kakuri(["container", "cp", "busy:/etc/passwd", "."]).output().ok();
        assert!(std::fs::read_to_string(scene.work().join("passwd")).unwrap().contains("lone"));
        scene.file("mine", "mine");
        scene.kakuri(["container", "cp", "mine", "busy:/tmp/mine"]).output().ok();
        assert_eq!(exec(&["busy", "cat", "/tmp/mine"]), "mine");
        std::fs::remove_file(scene.work().join("passwd")).unwrap();
        scene.kakuri(["remove", "-f", "busy"]).output().ok();
    }
}

#[test]
fn what_changed_is_told() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let layers = [base, crate::layout::Tar::new().folder("data", 0o755).file("data/a", "a").file("data/b", "b")];
    let image = Layout::new(&scene).image("changes", layers, json!({}));
    scene.kakuri(["create", "--userns", "single", "--image", &image, "changed"]).output().ok();
    let script = "echo more >> /data/a; rm /data/b /etc/group; mkdir /new; touch /new/x; rm -r /home; mkdir /home";
    scene.kakuri(["start", "changed", "sh", "-c", script]).output().ok();
    let text = scene.kakuri(["container", "diff", "changed"]).output().ok().text();
    for line in ["C /data/a", "D /data/b", "D /etc/group", "A /new", "A /new/x", "D /home/app"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    // What the container was given to mount on is none of its doing.
    assert!(!["/bin", "/dev", "/proc", "hosts", "resolv.conf"].iter().any(|own| text.contains(own)), "{text}");
    let patch = scene.kakuri(["changes", "--container", "changed", "--patch"]).output().ok().text();
    assert!(patch.contains("+amore") && patch.contains("\n-b\n"), "{patch}");
    // Nothing is carried over to an image.
    let commit = scene.kakuri(["commit", "--container", "changed", "/data/a"]).output();
    assert_eq!(commit.code(), 1, "{commit}");
    assert_eq!(scene.kakuri(["run", "--image", &image, "cat", "/data/a"]).output().ok().text(), "a");
}

#[test]
fn nothing_of_a_container_is_left() {
    let scene = Scene::alone();
    let Some(image) = one(&scene, json!({})) else { return };
    let once = |form: &str| {
        scene.kakuri(["run", "--userns", form, "--image", &image, "true"]).output().ok();
        scene
            .kakuri(["run", "-d", "--rm", "--name", "gone", "--userns", form, "--image", &image, "true"])
            .output()
            .ok();
        let gone = || !scene.kakuri(["list"]).output().text().contains("gone");
        assert!(until(Duration::from_secs(20), gone));
    };
    // The image stays, and is unpacked for each form of ids.
    forms().into_iter().for_each(once);
    let before = scene.before();
    forms().into_iter().for_each(once);
    before.nothing_left();
}

/// Before Linux 6.6 a tmpfs keeps no attributes of a user's, and so no layer.
#[test]
fn where_memory_is_no_layer_what_is_written_goes_to_disk_and_is_erased() {
    let scene = Scene::new();
    if !trace::usable(&scene, "image_run") {
        return;
    }
    let Some(image) = one(&scene, json!({})) else { return };
    scene.kakuri(["run", "--userns", "single", "--image", &image, "true"]).output().ok();
    let containers = scene.home().join(".local/kakuri/containers");
    let left = || std::fs::read_dir(&containers).map_or(0, |all| all.count());
    let script = "rm -r /bin/id /home; mkdir /home; echo new > /home/x; cat /home/x";
    let args = ["run", "--userns", "single", "--image", &image, "sh", "-c", script];
    let output = trace::inject(&scene, "fsetxattr:error=EOPNOTSUPP", &args).unwrap();
    assert_eq!((output.text().lines().next(), left()), (Some("new"), 0), "{output}");
    let named = ["run", "-d", "--rm", "--name", "old", "--userns", "single", "--image", &image, "sh", "-c", script];
    trace::inject(&scene, "fsetxattr:error=EOPNOTSUPP", &named).unwrap().ok();
    assert!(until(Duration::from_secs(20), || left() == 0), "{:?}", std::fs::read_dir(&containers));
    assert_eq!(
        scene.kakuri(["run", "--userns", "single", "--image", &image, "ls", "/home"]).output().ok().text(),
        "app"
    );
}
