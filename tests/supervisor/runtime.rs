//! The live folder: wiped by a reboot, wiped under a running container, or with no runtime folder to be in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::live::{lives, signal};
use crate::common::{GONE, HANG, Scene, until};

#[test]
fn after_a_reboot_all_are_stopped_and_can_be_started() {
    let scene = Scene::new();
    let names = ["a", "b", "c"];
    for name in names {
        scene.say(&format!("create {name}")).output().ok();
        scene.say(&format!("start -d {name} sleep 1000")).output().ok();
    }
    let supervisors = names.map(|name| scene.supervisor(name));
    supervisors.iter().for_each(|&pid| signal(pid, libc::SIGKILL));
    assert!(until(GONE, || !supervisors.iter().any(|&pid| lives(pid))));
    fs::remove_dir_all(scene.runtime().join("kakuri")).unwrap();
    for name in names {
        assert_eq!(scene.state(name), "dead");
        scene.say(&format!("start -d {name}")).output().ok();
        assert_eq!(scene.kakuri(["exec", name, "hostname"]).output().ok().text(), name);
        scene.say(&format!("stop {name}")).output().ok();
    }
}

#[test]
fn wiped_while_stopped() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start web true").output().ok();
    fs::remove_dir_all(scene.runtime().join("kakuri")).unwrap();
    assert_eq!(scene.state("web"), "exited");
    scene.say("start web true").output().ok();
}

#[test]
fn wiped_while_it_runs_it_is_found_again() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web sleep 1000").output().ok();
    for _ in 0..3 {
        let (supervisor, init) = (scene.supervisor("web"), scene.init("web"));
        wipe(&scene.runtime().join("kakuri"));
        assert_eq!(scene.say("exec web echo in").limit(HANG).output().ok().text(), "in");
        assert_eq!((scene.supervisor("web"), scene.init("web")), (supervisor, init));
        fs::remove_file(scene.live("web").join("control.sock")).unwrap();
        assert_eq!(scene.say("exec web echo in").limit(HANG).output().ok().text(), "in");
        assert!(until(HANG, || scene.live("web").join("state.json").exists()));
    }
    // The whole of it, as at the logout of its user: then it is in /tmp.
    wipe(&scene.runtime());
    assert_eq!(scene.say("exec web echo in").limit(HANG).output().ok().text(), "in");
    scene.say("stop web").output().ok();
    assert_eq!(scene.state("web"), "exited");
    fs::create_dir(scene.runtime()).unwrap();
}

/// At once: it is made anew as soon as something is missing.
fn wipe(folder: &Path) {
    let aside = folder.with_file_name("aside");
    fs::rename(folder, &aside).unwrap();
    fs::remove_dir_all(aside).unwrap();
}

fn in_tmp() -> Vec<String> {
    // SAFETY: always succeeds.
    let start = format!("kakuri-{}-", unsafe { libc::getuid() });
    fs::read_dir("/tmp")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(&start))
        .collect()
}

#[test]
fn without_a_runtime_folder_it_is_in_the_containers_own() {
    let scene = Scene::alone();
    let before = in_tmp();
    let own = scene.home().join(".local/kakuri/containers/web/live");
    scene.say("create web").output().ok();
    let open = scene.folder("open");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let file = scene.file("file", "");
    for runtime in [None, Some("/nosuch"), Some("relative"), open.to_str(), file.to_str(), Some("/proc")] {
        let say = |line: &str| match runtime {
            None => {
                let mut run = scene.say(line);
                run.command.env_remove("XDG_RUNTIME_DIR");
                run
            }
            Some(at) => scene.say(line).env("XDG_RUNTIME_DIR", at),
        };
        say("start -d web sleep 1000").output().ok();
        assert_eq!(in_tmp(), before, "a bind of /tmp would show it: {runtime:?}");
        assert!(own.join("control.sock").exists(), "{runtime:?}");
        // Found with another runtime folder, or none.
        assert_eq!(scene.say("exec web echo in").output().ok().text(), "in");
        assert_eq!(say("exec web echo in").output().ok().text(), "in");
        assert_eq!(scene.state("web"), "running");
        say("stop -t0 web").output().ok();
        assert!(!own.exists(), "{runtime:?}");
    }
    // What a killed one leaves there goes with the next start.
    let mut run = scene.say("start -d web sleep 1000");
    run.command.env_remove("XDG_RUNTIME_DIR");
    run.output().ok();
    let link = fs::read_link(scene.home().join(".local/kakuri/containers/web/run")).unwrap();
    let state = fs::read_to_string(link.join("state.json")).unwrap();
    let pid = state.split("\"supervisor\":").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    signal(pid.parse().unwrap(), libc::SIGKILL);
    assert!(until(GONE, || !lives(pid.parse().unwrap())));
    assert!(own.exists());
    scene.say("start web true").output().ok();
    assert!(!own.exists() && in_tmp() == before);
}

#[test]
fn two_stores_may_have_one_name() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web sleep 1000").output().ok();
    let file = scene.file("config.toml", format!("[storage]\ncontainers_dir = \"{}/other\"\n", scene.home().display()));
    let other = |line: &str| scene.say(line).env("KAKURI_CONFIG", &file);
    other("create web").output().ok();
    other("start -d web sleep 1000").output().ok();
    other("exec web sh -c true").output().ok();
    other("stop -t0 web").output().ok();
    assert_eq!(scene.state("web"), "running");
    // The first is killed, the second takes the place of its live folder: who enters the first is not led there.
    signal(scene.supervisor("web"), libc::SIGKILL);
    scene.soon("web", "dead");
    other("start -d web sleep 1000").output().ok();
    assert_eq!(scene.state("web"), "dead");
    let mut names = scene.say("exec web sh -c true").output();
    names.stdout.clear();
    names.ok();
    other("stop -t0 web").output().ok();
    scene.say("remove -f web").output().ok();
}
