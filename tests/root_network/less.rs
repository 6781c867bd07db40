//! How little root's processes may do once a container stands.

use std::fs;

use crate::common::{GONE, Output, Scene, until};
use crate::world;

/// A field of /proc/PID/status.
fn field(pid: i32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim().to_string()
}

#[track_caller]
fn holds(pid: i32, rights: &str, who: &str) {
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(field(pid, set).trim_start_matches('0'), rights, "{who}, {set}");
    }
    assert_eq!(field(pid, "CapInh").trim_start_matches('0'), "", "{who}");
    assert_eq!(field(pid, "NoNewPrivs"), "1", "{who}");
}

#[test]
fn none_of_them_keeps_what_it_does_not_need() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    world.start("one", &["-p", "127.0.0.1:8080:80"]);
    let helpers = world.helpers();
    let (janitors, minders): (Vec<_>, Vec<_>) =
        helpers.iter().partition(|(_, parent, _)| helpers.iter().any(|(pid, ..)| pid == parent));
    assert_eq!((minders.len(), janitors.len()), (1, 1), "{helpers:?}");
    holds(minders[0].0, "", "the minder");
    // CAP_NET_ADMIN.
    holds(janitors[0].0, "1000", "the janitor");
    // CAP_DAC_READ_SEARCH.
    holds(scene.supervisor("one"), "4", "the supervisor");
    // It is asked by root with all its rights, and clears up without them.
    assert_eq!(world.exec("one", "echo here"), "here");
    world.kakuri(&["stop", "--time", "0", "one"]).ok();
    assert!(world.helpers().is_empty());

    let child = world.spawn(&["--network", "bridge", "sh", "-c", "echo ready; sleep infinity"]);
    let pid = child.id() as i32;
    let stands = until(GONE, || field(pid, "NoNewPrivs") == "1");
    assert!(stands, "{}", fs::read_to_string(format!("/proc/{pid}/status")).unwrap());
    holds(pid, "", "the front");
    // SAFETY: integers only; a child of this test's.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    assert_eq!(Output::of(child).code(), 143);
}

#[test]
fn ports_below_1024_are_published_by_a_nat_too() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    for program in ["pasta", "slirp4netns"] {
        if !crate::common::have(program) {
            crate::common::skip(format_args!("root_network: {program} is not installed"));
            continue;
        }
        let script = "echo ready; sleep infinity";
        let words = ["run", "-d", "--rm", "--name", "web", "--network", program, "-p", "127.0.0.1:81:80"];
        world.kakuri(&[&words[..], &["sh", "-c", script]].concat()).ok();
        world.serve("web", &["80"]);
        assert_eq!(world.ask_host("tcp", "127.0.0.1", 81).split(' ').next(), Some("80"), "{program}");
        for (pid, _, title) in world.helpers() {
            if title.ends_with("[web nat]") {
                assert_eq!(field(pid, "CapPrm").trim_start_matches('0'), "", "{program}: {title}");
            }
        }
        world.kakuri(&["stop", "--time", "0", "web"]).ok();
    }
}
