//! Rules for files: of the first command, of later ones, on the host's programs and on a root of its own.

use std::fs;
use std::os::unix::fs::symlink;

use super::{at_least, refused};
use crate::common::{KAKURI, Scene, sub_ids};
use crate::need;

/// What is done, and says so where it works.
const ACTS: &str = "
    cat /ro/file >/dev/null 2>&1 && echo read ro
    ls /rw >/dev/null 2>&1 && echo list rw
    ls /other >/dev/null 2>&1 && echo list other
    cat /other/file >/dev/null 2>&1 && echo read other
    (echo x >>/ro/file) 2>/dev/null && echo wrote ro
    (echo x >>/other/file) 2>/dev/null && echo wrote other
    (echo x >/rw/new && mkdir /rw/d && mv /rw/new /rw/d/new && rm -r /rw/d) 2>/dev/null && echo wrote rw
    mv /rw/old /other/old 2>/dev/null && echo moved out
    ln -s /other/file /rw/soft && cat /rw/soft 2>/dev/null && echo by a link
    cat /proc/self/root/other/file 2>/dev/null && echo by /proc
    /rw/program 2>/dev/null && echo ran rw
    rm -f /rw/soft; exit 0";

/// Binds of what is acted upon.
fn binds(scene: &Scene) -> Vec<String> {
    for folder in ["ro", "rw", "other"] {
        scene.file(&format!("{folder}/file"), "text\n");
    }
    scene.file("rw/old", "");
    scene.script("rw/program", "#!/bin/sh\nexit 0\n");
    ["ro", "rw", "other"].iter().flat_map(|at| ["--bind".to_string(), format!("./{at}:/{at}")]).collect()
}

const HELD: &str = "read ro\nlist rw\nwrote rw";

#[test]
fn only_what_the_rules_name() {
    if !at_least(3, "files") {
        return;
    }
    let scene = Scene::new();
    let binds = binds(&scene);
    let rules = |ro: &'static str, rw: &'static str, rx: &'static str| {
        [ro, "/ro", rw, "/rw:/dev/null", rx, "/usr:/bin:/lib:/lib64", ro, "/etc/ld.so.cache"].map(String::from)
    };
    let ours = rules("--landlock-ro", "--landlock-rw", "--landlock-rx");
    // hakoniwa's words mean the same.
    for rules in [ours.clone(), rules("--landlock-fs-ro", "--landlock-fs-rw", "--landlock-fs-rx")] {
        let words = [&binds[..], &rules, &["--", "sh", "-c", ACTS].map(String::from)].concat();
        assert_eq!(scene.kakuri(words).output().ok().text(), HELD);
    }
    // Of a later command, and of a container that is kept.
    let create = [&["create".to_string()][..], &binds, &ours, &["box".to_string()]].concat();
    scene.program(KAKURI).args(create).output().ok();
    for verb in ["start", "exec"] {
        assert_eq!(scene.program(KAKURI).args([verb, "box", "sh", "-c", ACTS]).output().ok().text(), HELD, "{verb}");
    }
    scene.program(KAKURI).args(["start", "-d", "box"]).output().ok();
    for _ in 0..2 {
        assert_eq!(scene.program(KAKURI).args(["exec", "box", "sh", "-c", ACTS]).output().ok().text(), HELD);
    }
    scene.program(KAKURI).args(["remove", "-f", "box"]).output().ok();
    // Without rules all of it is done, so that the rules are what held it.
    let words = [&binds[..], &["--", "sh", "-c", ACTS].map(String::from)].concat();
    let said = scene.kakuri(words).output().ok().text();
    for act in ["list other", "read other", "wrote ro", "wrote other", "moved out", "by a link", "by /proc", "ran rw"] {
        assert!(said.lines().any(|line| line == act), "{act}: {said}");
    }
}

/// A rule means what lay there before anything ran: no command turns it elsewhere for a later one.
#[test]
fn no_command_widens_the_rules_of_a_later_one() {
    if !at_least(3, "files") {
        return;
    }
    let scene = Scene::new();
    let run =
        ["run", "-d", "--name", "web", "--landlock-rx", "/usr:/bin:/lib:/lib64:/proc", "--landlock-rw", "/tmp:/dev"];
    let run = [&run[..], &["--tmpfs", "/tmp/out", "--landlock-rw", "/tmp/out", "sleep", "1000"]].concat();
    scene.program(KAKURI).args(run).output().ok();
    let shell = |script: &str| scene.program(KAKURI).args(["exec", "web", "sh", "-c", script]).output();
    // The mount point itself stays; what is beside it is turned round.
    shell("mkdir /tmp/a; rm -rf /tmp/a; ln -s / /tmp/a; ln -s / /tmp/out/a; rm -rf /dev/shm/x; ln -s / /dev/shm/x")
        .ok();
    assert_eq!(shell("(echo x >/var/broken) 2>/dev/null || echo held").ok().text(), "held");
    assert_eq!(shell("cat /tmp/a/etc/passwd 2>/dev/null || echo held").ok().text(), "held");
    scene.program(KAKURI).args(["remove", "-f", "web"]).output().ok();
}

/// What a container keeps, it may have laid out: a link there decides nothing.
#[test]
fn a_link_it_left_behind_is_no_rule() {
    if !at_least(1, "files") {
        return;
    }
    let scene = Scene::new();
    scene.program(KAKURI).args(["create", "box"]).output().ok();
    scene.program(KAKURI).args(["start", "box", "sh", "-c", "ln -s / ~/out; mkdir ~/well"]).output().ok();
    let start = |rule: &str| {
        let words = ["start", "box", "--landlock-rx", "/usr:/bin:/lib:/lib64", "--landlock-rw", rule, "true"];
        scene.program(KAKURI).args(words).output()
    };
    refused(start("~/out"), 125, &["'~/out'", "leads out", "name what it leads to"]);
    start("~/well").ok();
}

#[test]
fn what_cannot_be_run_is_told_with_the_rule_it_lacks() {
    if !at_least(1, "files") {
        return;
    }
    let scene = Scene::new();
    scene.script("tool", "#!/bin/sh\necho ran\n");
    refused(
        scene.say("--landlock-restrict fs ls").output(),
        126,
        &["'ls'", "no Landlock rule", "/bin/ls'", "--landlock-rx"],
    );
    // Its loader is another file.
    let loader = scene.say("--landlock-rx /usr/bin:/bin --landlock-ro / ls").output();
    refused(loader, 126, &["ld-", "no Landlock rule", "--landlock-rx"]);
    // A script, whose interpreter no rule names.
    let script = scene.say("--bind ./tool:/tool --landlock-rx /tool --landlock-ro / /tool").output();
    refused(script, 126, &["'/tool'", "sh' be executed"]);
    refused(scene.say("--landlock-rx /no/such true").output(), 125, &["'/no/such'", "none in the container"]);
    assert_eq!(scene.say("--bind ./tool:/tool --landlock-rx / /tool").output().ok().text(), "ran");
    // A later command hears the same.
    scene
        .program(KAKURI)
        .args([
            "run",
            "-d",
            "--name",
            "web",
            "--landlock-rx",
            "/usr/bin/sleep:/bin/sleep:/lib:/lib64:/usr/lib:/usr/lib64",
            "--landlock-ro",
            "/",
            "sleep",
            "1000",
        ])
        .output()
        .ok();
    refused(scene.program(KAKURI).args(["exec", "web", "ls"]).output(), 126, &["'ls'", "no Landlock rule"]);
    scene.program(KAKURI).args(["remove", "-f", "web"]).output().ok();
}

#[test]
fn on_a_root_of_its_own() {
    need!("busybox");
    if !at_least(3, "files") {
        return;
    }
    let scene = Scene::new();
    let tree = scene.folder("tree");
    for folder in ["bin", "dev", "proc", "sys", "tmp", "run", "etc", "secret"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    symlink("busybox", tree.join("bin/sh")).unwrap();
    // By a link of the root's own, which ends inside it.
    symlink("/bin", tree.join("programs")).unwrap();
    fs::write(tree.join("secret/file"), "secret\n").unwrap();
    let script = "busybox cat /secret/file || echo held; (echo x >/tmp/x) && echo wrote";
    let words = ["--rootfs", "tree:ro", "--landlock-rx", "/programs", "--landlock-rw", "/tmp", "sh", "-c", script];
    assert_eq!(scene.kakuri(words).output().ok().text(), "held\nwrote");
}

/// A folder that only another user of the container may enter can be named all the same.
#[test]
fn with_a_range_of_ids() {
    if sub_ids("landlock: with_a_range_of_ids").is_none() || !at_least(3, "files") {
        return;
    }
    let scene = Scene::new();
    let start = [
        "run",
        "-d",
        "--name",
        "many",
        "--userns",
        "range",
        "--landlock-rx",
        "/",
        "--landlock-rw",
        "/tmp:/dev",
        "sleep",
        "1000",
    ];
    scene.program(KAKURI).args(start).output().ok();
    let script = "echo x >/tmp/x && (echo x >/var/tmp/x) 2>/dev/null || echo held";
    for user in ["0", "1000"] {
        let said =
            scene.program(KAKURI).args(["exec", "-u", user, "-w", "/", "many", "sh", "-c", script]).output().ok();
        assert_eq!(said.text(), "held", "{user}: {said}");
        scene.program(KAKURI).args(["exec", "many", "rm", "-f", "/tmp/x"]).output().ok();
    }
    scene.program(KAKURI).args(["remove", "-f", "many"]).output().ok();
}
