//! Nothing of a bridge is left, whatever it ends by.

use crate::common::{GONE, KAKURI, Scene, until};
use crate::world;
use crate::world::World;

fn kill(pid: i32) {
    // SAFETY: integers only; the process was seen a moment ago and is one of this test's.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// Who minds the container, and who clears up after that one.
fn pair(world: &World, name: &str) -> (i32, i32) {
    let title = format!("kakuri-netns [{name} bridge]");
    let helpers: Vec<_> = world.helpers().into_iter().filter(|(_, _, t)| *t == title).collect();
    let minder = helpers.iter().find(|(_, parent, _)| !helpers.iter().any(|(pid, ..)| pid == parent));
    let minder = minder.unwrap_or_else(|| panic!("{helpers:?}")).0;
    let janitor = helpers.iter().find(|(_, parent, _)| *parent == minder).unwrap_or_else(|| panic!("{helpers:?}")).0;
    (minder, janitor)
}

#[track_caller]
fn soon(world: &World, wanted: &str, when: &str) {
    let mut state = String::new();
    let same = until(GONE, || {
        state = world.state();
        state == wanted
    });
    assert!(same, "{when}: {state}\n--- instead of\n{wanted}");
}

#[test]
fn after_a_stop_all_is_as_it_was_at_once() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let before = world.state();
    world.start("one", &["-p", "0.0.0.0:8080:80"]);
    let with_one = world.state();
    for word in ["kakuri0", "vk2-", "masquerade", "dnat", "leases: some", "flags owner"] {
        assert!(with_one.contains(word), "'{word}' in {with_one}");
    }
    world.start("two", &[]);
    world.kakuri(&["stop", "--time", "0", "two"]).ok();
    assert_eq!(world.state(), with_one);
    world.kakuri(&["stop", "--time", "0", "one"]).ok();
    assert_eq!(world.state(), before);
    // And of a temporary one, whose command just ends.
    world.kakuri(&["--network", "bridge", "true"]).ok();
    assert_eq!(world.state(), before);
}

#[test]
fn after_a_kill_of_either_or_both_nothing_stays() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let before = world.state();
    for (round, what) in ["minder", "front", "both", "front first"].into_iter().enumerate() {
        let name = format!("one{round}");
        world.start(&name, &["-p", "0.0.0.0:8080:80"]);
        let (minder, _) = pair(&world, &name);
        let front = scene.supervisor(&name);
        match what {
            "minder" => kill(minder),
            "front" => kill(front),
            "both" => [minder, front].into_iter().for_each(kill),
            _ => [front, minder].into_iter().for_each(kill),
        }
        soon(&world, &before, what);
        let ended = until(GONE, || scene.state(&name) != "running");
        assert!(ended, "{what}: the container goes on");
    }
}

#[test]
fn the_end_of_who_minds_it_is_told() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let script = "echo here; sleep infinity";
    let child = world.spawn(&["--network", "bridge", "--hostname", "web", "sh", "-c", script]);
    let there = until(GONE, || world.helpers().len() == 2);
    assert!(there, "{:?}", world.helpers());
    let helpers = world.helpers();
    let minder = helpers.iter().find(|(_, parent, _)| !helpers.iter().any(|(pid, ..)| pid == parent)).unwrap().0;
    // Not before the container stands: until then it is another story that is told.
    let stands = until(GONE, || world.host(&["nft", "list", "ruleset"]).contains("masquerade"));
    assert!(stands);
    kill(minder);
    let said = crate::common::Output::of(child);
    assert_eq!(said.code(), 125, "{said}");
    assert!(said.err().contains("signal 9"), "{said}");
}

#[test]
fn what_a_kill_of_everything_leaves_the_next_start_sweeps() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let before = world.state();
    world.start("one", &["-p", "0.0.0.0:8080:80"]);
    let (minder, janitor) = pair(&world, "one");
    // Nobody is left who could clear up.
    for pid in [janitor, minder, scene.supervisor("one")] {
        kill(pid);
    }
    let dead =
        until(GONE, || world.helpers().is_empty() && !world.host(&["nft", "list", "ruleset"]).contains("kakuri"));
    assert!(dead, "{}", world.state());
    assert!(world.state().contains("kakuri0"), "a bridge nobody could remove: {}", world.state());
    // The next has the same address, and takes the rest along at its end.
    world.start("two", &[]);
    assert_eq!(world.address("two"), "10.213.0.2");
    world.kakuri(&["stop", "--time", "0", "two"]).ok();
    assert_eq!(world.state(), before);
}

/// One with a /run of its own knows of no lease of ours.
#[test]
fn another_kakuri_in_the_same_network_leaves_ours_alone() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    world.start("one", &[]);
    let before = world.state();
    let apart = |script: &str| {
        let script = format!("mount -t tmpfs tmpfs /run && exec {KAKURI} --network bridge sh -c '{script}'");
        world.host(&["unshare", "-m", "sh", "-c", &script])
    };
    let address = "ip -brief -4 address show eth0 | tr -s \" \" | cut -d \" \" -f 3";
    let theirs = apart(&format!("{address}; ping -q -c 1 -W 5 10.213.0.2 >/dev/null && echo there"));
    assert_eq!(theirs, "10.213.0.3/24\nthere");
    assert_eq!(world.state(), before);
    world.host(&["ping", "-q", "-c", "1", "-W", "5", &world.address("one")]);
}

#[test]
fn many_come_and_go_at_once() {
    let scene = Scene::alone();
    let Some(world) = world(&scene) else { return };
    let before = world.state();
    for _ in 0..3 {
        let script = "ip -brief -4 address show eth0 | tr -s ' ' | cut -d ' ' -f 3; ping -q -c 1 -W 5 10.213.0.1 >/dev/null && echo there";
        let runs: Vec<_> = (0..6).map(|_| world.spawn(&["--network", "bridge", "sh", "-c", script])).collect();
        for run in runs {
            let said = crate::common::Output::of(run).ok().text();
            assert!(said.starts_with("10.213.0.") && said.ends_with("/24\nthere"), "{said}");
        }
    }
    soon(&world, &before, "after all of them");
}
