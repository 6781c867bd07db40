//! `kakuri vpn` on the command line: its verbs, what is refused, what check and completion say.

use std::fs;

use crate::common::Scene;
use crate::{PUBLIC, at_home, conf, good};

#[test]
fn what_is_typed_wrongly_is_told() {
    let scene = Scene::new();
    for (line, what, hint) in [
        ("vpn", "'kakuri vpn' needs a verb", "kakuri vpn --help"),
        ("vpn shwo web", "kakuri vpn has no 'shwo'", "kakuri vpn show"),
        ("vpn work", "kakuri vpn has no 'work'", "kakuri vpn --help"),
        ("vpn set", "0 words", "NAME CONF"),
        ("vpn set web", "1 words", "NAME CONF"),
        ("vpn set web a b", "3 words", "NAME CONF"),
        ("vpn set web a --vpn-on-failure maybe", "'maybe'", "stop"),
        ("vpn show", "needs the name", "NAME"),
        ("vpn show a b", "'b'", "NAME"),
        ("vpn show --format {{.x}} a", "'{{.x}}'", "json"),
        ("vpn remove", "needs the name", "NAME"),
        ("vpn status", "needs the name", "NAME"),
        ("vpn check", "needs a configuration", "./wg.conf"),
        ("vpn check a b", "'b'", "each"),
        ("vpn status --jsn web", "--jsn", "--json"),
        ("--vpn", "needs a value", "CONF"),
        ("--vpn-on-failure never true", "'never'", "stop"),
    ] {
        let output = scene.say(line).output().refused(125, &[what]);
        output.hints(&[hint]);
    }
    let empty = scene.kakuri(["--vpn", "", "true"]).output();
    empty.refused(125, &["names no configuration"]).hints(&["--vpn ./wg.conf"]);
    for verb in ["set", "show", "remove", "check", "status"] {
        assert!(scene.say("vpn --help").output().ok().text().contains(&format!("\n  {verb} ")), "{verb}");
    }
}

#[test]
fn check_says_all_there_is_to_say() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good().replace("Endpoint = 192.0.2.1", "Endpoint = localhost"));
    let output = scene.say("vpn check ./wg.conf").output().ok();
    for words in [
        "wg0: address 10.7.0.2/24",
        "route: 0.0.0.0/0 through wg0",
        "10.7.0.1",
        "corp.example",
        PUBLIC,
        "localhost:51820, now ",
    ] {
        assert!(output.text().contains(words), "no '{words}': {output}");
    }
    assert!(output.text().contains("ipv6      off"), "{output}");
    conf(&scene, "odd.conf", &good().replace("DNS", "FwMark = 7\nTable = 99\nDNS").replace("10.7.0.1", "127.0.0.1"));
    let output = scene.say("vpn check ./odd.conf").output().ok();
    for words in ["odd.conf:4: FwMark", "odd.conf:5: Table", "odd.conf:6: DNS 127.0.0.1"] {
        assert!(output.err().contains(words), "no '{words}': {output}");
    }
    // Every error, not only the first; and no word of what it would be.
    conf(
        &scene,
        "bad.conf",
        &good().replace("Address =", "Adress =").replace("0.0.0.0/0", "any").replace("51820", "0"),
    );
    let output = scene.say("vpn check ./bad.conf").output();
    assert_eq!((output.code(), output.text()), (1, String::new()), "{output}");
    for words in [
        "bad.conf:3: Adress",
        "bad.conf: [Interface] has no Address",
        "bad.conf:9: AllowedIPs = 'any'",
        "bad.conf:10: Endpoint",
    ] {
        assert!(output.err().contains(words), "no '{words}': {output}");
    }
    at_home(&scene, ".wireguard/work.conf", &good());
    scene.say("vpn check work").output().ok();
    conf(&scene, "hooks.conf", &good().replace("DNS", "PostUp = true\nDNS"));
    assert_eq!(scene.say("vpn check ./hooks.conf").output().code(), 1);
    scene.say("vpn check --vpn-ignore-hooks ./hooks.conf").output().ok();
}

#[test]
fn completion_knows_configurations() {
    let scene = Scene::new();
    at_home(&scene, ".config/wireguard/work.conf", &good());
    at_home(&scene, ".wireguard/wan.conf", "");
    at_home(&scene, ".wireguard/notes.txt", "");
    fs::create_dir_all(scene.home().join(".wireguard/.hidden.conf")).unwrap();
    scene.say("create web").output().ok();
    let offers = |words: &[&str]| {
        let output = scene.kakuri(["completion", "words", "--"].iter().chain(words)).output().ok();
        let names: Vec<String> = output.text().lines().map(|l| l.split('\t').next().unwrap().to_string()).collect();
        names.join(" ")
    };
    assert_eq!(offers(&["vpn", ""]), "set show remove check status");
    assert_eq!(offers(&["--vpn", ""]), "wan work");
    assert_eq!(offers(&["create", "--vpn", "wo"]), "work");
    assert_eq!(offers(&["run", "--vpn=wa"]), "--vpn=wan");
    assert_eq!(offers(&["vpn", "set", ""]), "web");
    assert_eq!(offers(&["vpn", "set", "web", ""]), "wan work");
    assert_eq!(offers(&["vpn", "set", "web", "./"]), "", "files are the shell's");
    assert_eq!(offers(&["vpn", "check", ""]), "wan work");
    assert_eq!(offers(&["vpn", "status", ""]), "web");
    assert_eq!(offers(&["vpn", "set", "--vpn-on-failure", ""]), "stop block");
}
