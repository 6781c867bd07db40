//! Networks that are somebody else's: `--network container:NAME`, `--network ns:PATH`; and what goes into /etc.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::{Command, Stdio};

use common::Scene;

fn namespace(scene: &Scene, line: &str) -> String {
    scene.say(&format!("{line} readlink /proc/self/ns/net")).output().ok().text()
}

#[test]
fn a_container_in_the_network_of_another() {
    let scene = Scene::new();
    scene.say("create a").output().ok();
    scene.say("start -d a").output().ok();
    let net = namespace(&scene, "exec a");
    // One after the other: the kernel counts the namespaces of the last for a while.
    for _ in 0..3 {
        assert_eq!(namespace(&scene, "--network container:a"), net);
    }
    assert_ne!(namespace(&scene, ""), net);
    scene.say("create --network container:a b").output().ok();
    assert_eq!(namespace(&scene, "start -T b"), net);
    // Its own in all else.
    for kind in ["user", "pid", "mnt", "uts", "ipc"] {
        let of = |line: &str| scene.say(&format!("{line} readlink /proc/self/ns/{kind}")).output().ok().text();
        assert_ne!(of("--network container:a"), of("exec a"), "{kind}");
    }
    let script = "ip link set lo down 2>&1; echo 1 >/proc/sys/net/ipv4/ip_forward; hostname x; mount -t tmpfs x /mnt; \
        ls /proc/[0-9]* -d | wc -l";
    let output = scene.shell("--network container:a", script).output();
    assert!(output.text().ends_with('4') || output.text().ends_with('3'), "{output}");
    assert!(scene.say("exec a cat /sys/class/net/lo/flags").output().ok().text().ends_with('9'), "lo is still up");
    scene.say("stop --time 0 a b").output().ok();
}

#[test]
fn neither_of_the_two_may_nest() {
    let scene = Scene::new();
    scene.say("create a").output().ok();
    scene.say("start -d a").output().ok();
    let guest = "unshare -U true 2>&1 || echo no";
    assert!(scene.shell("--network container:a", guest).output().ok().text().contains("no"));
    scene
        .say("--nest --network container:a true")
        .output()
        .refused(125, &["--nest", "'a'"])
        .hints(&["start that one with --nest"]);
    scene.say("stop --time 0 a").output().ok();
    scene.say("start -d a --nest").output().ok();
    scene.say("--nest --network container:a unshare -U true").output().ok();
    scene.say("stop --time 0 a").output().ok();
}

#[test]
fn the_guest_outlives_its_host_and_has_loopback() {
    let scene = Scene::new();
    scene.say("create a").output().ok();
    scene.say("create --network container:a b").output().ok();
    scene.say("start -d a").output().ok();
    scene.say("start -d b").output().ok();
    scene.say("stop --time 0 a").output().ok();
    assert_eq!(scene.say("exec b cat /sys/class/net/lo/ifindex").output().code(), 1, "there is no /sys");
    assert!(scene.say("exec b cat /proc/net/dev").output().ok().text().contains("lo:"));
    scene.say("stop --time 0 b").output().ok();
}

#[test]
fn what_cannot_be_joined_is_said() {
    let scene = Scene::new();
    for name in ["a", "host"] {
        scene.say(&format!("create {name}")).output().ok();
    }
    scene.say("--network container:nope true").output().refused(125, &["'nope'"]);
    scene.say("--network container:a true").output().refused(125, &["'a'", "not running"]).hints(&["kakuri start a"]);
    scene.say("start -d host --network host").output().ok();
    scene
        .say("--network container:host true")
        .output()
        .refused(125, &["'host'", "the host's"])
        .hints(&["--allow-network"]);
    scene.say("stop --time 0 host").output().ok();
    scene.say("--network ns:/nowhere true").output().refused(125, &["'/nowhere'", "No such file"]);
    scene.say("--network ns:/proc/self/ns/user true").output().refused(125, &["no network namespace"]);
    scene.say("--network ns:/etc/passwd true").output().refused(125, &["no network namespace"]);
    scene.say("--network ns: true").output().refused(125, &["'ns:'"]);
    scene.say("--network container:../x true").output().refused(125, &["'../x'"]);
    scene.say("--network bogus true").output().refused(125, &["'bogus'"]).hints(&["nat"]);
    // SAFETY: always succeeds.
    if unsafe { libc::geteuid() } != 0 {
        scene
            .say("--network ns:/proc/self/ns/net true")
            .output()
            .refused(125, &["made by root"])
            .hints(&["--network nat"]);
    }
}

#[test]
fn a_namespace_by_its_file() {
    let scene = Scene::new();
    let mut holder = Command::new("unshare").args(["-Urn", "sleep", "100"]).stdout(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/ns/net", holder.id());
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    assert!(common::until(common::HANG, || std::fs::read_link(&path).is_ok_and(|link| link != own)));
    let wanted = std::fs::read_link(&path).unwrap();
    let line = format!("--network ns:{path}");
    assert_eq!(namespace(&scene, &line), wanted.to_str().unwrap());
    assert!(
        !scene.say(&format!("{line} ip link set lo up")).output().err().is_empty(),
        "it is not the command's to change"
    );
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn names_and_resolvers_as_asked_for() {
    let scene = Scene::new();
    let line = "--add-host db:10.0.0.5 --add-host v6=[fd00::5] cat /etc/hosts";
    let hosts = scene.say(line).output().ok().text();
    assert!(hosts.contains("10.0.0.5\tdb\n") && hosts.contains("fd00::5\tv6"), "{hosts}");
    let line = "--network host --dns 192.0.2.53 --dns fd00::53 --dns-search example.org cat /etc/resolv.conf";
    assert_eq!(scene.say(line).output().ok().text(), "search example.org\nnameserver 192.0.2.53\nnameserver fd00::53");
    assert!(scene.say("--add-host db:10.0.0.5 --explain true").output().ok().text().contains("db is 10.0.0.5"));
}
