//! How the guarantees are told, and required.

use crate::common::{Output, Scene};

/// Name and state of each row of the table.
fn rows(text: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, state) = (words.next()?, words.next()?);
        ["enforced", "weaker", "absent"].contains(&state).then(|| (name.to_string(), state.to_string()))
    };
    text.lines().filter_map(row).collect()
}

#[track_caller]
fn state(text: &str, name: &str) -> String {
    rows(text).into_iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("{name}: {text}")).1
}

/// One line and a hint, with 125, and nothing on standard output.
#[track_caller]
fn refused(said: Output, parts: &[&str]) {
    assert_eq!(said.code(), 125, "{said}");
    assert!(said.text().is_empty() && said.err().lines().count() == 2, "{said}");
    for part in parts {
        assert!(said.err().contains(part), "{part}: {said}");
    }
}

#[test]
fn a_run_is_explained_with_every_guarantee() {
    let scene = Scene::new();
    let text = scene.say("--explain true").output().ok().text();
    assert_eq!(rows(&text).len(), 25, "{text}");
    assert_eq!(state(&text, "network"), "enforced");
    let text = scene.say("--explain --allow-network --require network true").output().ok().text();
    assert_eq!(state(&text, "network"), "absent");
    assert!(text.lines().any(|line| line.starts_with("refused ") && line.contains("'network'")), "{text}");
}

#[test]
fn what_is_required_is_named_where_it_is_not_so() {
    let scene = Scene::new();
    scene.say("--require all true").output().ok();
    scene.say("--require network,identity --require ipc true").output().ok();
    refused(scene.say("--require firewall true").output(), &["'firewall'", "system-calls", "landlock", "all"]);
    refused(scene.say("--require landlock true").output(), &["'landlock' is absent", "not asked for", "--landlock-rx"]);
    refused(scene.say("--require vpn true").output(), &["'vpn' is absent", "--vpn CONF"]);
    let both = scene.say("--require all --nest --allow-network true").output();
    refused(both, &["'nesting' is absent", "'network' is absent", "leave --nest out", "--network nat"]);
    // Nothing was made for it.
    let named = scene.say("create --require ipc --share ipc box").output();
    assert_eq!(named.code(), 1, "{named}");
    assert!(named.err().contains("'ipc' is absent"), "{named}");
    assert_eq!(scene.say("list -q").output().ok().text(), "");
}

#[test]
fn the_configuration_may_require_it_of_all() {
    let scene = Scene::new();
    let file = scene.file("strict.toml", "[defaults]\nrequire = [\"network\"]\n").display().to_string();
    scene.say(&format!("--config {file} true")).output().ok();
    refused(scene.say(&format!("--config {file} --allow-network true")).output(), &["'network' is absent"]);
    let shown = scene.program(crate::common::KAKURI).args(["config", "show", "--config", &file]).output().ok().text();
    assert!(shown.contains("require = [\"network\"]"), "{shown}");
    let wrong = scene.file("wrong.toml", "[defaults]\nrequire = [\"netwrk\"]\n").display().to_string();
    refused(scene.say(&format!("--config {wrong} true")).output(), &["wrong.toml:2:1", "'netwrk'"]);
}

#[test]
fn a_container_tells_what_it_was_started_with() {
    let scene = Scene::new();
    let inspect = |line: &str| {
        scene.program(crate::common::KAKURI).args(["inspect", "--security"]).args(line.split(' ')).output()
    };
    let say = |line: &str| scene.program(crate::common::KAKURI).args(line.split(' ')).output();
    say("create --env-host box").ok();
    let text = inspect("box").ok().text();
    assert!(text.starts_with("box: as it would be started now"), "{text}");
    assert_eq!((state(&text, "environment"), state(&text, "network")), ("absent".into(), "enforced".into()));
    // Of this run alone.
    say("start -d --allow-network box").ok();
    let text = inspect("box").ok().text();
    assert!(text.starts_with("box: as it was started"), "{text}");
    assert_eq!((state(&text, "environment"), state(&text, "network")), ("absent".into(), "absent".into()));
    let value: serde_json::Value = serde_json::from_str(&inspect("--format json box").ok().text()).unwrap();
    assert_eq!((&value[0]["name"], &value[0]["running"]), (&"box".into(), &true.into()));
    let network = value[0]["guarantees"].as_array().unwrap().iter().find(|row| row["name"] == "network").unwrap();
    assert_eq!(network["state"], "absent");
    assert!(network["reason"].is_string() && network["mend"].is_string() && network["claim"].is_string());
    assert_eq!(inspect("--format {{.name}} box").ok().text(), "box");
    let both = inspect("box nobody");
    assert_eq!(both.code(), 1, "{both}");
    assert!(both.text().starts_with("box: ") && both.err().contains("nobody"), "{both}");
    say("remove -f box").ok();
}
