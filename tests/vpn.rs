//! The WireGuard configuration of a container, as its user meets it: found, read, refused, kept, shown and taken away.
//! No tunnel runs here: all of this is done before one is made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "vpn/life.rs"]
mod life;
#[path = "vpn/secrets.rs"]
mod secrets;
#[path = "vpn/words.rs"]
mod words;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::{Output, Scene};

pub const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
pub const PRESHARED: &str = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";
pub const PUBLIC: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

/// All a container needs, and an endpoint nobody answers at (RFC 5737).
pub fn good() -> String {
    format!(
        "[Interface]\nPrivateKey = {PRIVATE}\nAddress = 10.7.0.2/24\nDNS = 10.7.0.1, corp.example\n\n\
         [Peer]\nPublicKey = {PUBLIC}\nPresharedKey = {PRESHARED}\nAllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.1:51820\n"
    )
}

/// A file of mode 0600.
pub fn private(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_path_buf()
}

/// One below where kakuri is started.
pub fn conf(scene: &Scene, name: &str, text: &str) -> PathBuf {
    private(&scene.work().join(name), text)
}

/// Below the scene's home.
pub fn at_home(scene: &Scene, name: &str, text: &str) -> PathBuf {
    private(&scene.home().join(name), text)
}

/// What a run with this configuration would do.
pub fn explained(scene: &Scene, vpn: &str) -> Output {
    scene.kakuri(["--explain", "--vpn", vpn, "true"]).output()
}

#[test]
fn what_a_container_gets_is_explained() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    let output = explained(&scene, "./wg.conf").ok();
    for words in [
        "vpn wg, in a network namespace of its own",
        "wg0: address 10.7.0.2/24",
        "route: 0.0.0.0/0 through wg0",
        "route: ::/0 is unreachable",
        &format!("peer {PUBLIC} at 192.0.2.1:51820"),
        "resolvers: 10.7.0.1",
        "search: corp.example",
        "IPv6 is off inside",
    ] {
        assert!(output.text().contains(words), "no '{words}': {output}");
    }
    assert_eq!(output.err(), "", "{output}");
}

/// What is replaced in a good one, by what, and words of the error and of the hint.
const WRONG: &[(&str, &str, &[&str], &str)] = &[
    ("Address = 10.7.0.2/24\n", "", &["./wg.conf: [Interface] has no Address"], "Address ="),
    ("PrivateKey", "PrivatKey", &["./wg.conf:2: PrivatKey", "no such setting"], "PrivateKey"),
    (PRIVATE, "tooshort=", &["./wg.conf:2: PrivateKey", "44 characters"], "wg genkey"),
    (PRIVATE, "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBm!=", &["./wg.conf:2: PrivateKey", "base64"], "wg genkey"),
    ("DNS = 10.7.0.1", "MTU = 100000\nDNS = 10.7.0.1", &["./wg.conf:4: MTU = '100000'", "out of range"], "65535"),
    ("0.0.0.0/0", "0.0.0.0/33", &["./wg.conf:9: AllowedIPs", "0 to 32"], "10.0.0.2/24"),
    (":51820", "", &["./wg.conf:10: Endpoint", "port"], ":51820"),
    ("DNS = ", "PostUp = iptables -A OUTPUT; sh -c 'x'\nDNS = ", &["./wg.conf:4: PostUp"], "--vpn-ignore-hooks"),
    ("DNS = ", "SaveConfig = true\nDNS = ", &["./wg.conf:4: SaveConfig"], "--vpn-ignore-hooks"),
    ("DNS = ", "Jc = 4\nDNS = ", &["./wg.conf:4: Jc", "AmneziaWG"], "plain WireGuard"),
    ("[Peer]", "[Peers]", &["./wg.conf:6: section 'Peers'"], "[Peer]"),
];

#[test]
fn a_wrong_configuration_names_its_line() {
    let scene = Scene::alone();
    let before = scene.before();
    for (what, with, words, hint) in WRONG {
        conf(&scene, "wg.conf", &good().replacen(what, with, 1));
        explained(&scene, "./wg.conf").refused(125, words).hints(&[hint]);
        scene.say("--vpn ./wg.conf true").output().refused(125, words).hints(&[hint]);
        scene.say("create --vpn ./wg.conf web").output().refused(1, words).hints(&[hint]);
        scene.say("run -d --vpn ./wg.conf sleep 9").output().refused(125, words).hints(&[hint]);
        assert_eq!(scene.say("list -q").output().ok().text(), "");
    }
    let second =
        "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\nAllowedIPs = 10.0.0.0/8, 0.0.0.0/0\n";
    conf(&scene, "wg.conf", &(good() + second));
    explained(&scene, "./wg.conf").refused(125, &["./wg.conf:13: AllowedIPs = 0.0.0.0/0", "line 9"]);
    fs::remove_file(scene.work().join("wg.conf")).unwrap();
    before.nothing_left();
}

#[test]
fn a_file_that_cannot_be_read_is_told_as_what_it_is() {
    let scene = Scene::new();
    explained(&scene, "./none.conf").refused(125, &["'./none.conf'", "No such file"]).hints(&["path"]);
    let closed = conf(&scene, "closed.conf", &good());
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    explained(&scene, "./closed.conf").refused(125, &["'./closed.conf'", "Permission denied"]).hints(&["chmod 600"]);
    scene.folder("folder.conf");
    explained(&scene, "./folder.conf").refused(125, &["it is a folder"]);
    explained(&scene, "/dev/zero").refused(125, &["it is a device"]);
    let pipe = scene.work().join("pipe.conf");
    scene.program("mkfifo").arg(&pipe).output().ok();
    // Nobody writes to it, and nobody waits for that.
    explained(&scene, "./pipe.conf").refused(125, &["it is a named pipe"]);
    conf(&scene, "large.conf", &format!("{}#{}", good(), "x".repeat(70_000)));
    explained(&scene, "./large.conf").refused(125, &["larger than 64 KiB"]);
    scene.file("odd.conf", b"\xff\xfe[\0I\0");
    explained(&scene, "./odd.conf").code();
    conf(&scene, "\u{1b}[31m.conf", "x");
    let output = explained(&scene, "./\u{1b}[31m.conf");
    assert!(!output.err().contains('\u{1b}'), "{output}");
}

#[test]
fn a_file_others_may_read_is_warned_of_once() {
    let scene = Scene::new();
    let path = conf(&scene, "wg.conf", &good());
    for (mode, words) in
        [(0o644, "read by every user"), (0o640, "read by its group"), (0o622, "changed by other users")]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let output = explained(&scene, "./wg.conf").ok();
        assert_eq!(output.err().matches("holds a private key").count(), 1, "{output}");
        assert!(
            output.err().contains(words) && output.err().contains(&format!("chmod 600 {}", path.display())),
            "{output}"
        );
        let created = scene.say(&format!("create --replace --vpn ./wg.conf web{mode}")).output().ok();
        assert_eq!(created.err().matches("holds a private key").count(), 1, "{created}");
        assert_eq!(created.text(), format!("web{mode}"));
    }
}

#[test]
fn names_are_looked_for_in_the_usual_folders() {
    let scene = Scene::new();
    let system = fs::metadata("/etc/wireguard");
    let closed = system.is_ok_and(|m| m.uid() == 0 && m.mode() & 0o005 == 0);
    let output =
        explained(&scene, "work").refused(125, &["there is no VPN configuration 'work'", "/etc/wireguard/work.conf"]);
    for folder in [".config/wireguard", ".wireguard"] {
        let place = scene.home().join(folder).join("work.conf");
        assert!(output.err().contains(&*place.to_string_lossy()), "{output}");
    }
    match closed {
        true => output.hints(&["sudo install -m600 -o \"$USER\" /etc/wireguard/work.conf", ".config/wireguard/"]),
        false => output.hints(&["--vpn ./work.conf"]),
    };
    at_home(&scene, ".wireguard/work.conf", &good().replace("10.7.0.2", "10.7.0.4"));
    let used = |address: &str| {
        let output = explained(&scene, "work").ok();
        assert!(output.text().contains(&format!("address {address}/24")), "{output}");
        assert_eq!(output.err(), "");
        output.text()
    };
    used("10.7.0.4");
    // The first folder wins, and says so.
    at_home(&scene, ".config/wireguard/work.conf", &good().replace("10.7.0.2", "10.7.0.3"));
    let text = used("10.7.0.3");
    let note = format!("is {0}/.config/wireguard/work.conf, and not {0}/.wireguard/work.conf", scene.home().display());
    assert!(text.contains(&note), "{text}");
    // What lies where one happens to stand has not the say over a name.
    conf(&scene, "work", &good().replace("10.7.0.2", "10.7.0.5"));
    used("10.7.0.3");
    // A file is named by its folder, or by `.conf`.
    conf(&scene, "work.conf", &good().replace("10.7.0.2", "10.7.0.6"));
    used("10.7.0.3");
    for typed in ["work.conf", "./work.conf"] {
        assert!(explained(&scene, typed).ok().text().contains("address 10.7.0.6/24"), "{typed}");
    }
    conf(&scene, "here", &good());
    assert!(explained(&scene, "here").ok().text().contains("vpn here"));
    let tilde = scene
        .program("sh")
        .args(["-c", &format!("'{}' --explain --vpn '~/.wireguard/work.conf' true", common::KAKURI)]);
    assert!(tilde.output().ok().text().contains("address 10.7.0.4/24"));
    let elsewhere = scene.folder("xdg/wireguard");
    private(&elsewhere.join("work.conf"), &good().replace("10.7.0.2", "10.7.0.7"));
    let output =
        scene.kakuri(["--explain", "--vpn", "work", "true"]).env("XDG_CONFIG_HOME", scene.work().join("xdg")).output();
    assert!(output.ok().text().contains("address 10.7.0.7/24"));
    for bad in ["../work", "..", ".hidden", "a b", "wörk"] {
        let output = explained(&scene, bad);
        assert_eq!(output.code(), 125, "{output}");
    }
    explained(&scene, "..").refused(125, &["'..'", "no name"]);
    let output = explained(&scene, "home-office");
    assert!(closed || output.err().contains("there are work"), "{output}");
}

#[test]
fn endpoints_are_looked_up_before_anything_is_made() {
    let scene = Scene::alone();
    conf(&scene, "wg.conf", &good().replace("192.0.2.1", "no-such-host.invalid"));
    // Only a start asks.
    explained(&scene, "./wg.conf").ok();
    let output = scene.say("vpn check ./wg.conf").output();
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.err().contains("Endpoint no-such-host.invalid:51820 of './wg.conf' has no address"), "{output}");
    if fs::metadata("/dev/net/tun").is_err() {
        return common::skip("there is no /dev/net/tun");
    }
    let before = scene.before();
    let output = scene.say("--vpn ./wg.conf true").output();
    output.refused(125, &["Endpoint no-such-host.invalid:51820", "no address"]).hints(&["getent ahosts"]);
    before.nothing_left();
}

#[test]
fn hooks_never_run_and_are_passed_over_only_on_demand() {
    let scene = Scene::new();
    let ran = scene.work().join("ran");
    let hook = format!("PreUp = touch {0}\nPostUp = touch {0}\nPreDown = touch {0}\nDNS = ", ran.display());
    conf(&scene, "wg.conf", &good().replacen("DNS = ", &hook, 1));
    let output =
        explained(&scene, "./wg.conf").refused(125, &["./wg.conf:4: PreUp", "PostUp in line 5", "PreDown in line 6"]);
    output.hints(&["--vpn-ignore-hooks"]);
    scene.say("--explain --vpn ./wg.conf --vpn-ignore-hooks true").output().ok();
    scene.say("create --vpn ./wg.conf --vpn-ignore-hooks web").output().ok();
    scene.say("create db").output().ok();
    scene.say("vpn set db ./wg.conf").output().refused(1, &["./wg.conf:4: PreUp"]).hints(&["--vpn-ignore-hooks"]);
    scene.say("vpn show db").output().refused(1, &["'db' has no VPN"]);
    scene.say("vpn set --vpn-ignore-hooks db ./wg.conf").output().ok();
    let shown = scene.say("vpn show db").output().ok();
    assert!(shown.text().contains("PostUp = (never runs)") && !shown.text().contains("touch"), "{shown}");
    scene.say("vpn check ./wg.conf").output();
    assert!(!ran.exists());
}
