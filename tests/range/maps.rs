//! The maps themselves, seen from inside and from the host.

use std::fs;
use std::process::Stdio;

use crate::common::{HANG, Output, Scene, until};
use crate::{RANGE, own, owner, ranged};

/// The words of each line.
fn lines(text: &str) -> Vec<Vec<u32>> {
    text.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect()).collect()
}

fn uid_map(scene: &Scene, options: &[&str]) -> Vec<Vec<u32>> {
    lines(&scene.inside(options, "cat /proc/self/uid_map"))
}

#[test]
fn many_ids_and_every_owner_is_a_sub_id_on_the_host() {
    let (first, group) = ranged!();
    let scene = Scene::new();
    let bind = format!("{}:/work", scene.work().display());
    let options = [&RANGE[..], &["--bind", &bind]].concat();
    let said = scene.inside(
        &options,
        "id -u; id -G; for id in 5:7 1000:1000 65534:65534 0:0; do f=/work/$id; touch $f; chown $id $f; stat -c %u:%g $f; done; \
         cat /proc/self/setgroups",
    );
    assert_eq!(said, "0\n0\n5:7\n1000:1000\n65534:65534\n0:0\nallow");
    let on_host = |name: &str| owner(&scene.work().join(name));
    assert_eq!(on_host("5:7"), (first + 4, group + 6));
    assert_eq!(on_host("65534:65534"), (first + 65533, group + 65533));
    assert_eq!(on_host("0:0"), own(), "root inside is the caller");
    // Set-id bits and devices of another user are as they are for one id.
    assert_eq!(scene.inside(&options, "mknod /work/dev c 1 3 2>/dev/null || echo none"), "none");
}

#[test]
fn the_host_sees_the_caller_and_his_sub_ids_and_nobody_else() {
    let (first, group) = ranged!();
    let scene = Scene::alone();
    let before = scene.before();
    let child = scene.kakuri([&RANGE[..], &["sh", "-c", "read wait"]].concat()).stdin(Stdio::piped()).spawn();
    let mut init = 0;
    assert!(until(HANG, || {
        let path = format!("/proc/{0}/task/{0}/children", child.id());
        let pids = fs::read_to_string(path).unwrap_or_default();
        let is_init = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c == "kakuri-init\n");
        init = pids.split_whitespace().find(is_init).map_or(0, |pid| pid.parse::<u32>().unwrap());
        let commands = fs::read_to_string(format!("/proc/{init}/task/{init}/children")).unwrap_or_default();
        init != 0 && !commands.trim().is_empty()
    }));
    let map = |name: &str| lines(&fs::read_to_string(format!("/proc/{init}/{name}")).unwrap());
    let (uid, gid) = own();
    assert_eq!(map("uid_map")[..2], [vec![0, uid, 1], vec![1, first, 65536]]);
    assert_eq!(map("gid_map")[..2], [vec![0, gid, 1], vec![1, group, 65536]]);
    // Both tools have ended and were collected.
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    assert!(until(HANG, || fs::read_to_string(&path).unwrap_or_default().trim() == init.to_string()));
    let mut child = child;
    drop(child.stdin.take());
    Output::of(child);
    before.nothing_left();
}

#[test]
fn keep_id_is_oneself_with_everybody_else_beside() {
    let (first, _) = ranged!();
    let scene = Scene::new();
    let (uid, gid) = own();
    let bind = format!("{}:/work", scene.work().display());
    let options = ["--userns", "range,keep-id", "--bind", &bind];
    let said = scene.inside(
        &options,
        "id -u; id -g; id -un; touch /work/mine ~/own /tmp/t; stat -c %u:%g ~ ~/own /tmp /etc/passwd /work",
    );
    let name = scene.program("id").arg("-un").output().ok().text();
    assert_eq!(said, format!("{uid}\n{gid}\n{name}\n{uid}:{gid}\n{uid}:{gid}\n0:0\n0:0\n{uid}:{gid}"));
    assert_eq!(owner(&scene.work().join("mine")), (uid, gid));
    // Either order, in two words or one; and without a range as it always was.
    let two = ["--userns", "keep-id", "--userns", "range"];
    assert_eq!(uid_map(&scene, &two), uid_map(&scene, &options[..2]));
    assert_eq!(uid_map(&scene, &["--userns", "keep-id"]), [[uid, 0, 1]]);
    // Every other id is what its number says, and one more than the host counts.
    assert!(uid_map(&scene, &options[..2]).contains(&vec![0, 1, uid]));
    let root = ["--userns", "range,keep-id", "--bind", &bind];
    let said = scene.kakuri(root.iter().copied().chain(["sh", "-c", "chown 7 /work/mine"])).output();
    assert_ne!(said.code(), 0, "{said}");
    assert!(first > 0);
}

/// Whom a root does not know has no home in it, and stands where he may.
#[test]
fn keep_id_in_a_root_of_its_own() {
    crate::need!("busybox");
    ranged!();
    let scene = Scene::new();
    let tree = crate::tree::plant(&scene, "tree");
    fs::set_permissions(tree.join("root"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let options = ["--userns", "range,keep-id", "--rootfs", "tree:ro"];
    let (uid, _) = own();
    let said = scene.inside(&options, "id -u; pwd; echo $HOME; stat -c %u /etc/passwd");
    assert_eq!(said, format!("{uid}\n/\n/\n{uid}"), "what is the caller's is his");
}

#[test]
fn a_map_of_ones_own() {
    let (first, group) = ranged!();
    let scene = Scene::new();
    let bind = format!("{}:/work", scene.work().display());
    let map = ["--uidmap", "0:1:1000", "--uidmap", "5000:0:1", "--bind", &bind];
    let said = scene.inside(&map, "id -u; stat -c %u:%g /work; cat /proc/self/uid_map");
    assert_eq!(lines(&said[said.find("5000:5000\n").unwrap() + 10..]), [[0, 1, 1000], [5000, 0, 1]]);
    // With groups of their own, and as the one who is the caller.
    let two = [&map[..], &["--gidmap", "0:0:1", "--gidmap", "10:100:5", "-u", "5000:12"]].concat();
    let said = scene.inside(&two, "id -u; id -g; touch /work/f; stat -c %u:%g /work/f");
    assert_eq!(said, "5000\n12\n5000:12");
    assert_eq!(owner(&scene.work().join("f")), (own().0, group + 101));
    // Without the caller: his files are nobody's.
    let none = ["--uidmap", "0:1:70", "--bind", &bind];
    assert_eq!(scene.inside(&none, "stat -c %u /work; id -u; touch /tmp/x; stat -c %u /tmp/x"), "65534\n0\n0");
    assert!(first > 0);
}

#[test]
fn a_map_that_cannot_be_is_refused_by_its_line() {
    ranged!();
    let scene = Scene::new();
    for (options, why) in [
        (&["--uidmap", "0:0:5", "--uidmap", "4:50:1"][..], "0:0:5 and 4:50:1 overlap"),
        (&["--uidmap", "0:0:5", "--uidmap", "40:4:1"], "0:0:5 and 40:4:1 overlap"),
        (&["--uidmap", "0:0:1000000"], "0:0:1000000 wants ids that you do not have"),
        (&["--uidmap", "0:0:5", "--gidmap", "0:4000000000:1"], "0:4000000000:1 wants ids that you do not have"),
        (&["--uidmap", "4294967295:0:1"], "beyond the last id"),
        (&["--uidmap", "10:0:5"], "no such id"),
        (&["--uidmap", "0:0:5", "-u", "7"], "no such id"),
    ] {
        scene.kakuri(options.iter().copied().chain(["true"])).output().refused(125, &[why]);
    }
    for value in ["", "0:0", "0:0:0", "a:0:1", "0:0:1:1", "-1:0:1", "0:0:4294967296"] {
        scene.kakuri(["--uidmap", value, "true"]).output().refused(125, &["bad value", "--uidmap"]);
    }
    for other in ["single", "auto", "keep-id"] {
        let said = scene.kakuri(["--uidmap", "0:0:5", "--userns", other, "true"]).output();
        said.refused(125, &["--uidmap"]).hints(&["leave one of them out"]);
        let said = scene.kakuri(["--userns", other, "--uidmap", "0:0:5", "true"]).output();
        said.refused(125, &["--uidmap"]);
    }
}

#[test]
fn its_network_is_its_own() {
    ranged!();
    let scene = Scene::new();
    let own = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    assert_ne!(scene.inside(&RANGE, "readlink /proc/self/ns/net"), own);
    let groups = scene.inside(&RANGE, "cat /proc/sys/net/ipv4/ping_group_range");
    assert_eq!(lines(&groups)[0][0], 0);
    assert!(lines(&groups)[0][1] >= 65536, "{groups}");
}

#[test]
fn what_explain_says_of_it() {
    ranged!();
    let scene = Scene::new();
    let (uid, _) = own();
    let text = scene.kakuri(["--explain", "--userns", "range,keep-id", "true"]).output().ok().text();
    assert!(text.contains(&format!("mapped by newuidmap and newgidmap; you are {uid}")), "{text}");
    let text = scene.kakuri(["--explain", "true"]).output().ok().text();
    assert!(text.contains("you outside, with your groups") && !text.contains("newuidmap"), "{text}");
    // A plan that others have to map is none for kakuri-mount alone.
    let plan = scene.kakuri(["--emit", "mount", "--userns", "range", "true"]).output().ok();
    let plan = scene.file("plan.json", plan.stdout);
    let said = scene.program(crate::common::MOUNT).arg(plan).args(["--", "true"]).output();
    assert!(said.code() == 125 && said.err().contains("range of ids by hand"), "{said}");
}
