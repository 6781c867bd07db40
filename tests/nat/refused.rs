//! What a NAT cannot be made of is told before anything is made, by the name that was typed.

use std::os::unix::fs::PermissionsExt;

use super::PROGRAMS;
use super::common::{self, Scene};
use super::outer::{ANSWER, Outer, Ready, have};

#[test]
fn ports_that_cannot_be_had() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let Some(program) = PROGRAMS.into_iter().find(|program| have(program)) else { return };
    let taken = ["tcp,127.0.0.1,7000", "udp,::1,7000"];
    let _taken = Ready::wait(outer.here(&scene, &[&["python3", "-c", ANSWER, "other"], &taken[..]].concat()));
    let refused = |ports: &[&str], words: &[&str], hint: &str| {
        let ports = ports.iter().flat_map(|port| ["-p", *port]);
        let words_typed: Vec<&str> =
            ["--network", program].into_iter().chain(ports).chain(["--", "echo", "ran"]).collect();
        outer.kakuri(&scene, &words_typed).output().refused(125, words).hints(&[hint]);
    };
    refused(&["7000:80"], &["cannot publish 127.0.0.1:7000/tcp", "the port is taken"], "ss -ltnp 'sport = :7000'");
    refused(&["0.0.0.0:7000:80"], &["0.0.0.0:7000/tcp", "the port is taken"], "ss -ltnp");
    refused(&["6998-7001:80-83"], &["127.0.0.1:7000/tcp", "the port is taken"], "ss -ltnp");
    refused(&["[::1]:7000:53/udp"], &["cannot publish [::1]:7000/udp", "the port is taken"], "ss -lunp");
    refused(&["192.0.2.1:7001:80"], &["192.0.2.1:7001/tcp", "no link of this host"], "ip -brief address");
    refused(
        &["80:80"],
        &["127.0.0.1:80/tcp", "ip_unprivileged_port_start"],
        "sysctl net.ipv4.ip_unprivileged_port_start=80",
    );
    refused(&["7001:80", "7001:81"], &["cannot publish 7001:81", "-p 7001:80 has that port"], "another port");
    // The same number by the other protocol or address is another port.
    let fine = ["--network", program, "-p", "7000:80/udp", "-p", "[::1]:7000:80", "--", "echo", "ran"];
    assert_eq!(outer.kakuri(&scene, &fine).output().ok().text(), "ran");
}

#[test]
fn ports_without_a_network_of_its_own() {
    let scene = Scene::new();
    for (options, why) in [
        (&["-p", "80"][..], "the container has no network"),
        (&["--network", "none", "-p", "80"], "the container has no network"),
        (&["--allow-network", "-p", "80"], "the host's already"),
        (&["--network", "none", "--allow-host-port", "80"], "is for --network nat"),
    ] {
        scene
            .kakuri(options.iter().chain(&["--", "echo", "ran"]))
            .output()
            .refused(125, &[why])
            .hints(&["--network nat"]);
    }
}

/// Neither on PATH nor in the usual folders: those are covered by empty ones here, so the test has no other way to lack
/// what may be installed. What is found is not run where others could have written it.
#[test]
fn programs_that_are_missing_or_unfit() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let bin = scene.folder("bin");
    let lacking = format!(
        "for p in pasta slirp4netns; do for d in /usr/local/bin /usr/local/sbin /usr/bin /usr/sbin; do \
         [ ! -e $d/$p ] || mount --bind /etc/passwd $d/$p; done; done; export PATH={}:$PATH; exec unshare -U --map-user=1000 \
         --map-group=1000 \"$@\"",
        bin.display()
    );
    let kakuri = |words: &[&str]| {
        // In mounts of its own: others use the network beside it.
        let all = [&["unshare", "-m", "bash", "-c", &lacking, "bash", common::KAKURI][..], words].concat();
        outer.here(&scene, &all)
    };
    for (mode, names, package) in [
        ("nat", "--network nat needs pasta or slirp4netns", "sudo apt install passt"),
        ("pasta", "--network pasta needs pasta", "sudo apt install passt"),
        ("slirp4netns", "--network slirp4netns needs slirp4netns", "sudo apt install slirp4netns"),
    ] {
        let out = kakuri(&["--network", mode, "echo", "ran"]).output();
        out.refused(125, &[names, "it is not installed"]).hints(&[package]);
    }
    let fake = scene.script("bin/pasta", "#!/bin/sh\necho no >&2; exit 3\n");
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o777)).unwrap();
    kakuri(&["--network", "nat", "echo", "ran"]).output().refused(125, &["bin/pasta' can be changed by everybody"]);
    // One that is fit and fails is told with its own words.
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    kakuri(&["--network", "nat", "echo", "ran"])
        .output()
        .refused(125, &["pasta could not start: no", "exited with code 3"]);
    // One that does not get ready is not waited for for ever.
    scene.script("bin/pasta", "#!/bin/sh\n[ \"$1\" = --version ] || exec sleep infinity\n");
    kakuri(&["--network", "nat", "echo", "ran"])
        .output()
        .refused(125, &["pasta could not start: it was not ready after 10 s"]);
    // One of before 2024 stalls, so the other is taken where it is there; one that is newer is taken all the same.
    scene.script("bin/slirp4netns", "#!/bin/sh\necho other >&2; exit 4\n");
    for (version, taken) in [("0.0~git20230309.7c7625d-1", "slirp4netns"), ("2024_09_06.6b38f07", "pasta")] {
        scene.script("bin/pasta", &format!("#!/bin/sh\n[ \"$1\" = --version ] && echo pasta {version} || exit 3\n"));
        kakuri(&["--network", "nat", "echo", "ran"]).output().refused(125, &[&format!("{taken} could not start")]);
        let explained = kakuri(&["--network", "nat", "--explain", "echo", "ran"]).output().ok().text();
        assert!(explained.contains(&format!("bin/{taken})")), "{explained}");
    }
}

#[test]
fn without_a_tun_device_it_is_named() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let line = "mount -t tmpfs none /dev/net && exec unshare -U --map-user=1000 --map-group=1000 \"$@\"";
    let all = ["unshare", "-m", "bash", "-c", line, "bash", common::KAKURI, "--network", "nat", "echo", "ran"];
    outer.here(&scene, &all).output().refused(125, &["--network nat needs /dev/net/tun"]).hints(&["modprobe tun"]);
}

/// slirp4netns works without; a pasta of before 2024 does not, and says why.
#[test]
fn no_default_route_outside() {
    let scene = Scene::new();
    let Some(outer) = Outer::without_route(&scene) else { return };
    if have("slirp4netns") {
        for mode in ["slirp4netns", "nat"] {
            assert_eq!(outer.kakuri(&scene, &["--network", mode, "echo", "ran"]).output().ok().text(), "ran");
        }
    }
    if have("pasta") {
        let out = outer.kakuri(&scene, &["--network", "pasta", "echo", "ran"]).output();
        if out.status.code() == Some(0) {
            assert_eq!(out.text(), "ran");
            common::skip("this pasta works without a default route");
        } else {
            out.refused(125, &["pasta could not start"]).hints(&["no default route outside"]);
        }
    }
}
