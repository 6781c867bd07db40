//! What a payload can reach of the user's other containers: nothing, whatever was bound.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::Scene;
use crate::need;

fn at(path: &Path, inside: &str) -> String {
    format!("{}:{inside}:ro", path.display())
}

/// `yes` where the payload of `of` sees it.
fn sees(scene: &Scene, of: &str, path: &str) -> String {
    scene.shell(&format!("exec {of}"), &format!("test -e '{path}' && echo yes || echo no")).output().ok().text()
}

#[test]
fn the_runtime_folder_shows_no_socket_of_a_container_started_later() {
    let scene = Scene::new();
    scene.kakuri(["create", "--bind", &at(&scene.runtime(), "/seen"), "a"]).output().ok();
    assert!(!scene.runtime().join("kakuri").exists(), "as after each boot");
    fs::write(scene.runtime().join("other"), "").unwrap();
    scene.say("start -d a").output().ok();
    for name in ["a", "b"] {
        scene.kakuri(["create", name]).output();
        scene.say(&format!("start -d {name}")).output();
        assert!(scene.live(name).join("control.sock").exists());
        assert_eq!(sees(&scene, "a", &format!("/seen/kakuri/{name}")), "no");
    }
    assert_eq!(sees(&scene, "a", "/seen/other"), "yes", "the bind itself stands");
    scene.say("stop --time 0 a b").output().ok();
}

#[test]
fn a_temporary_container_covers_what_is_not_there_yet() {
    let scene = Scene::new();
    let (runtime, home) = (at(&scene.runtime(), "/seen"), at(&scene.home(), "/home-seen"));
    let binds = ["--bind", &runtime, "--bind", &home];
    scene.kakuri(["run"].iter().chain(&binds).chain(&["--explain", "true"])).output().ok();
    assert_eq!(fs::read_dir(scene.runtime()).unwrap().count(), 0, "a look makes nothing");
    assert_eq!(fs::read_dir(scene.home()).unwrap().count(), 0, "a look makes nothing");
    let mounts = scene.inside(&binds, "cut -d' ' -f5 /proc/self/mountinfo");
    for (made, covered) in [
        (scene.runtime().join("kakuri"), "/seen/kakuri"),
        (scene.home().join(".local/kakuri/containers"), "/home-seen/.local/kakuri/containers"),
        (scene.home().join(".local/kakuri/images"), "/home-seen/.local/kakuri/images"),
    ] {
        assert!(mounts.lines().any(|line| line == covered), "{covered}: {mounts}");
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o7777, 0o700, "{}", made.display());
    }
    // And once they are there.
    assert!(scene.inside(&binds, "cut -d' ' -f5 /proc/self/mountinfo").contains("/seen/kakuri"));
}

#[test]
fn without_a_runtime_folder_neither_tmp_nor_the_folder_above_the_containers_shows_a_socket() {
    let scene = Scene::new();
    let above = scene.home().join(".local");
    fs::create_dir(&above).unwrap();
    let binds = [at(&above, "/above"), at(Path::new("/tmp"), "/seen")];
    scene.kakuri(["create", "--bind", &binds[0], "--bind", &binds[1], "a"]).output().ok();
    scene.say("create b").output().ok();
    for name in ["a", "b"] {
        scene.say(&format!("start -d {name}")).env("XDG_RUNTIME_DIR", "").output().ok();
    }
    let containers = above.join("kakuri/containers");
    let live = fs::read_link(containers.join("b/run")).unwrap();
    assert!(live.join("control.sock").exists());
    let inside = |path: &Path| format!("/seen/{}", path.strip_prefix("/tmp").unwrap().display());
    assert_eq!(sees(&scene, "a", &inside(&scene.work())), "yes", "the bind itself stands");
    assert_eq!(sees(&scene, "a", &inside(&live)), "no");
    assert_eq!(sees(&scene, "a", "/above/kakuri"), "yes");
    assert_eq!(sees(&scene, "a", "/above/kakuri/containers/b"), "no");
    scene.say("stop --time 0 a b").output().ok();
}

#[test]
fn a_socket_a_payload_does_see_does_not_hear_it() {
    need!("perl");
    let scene = Scene::new();
    scene.say("create b").output().ok();
    scene.say("start -d b").output().ok();
    let script = r#"use Socket; chdir "/seen"; socket(S, AF_UNIX, 5, 0) or die; connect(S, sockaddr_un("control.sock")) or die "connect: $!";
        vec($r, fileno(S), 1) = 1; print select($r, undef, undef, 3) ? (sysread(S, $x, 4096) ? $x : "closed") : "waits""#;
    let said =
        scene.kakuri(["run", "--bind", &at(&scene.live("b"), "/seen"), "--", "perl", "-e", script]).output().ok();
    assert!(refused(&said.text()), "{said}");
    // The owner's own processes are heard, and only those.
    let outside = script.replace("/seen", scene.live("b").to_str().unwrap());
    assert_eq!(scene.program("perl").args(["-e", &outside]).output().ok().text(), "waits");
    assert_eq!(scene.say("exec b echo in").output().ok().text(), "in");
    // One that cannot be looked into is told by its pid namespace.
    let hide = format!("syscall({}, {}, 0, 0, 0, 0); chdir", libc::SYS_prctl, libc::PR_SET_DUMPABLE);
    let hidden = |script: &str| script.replacen("chdir", &hide, 1);
    assert_eq!(scene.program("perl").args(["-e", &hidden(&outside)]).output().ok().text(), "waits");
    let bind = at(&scene.live("b"), "/seen");
    let said = scene.kakuri(["run", "--bind", &bind, "--", "perl", "-e", &hidden(script)]).output().ok();
    assert!(refused(&said.text()), "{said}");
    scene.say("stop --time 0 b").output().ok();
}

/// Told that it is not heard, and nothing else.
fn refused(said: &str) -> bool {
    said.starts_with(r#"{"Failed":"#) && said.contains("does not hear this kakuri")
}
