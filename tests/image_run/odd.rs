//! Images that were made to trouble whoever looks into them, and large ones.

use serde_json::json;

use crate::common::Scene;
use crate::layout::{Layout, Tar, base};
use crate::{forms, run, said};

/// What lies there over a whole passwd.
fn passwds() -> Vec<(&'static str, Tar)> {
    let gone = || Tar::new().file("etc/.wh.passwd", "").file("etc/.wh.group", "");
    let huge = "huge:x:1:1::/:/bin/sh\n".repeat(100_000);
    assert!(huge.len() > 2 << 20);
    vec![
        ("gone", gone()),
        ("fifo", Tar::new().fifo("etc/passwd").fifo("etc/group")),
        ("link", Tar::new().link("etc/passwd", "/../../../etc/shadow").link("etc/group", "/proc/self/environ")),
        ("loop", Tar::new().link("etc/passwd", "passwd").link("etc/group", "../etc/group")),
        ("folder", Tar::new().folder("etc/passwd", 0o755).folder("etc/group", 0o755)),
        ("huge", Tar::new().file("etc/passwd", &huge).file("etc/group", &huge)),
        ("closed", Tar::new().entry("etc/passwd", b'0', 0, (9, 9), "", b"app:x:1000:1001::/:/bin/sh\n")),
        ("garbage", Tar::new().file("etc/passwd", [0, 255, b':', b'\n'].repeat(1000)).file("etc/group", ":::\n:")),
    ]
}

#[test]
fn every_passwd_there_could_be() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    for (n, (name, layer)) in passwds().into_iter().enumerate() {
        let all = || [base.clone(), layer.clone()];
        let image = layout.image(&format!("number{n}"), all(), json!({ "User": "1000:1001" }));
        let named = layout.image(&format!("name{n}"), all(), json!({ "User": "app" }));
        for form in forms() {
            // A program that reads the file itself would wait for a pipe's other end.
            let ids = said(&scene, form, &image, &["grep", "[UG]id:", "/proc/self/status"]);
            let ids: Vec<&str> = ids.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
            assert_eq!(ids, ["1000", "1001"], "{form} {name}");
            let refused = run(&scene, form, &named, &["true"]);
            // A link is followed inside, where nothing of the host's is.
            assert_eq!(refused.code(), 125, "{form} {name}: {refused}");
            assert!(refused.err().contains("no user 'app'"), "{form} {name}: {refused}");
        }
    }
}

#[test]
fn names_that_are_followed_stay_inside() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let base = base
        .link("etc/hosts", "/../../etc/hosts-of-the-image")
        .link("etc/resolv.conf", "../run/some/where/resolv.conf")
        .folder("etc/hostname", 0o755);
    let image = Layout::new(&scene).image("links", [base], json!({}));
    for form in forms() {
        let script = "cat /etc/hosts-of-the-image | grep -c localhost; ls -d /run/some/where/resolv.conf /etc/hostname";
        let text = said(&scene, form, &image, &["sh", "-c", script]);
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            ["/etc/hostname", "/run/some/where/resolv.conf"],
            "{text}"
        );
        assert_ne!(text.lines().next(), Some("0"), "{text}");
    }
}

#[test]
fn what_stands_where_a_mount_goes_is_refused() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    for (tag, layer) in [("link", Tar::new().link("proc", "/tmp")), ("file", Tar::new().file("dev", "x"))] {
        let image = layout.image(tag, [base.clone(), layer], json!({}));
        let refused = run(&scene, "single", &image, &["true"]);
        assert_eq!(refused.code(), 125, "{refused}");
        assert!(refused.err().contains("is not a folder"), "{refused}");
    }
    let image = layout.image("empty", [], json!({}));
    let refused = run(&scene, "single", &image, &["true"]);
    assert!(refused.code() == 125 && refused.err().contains("layer"), "{refused}");
}

#[test]
fn an_image_of_one_program() {
    let scene = Scene::new();
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"].iter().find_map(|path| std::fs::read(path).ok()) else {
        return;
    };
    let tar = Tar::new().program("busybox", busybox);
    let image = Layout::new(&scene).image("scratch", [tar], json!({ "Entrypoint": ["/busybox"], "Cmd": ["ls", "/"] }));
    for form in forms() {
        let text = said(&scene, form, &image, &[]);
        assert_eq!(text.lines().collect::<Vec<_>>(), ["busybox", "dev", "etc", "proc", "run", "sys", "tmp"], "{form}");
        assert_eq!(said(&scene, form, &image, &["stat", "-c", "%a %u", "/tmp"]), "1777 0", "{form}");
    }
}

#[test]
fn two_hundred_layers() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layers = vec![base];
    for n in 1..200 {
        let tar = Tar::new().file("last", n.to_string()).file(&format!("of-{n}"), "");
        // Each takes away what came three before it, and what is asked for the user comes from somewhere in between.
        let tar = if n > 3 { tar.file(&format!(".wh.of-{}", n - 3), "") } else { tar };
        layers.push(if n == 100 { tar.file("etc/passwd", "deep:x:5:6::/deep:/bin/sh\n") } else { tar });
    }
    let image = Layout::new(&scene).image("many", layers, json!({ "User": "deep" }));
    for form in forms() {
        let text = said(&scene, form, &image, &["sh", "-c", "cat /last; echo; echo /of-*; id -u"]);
        assert_eq!(text, "199\n/of-197 /of-198 /of-199\n5", "{form}");
    }
}
