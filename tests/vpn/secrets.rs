//! No word of kakuri's has a piece of a key: not of its output, its errors, its logs, nor its records.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::common::{Output, Scene};
use crate::{PRESHARED, PRIVATE, PUBLIC, conf, explained, good};

/// Nine characters of a key are no accident.
fn pieces() -> Vec<String> {
    [PRIVATE, PRESHARED].iter().flat_map(|key| (0..=key.len() - 9).map(|at| key[at..at + 9].to_string())).collect()
}

#[track_caller]
fn harmless(output: &Output) {
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    let found = pieces().into_iter().find(|piece| said.contains(piece));
    assert_eq!(found, None, "{output}");
}

#[test]
fn no_output_shows_a_key() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &format!("# {PRIVATE}\n{}", good()));
    scene.say("create --vpn ./wg.conf web").output().ok();
    for line in [
        "vpn show web",
        "vpn show --json web",
        "vpn check ./wg.conf",
        "inspect web",
        "list --format json",
        "container ls -a --no-trunc",
        "--explain --vpn ./wg.conf true",
        "--emit netns --vpn ./wg.conf true",
        "--emit mount --vpn ./wg.conf true",
        "--emit init --vpn ./wg.conf true",
    ] {
        let output = scene.say(line).output().ok();
        harmless(&output);
        let logged = scene.say(line).env("KAKURI_LOG", "trace").output().ok();
        harmless(&logged);
    }
    let shown = scene.say("vpn show web").output().ok().text();
    assert_eq!(shown.matches("(hidden)").count(), 2, "{shown}");
    assert!(shown.contains(&format!("PublicKey = {PUBLIC}")), "{shown}");
    // Whatever becomes of these starts, they may not tell.
    for line in
        ["--verbose --vpn ./wg.conf true", "start web true", "exec web true", "run --rm -d --vpn ./wg.conf true"]
    {
        harmless(&scene.say(line).env("KAKURI_LOG", "trace").output());
    }
    scene.say("stop --all --time 0").output();
}

/// A key in the wrong place is still one.
#[test]
fn no_error_shows_a_key() {
    let scene = Scene::new();
    for text in [
        good().replace("Address = 10.7.0.2/24", &format!("Address = {PRIVATE}")),
        good().replace("PrivateKey = ", "PrivateKey "),
        good().replace("PrivateKey = ", ""),
        good().replace(PRIVATE, &format!("{}\n{}", &PRIVATE[..20], &PRIVATE[20..])),
        good().replace(PRIVATE, &PRIVATE[1..]),
        good().replace(PUBLIC, PRIVATE),
        good().replace("Endpoint = 192.0.2.1", &format!("Endpoint = {PRIVATE}")),
        good().replace("[Peer]", &format!("[{PRIVATE}]")),
        good().replace("PrivateKey", "Private-Key"),
        format!("{PRIVATE}\n{}", good()),
    ] {
        conf(&scene, "wg.conf", &text);
        for output in [explained(&scene, "./wg.conf"), scene.say("vpn check ./wg.conf").output()] {
            assert_ne!(output.code(), 0, "{text}\n{output}");
            harmless(&output);
        }
    }
}

/// What lies in the store: keys in the copy alone, which nobody else may read.
#[test]
fn the_store_has_keys_in_one_place() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    scene.say("create --vpn ./wg.conf web").output().ok();
    let folder = scene.home().join(".local/kakuri/containers/web");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o077, 0);
    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|e| e.file_type().unwrap().is_file()) {
        let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
        let has = pieces().iter().any(|piece| text.contains(piece));
        assert_eq!(has, entry.file_name() == "vpn.conf", "{}", entry.path().display());
    }
}

/// A bind of the whole home shows none of the folders where configurations lie, nor the store's copies.
#[test]
fn binds_do_not_show_configurations() {
    let scene = Scene::new();
    let places = [".config/wireguard/a.conf", ".wireguard/a.conf", "elsewhere/wireguard/a.conf"];
    for place in places {
        crate::at_home(&scene, place, "PrivateKey = secret");
    }
    conf(&scene, "wg.conf", &good());
    scene.say("create --vpn ./wg.conf web").output().ok();
    let home = scene.home();
    let script = format!(
        "cat {0}/.config/wireguard/* {0}/.wireguard/* {0}/elsewhere/wireguard/* {0}/.local/kakuri/containers/*/*; true",
        home.display()
    );
    let output = scene
        .kakuri(["--bind", &home.to_string_lossy(), "sh", "-c", &script])
        .env("XDG_CONFIG_HOME", home.join("elsewhere"))
        .output()
        .ok();
    assert!(!output.text().contains("PrivateKey"), "{output}");
}
