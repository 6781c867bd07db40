//! What the configuration of an image says of its command: words, variables, folder, volumes, signal.

use std::time::Duration;

use serde_json::json;

use crate::common::{Scene, until};
use crate::layout::{Layout, base, one};
use crate::{forms, run, said};

/// docker's table of ENTRYPOINT and CMD.
#[test]
fn entrypoint_and_cmd() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let mut layout = Layout::new(&scene);
    let mut image = |tag: &str, entrypoint: &[&str], cmd: &[&str]| {
        layout.image(tag, [base.clone()], json!({ "Entrypoint": entrypoint, "Cmd": cmd }))
    };
    let (both, cmd, entry) = (
        image("both", &["/bin/echo", "entry"], &["cmd", "two words"]),
        image("cmd", &[], &["echo", "cmd"]),
        image("entry", &["echo", "entry"], &[]),
    );
    let none = image("none", &[], &[]);
    let table: [(&str, &[&str], &str); 12] = [
        (&both, &[], "entry cmd two words"),
        (&both, &["word"], "entry word"),
        (&both, &["--entrypoint", "echo"], ""),
        (&both, &["--entrypoint", "/bin/echo", "own"], "own"),
        (&both, &["--entrypoint", r#"["echo", "a b"]"#, "own"], "a b own"),
        (&both, &["--entrypoint", "", "echo", "bare"], "bare"),
        (&cmd, &[], "cmd"),
        (&cmd, &["echo", "own"], "own"),
        (&cmd, &["--entrypoint=echo"], ""),
        (&entry, &[], "entry"),
        (&entry, &["--", "-n"], "entry -n"),
        (&none, &["echo", "own"], "own"),
    ];
    for (image, words, text) in table {
        assert_eq!(said(&scene, "single", image, words), text, "{image} {words:?}");
    }
    // With neither it is the shell of the image's passwd.
    let shell = scene.kakuri(["run", "--image", &none]).input("echo $0 $SHELL").output().ok().text();
    assert_eq!(shell, "/bin/sh /bin/sh");
}

#[test]
fn later_layers_of_the_environment_win() {
    let scene = Scene::new();
    let env =
        ["PATH=/odd:/bin", "A=image", "B=image", "C=image", "D=image", "EMPTY=", "EQ=a=b", "=x", "NONE", "HOME=/h"];
    let Some(image) = one(&scene, json!({ "Env": env })) else { return };
    let file = scene.file("env", "C=file\nD=file\n");
    let output = scene
        .kakuri(["run", "--image", &image, "--env-host", "--env-file", file.to_str().unwrap(), "-e", "D=set", "env"])
        .env("B", "host")
        .env("C", "host")
        .output()
        .ok();
    let has = |setting: &str| output.text().lines().any(|line| line == setting);
    for setting in ["A=image", "B=host", "C=file", "D=set", "EMPTY=", "EQ=a=b", "PATH=/odd:/bin", "HOME=/h"] {
        assert!(has(setting), "{setting}: {output}");
    }
    assert!(!output.text().lines().any(|line| line.starts_with("NONE") || line.starts_with("=x")), "{output}");
    // Where it does not say which, PATH is the standard one.
    let plain = Layout::new(&scene).image("plain", [base().unwrap()], json!({}));
    let path = said(&scene, "single", &plain, &["sh", "-c", "echo $PATH"]);
    assert_eq!(path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

#[test]
fn the_folder_it_stands_in() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let base = base.folder("srv", 0o755).folder("srv/real", 0o755).link("srv/alias", "real").link("out", "/../srv");
    let mut layout = Layout::new(&scene);
    let table = [
        ("/srv/real", "/srv/real"),
        ("/srv/alias", "/srv/real"),
        ("/out/alias", "/srv/real"),
        ("srv", "/srv"),
        ("/not/there/yet", "/not/there/yet"),
        ("/srv/alias/new", "/srv/real/new"),
        ("/", "/"),
        ("", "/root"),
    ];
    for form in forms() {
        for (n, (typed, real)) in table.iter().enumerate() {
            let image = layout.image(&format!("w{n}"), [base.clone()], json!({ "WorkingDir": typed }));
            assert_eq!(said(&scene, form, &image, &["pwd", "-P"]), *real, "{form} {typed}");
            assert_eq!(said(&scene, form, &image, &["-w", "/tmp", "pwd"]), "/tmp", "{form} {typed}");
            assert_eq!(said(&scene, form, &image, &["-w", "/made/too", "pwd"]), "/made/too", "{form} {typed}");
        }
    }
    let image = layout.image("file", [base], json!({ "WorkingDir": "/etc/passwd/x" }));
    let refused = run(&scene, "single", &image, &["true"]);
    assert!(refused.code() != 0 && refused.err().contains("/etc/passwd"), "{refused}");
}

#[test]
fn volumes_and_what_is_read_only() {
    let scene = Scene::new();
    let volumes = json!({ "/vol": {}, "/bin": {}, "/proc/x": {}, "/": {}, "rel/ative": {}, "/etc/passwd/no": {} });
    let Some(image) = one(&scene, json!({ "Volumes": volumes })) else { return };
    for form in forms() {
        let script = "touch /vol/a /rel/ative/b /bin/c /new && ls -d /vol/a /rel/ative/b /bin/c /new";
        assert_eq!(said(&scene, form, &image, &["sh", "-c", script]), "/bin/c\n/new\n/rel/ative/b\n/vol/a", "{form}");
    }
    let plain = Layout::new(&scene).image("plain", [base().unwrap()], json!({ "Volumes": { "/vol": {} } }));
    for form in forms() {
        let script =
            "for f in /new /tmp/new /etc/new; do touch $f 2>&1 | grep -c Read-only; done; touch /vol/a && ls /vol";
        assert_eq!(said(&scene, form, &plain, &["--read-only", "sh", "-c", script]), "1\n1\n1\na", "{form}");
    }
    // What the user binds there takes its place.
    scene.file("mine/here", "");
    let bind = format!("{}:/vol", scene.work().join("mine").display());
    assert_eq!(said(&scene, "single", &plain, &["-v", &bind, "ls", "/vol"]), "here");
}

#[test]
fn the_signal_that_asks_it_to_end() {
    let scene = Scene::new();
    let script = "trap 'exit 7' USR1; trap 'exit 8' TERM; echo up; while :; do sleep 0.05; done";
    let config = json!({ "StopSignal": "SIGUSR1", "Cmd": ["sh", "-c", script] });
    let Some(image) = one(&scene, config) else { return };
    for (more, code) in [(vec![], "7"), (vec!["-s", "TERM"], "8")] {
        scene.kakuri(["run", "-d", "--name", "sig", "--image", &image]).output().ok();
        let up = || scene.kakuri(["logs", "sig"]).output().text() == "up";
        assert!(until(Duration::from_secs(20), up));
        scene.kakuri(["stop"].iter().chain(&more).chain(&["sig"])).output().ok();
        assert_eq!(scene.kakuri(["container", "wait", "sig"]).output().ok().text(), code);
        scene.kakuri(["remove", "sig"]).output().ok();
    }
}
