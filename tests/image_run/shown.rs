//! What is told of images: --explain and --emit, list and inspect.

use serde_json::{Value, json};

use crate::common::Scene;
use crate::layout::{Layout, Tar, base, one};

#[test]
fn the_plan_shows_the_layers() {
    let scene = Scene::new();
    let Some(base) = base() else { return };
    let layers = [base, Tar::new().file("a", "a"), Tar::new().file("b", "b")];
    let image = Layout::new(&scene).image("plan", layers, json!({ "Cmd": ["cat", "/a"], "User": "app" }));
    let explain = ["--explain", "--userns", "single", "--image", &image];
    let refused = scene.kakuri(explain).output();
    assert!(refused.code() == 125 && refused.err().contains("is not here"), "{refused}");
    scene.kakuri(["run", "--userns", "single", "--image", &image, "true"]).output().ok();
    let store = scene.home().join(".local/kakuri/images/layers/single").display().to_string();
    let text = scene.kakuri(explain).output().ok().text();
    // Which layer is which is told by its digest.
    let mut shown: Vec<String> = text.lines().filter(|l| l.contains(&store)).map(String::from).collect();
    for line in &mut shown {
        let at = line.find(&store).unwrap() + store.len() + 1;
        line.replace_range(at..at + 64, "CHAIN");
    }
    let expected = [
        format!(
            "root      /                         folder STORE/CHAIN/fs (typed as {image}) of the host, the uppermost of 3, by \
             an overlay that keeps what is written in a tmpfs, gone with the container, nosuid, nodev, writable"
        ),
        "layer     /                         2. STORE/CHAIN/fs of the host".to_string(),
        "layer     /                         3. STORE/CHAIN/fs of the host".to_string(),
    ];
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: Vec<String> = shown.iter().map(|line| squeezed(&line.replace(&store, "STORE"))).collect();
    assert_eq!(shown, expected.map(|line| squeezed(&line)));
    for line in ["command cat /a", "identity uid 1000, gid 1001 inside; you outside, with your groups"] {
        assert!(text.lines().any(|l| squeezed(l) == line), "{line}: {text}");
    }
    let emit = scene.kakuri(["--emit", "mount", "--userns", "single", "--image", &image]).output().ok().text();
    let plan: Value = serde_json::from_str(&emit).unwrap();
    let root = &plan["root"];
    assert_eq!((root["typed"].as_str(), root["under"].as_array().unwrap().len()), (Some(&image[..]), 2), "{root}");
    assert!(root["under"][0]["seen"][1].is_u64() && root["how"]["overlay"]["layer"].is_null(), "{root}");
    assert_eq!(plan["read_only"], json!(false));
}

#[test]
fn lists_and_inspect() {
    let scene = Scene::new();
    let labels = json!({ "org.example.kind": "test", "empty": "" });
    let config = json!({ "Labels": labels, "Cmd": ["true"], "Env": ["A=b"], "ExposedPorts": { "80/tcp": {} } });
    let Some(image) = one(&scene, config) else { return };
    scene.kakuri(["create", "--image", &image, "imaged"]).output().ok();
    scene.kakuri(["create", "plain"]).output().ok();
    let lines = |args: &[&str]| scene.kakuri(args).output().ok().text();
    assert!(lines(&["list"]).lines().next().unwrap().ends_with("IMAGE"));
    for (filter, names) in [
        (format!("image={image}"), "imaged"),
        (format!("ancestor={image}"), "imaged"),
        ("image=other".into(), ""),
        ("label=org.example.kind".into(), "imaged"),
        ("label=org.example.kind=test".into(), "imaged"),
        ("label=org.example.kind=else".into(), ""),
        ("label=empty=".into(), "imaged"),
    ] {
        assert_eq!(lines(&["list", "-q", "--filter", &filter]), names, "{filter}");
    }
    assert_eq!(lines(&["container", "ls", "-a", "--filter", "name=imaged", "--format", "{{.Image}}"]), image);
    let all: Value = serde_json::from_str(&lines(&["inspect", "imaged"])).unwrap();
    let one = &all[0];
    let id = one["image"]["id"].as_str().unwrap().to_string();
    assert!(id.starts_with("sha256:") && one["Image"] == json!(id), "{one}");
    assert_eq!((&one["image"]["labels"], &one["Config"]["Labels"]), (&labels, &labels));
    assert_eq!((&one["Config"]["Cmd"], &one["Config"]["Env"]), (&json!(["true"]), &json!(["A=b"])));
    assert_eq!((&one["Config"]["Image"], &one["image"]["ports"]), (&json!(image), &json!(["80/tcp"])));
    assert_eq!(lines(&["list", "-q", "--filter", &format!("image={}", &id[7..19])]), "imaged");
    let plain: Value = serde_json::from_str(&lines(&["inspect", "plain"])).unwrap();
    assert!(plain[0]["image"].is_null() && plain[0]["Image"] == json!("host"), "{plain}");
}
