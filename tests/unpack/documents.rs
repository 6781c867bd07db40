//! Manifests, indexes and configurations.

use std::os::fd::AsFd;

use kakuri_image::talk::{FromUnpack, ToUnpack};
use kakuri_image::{Algorithm, Digest, Platform, Recipe};
use kakuri_wire::Stage;
use kakuri_wire::document;
use serde_json::{Value, json};

use crate::common::Scene;
use crate::role::{As, Role, memory, work};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn digest(n: u32) -> String {
    Digest::of(Algorithm::Sha256, &n.to_le_bytes()).to_string()
}

fn descriptor(media: &str, n: u32) -> Value {
    json!({"mediaType": media, "digest": digest(n), "size": 100})
}

fn of(platform: &str, n: u32) -> Value {
    let parts: Vec<&str> = platform.split('/').collect();
    let mut one = descriptor(MANIFEST, n);
    one["platform"] = json!({"os": parts[0], "architecture": parts[1]});
    if let Some(variant) = parts.get(2) {
        one["platform"]["variant"] = json!(variant);
    }
    one
}

fn named(mut one: Value, name: &str) -> Value {
    one["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    one
}

fn index(manifests: Vec<Value>) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
}

fn manifest(config: &[u8], layers: usize) -> Value {
    let digest = Digest::of(Algorithm::Sha256, config).to_string();
    let layers: Vec<Value> = (0..layers).map(|n| descriptor(GZIP, n as u32)).collect();
    json!({"schemaVersion": 2, "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()}, "layers": layers})
}

fn judge_for(role: &Role, document: &Value, tag: Option<&str>, platform: &str) -> FromUnpack {
    let platform: Platform = platform.parse().unwrap();
    let file = memory(document.to_string().as_bytes());
    role.say(&ToUnpack::Judge { digest: None, tag: tag.map(Into::into), platform }, &[file.as_fd()]);
    role.hear().0
}

fn judge(role: &Role, document: &Value) -> FromUnpack {
    judge_for(role, document, None, "linux/amd64")
}

fn configure(role: &Role, config: &[u8]) -> Result<Recipe, String> {
    role.say(&ToUnpack::Config, &[memory(config).as_fd()]);
    match role.hear() {
        (FromUnpack::Recipe, mut fds) => Ok(document::read(Stage::Front, fds.pop().unwrap()).unwrap()),
        (FromUnpack::Failed(fail), _) => Err(fail.to_string()),
        other => panic!("{other:?}"),
    }
}

fn refusal(word: FromUnpack) -> String {
    match word {
        FromUnpack::Failed(fail) => fail.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_becomes_a_recipe() {
    let scene = Scene::new();
    let role = Role::start("unpack", &work(&scene), As::Caller);
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z", "unknown": [1],
        "config": {"User": "app:extra", "Env": ["A=b=c", "E="], "Entrypoint": null, "Cmd": ["sh"], "WorkingDir": "/w",
            "Volumes": {"/v": {}}, "ExposedPorts": {"80/tcp": {}}, "Labels": {"k": "v"}, "StopSignal": "SIGINT"},
        "rootfs": {"type": "layers", "diff_ids": [digest(10), digest(11)]},
        "history": [{"created_by": "x"}, {"empty_layer": true}, {"created_by": "y"}],
    })
    .to_string();
    let manifest = manifest(config.as_bytes(), 2);
    let FromUnpack::Manifest { config: wanted, size } = judge(&role, &manifest) else { panic!("no manifest") };
    assert_eq!(size, config.len() as u64);
    assert!(wanted.is_of(config.as_bytes()));
    let recipe = configure(&role, config.as_bytes()).expect("a recipe");
    assert!(recipe.manifest.is_of(manifest.to_string().as_bytes()));
    assert_eq!(recipe.platform.to_string(), "linux/amd64");
    assert_eq!(recipe.run.user.as_deref(), Some("app:extra"));
    assert_eq!(
        (recipe.run.env.len(), recipe.run.entrypoint.len(), &recipe.run.cmd[..]),
        (2, 0, &["sh".to_string()][..])
    );
    assert_eq!(
        (&recipe.run.volumes[..], &recipe.run.ports[..]),
        (&["/v".to_string()][..], &["80/tcp".to_string()][..])
    );
    assert_eq!(recipe.run.labels["k"], "v");
    assert_eq!(recipe.created.as_deref(), Some("2026-01-02T03:04:05Z"));
    let [low, high] = &recipe.layers[..] else { panic!("two layers") };
    assert_eq!(low.chain, low.diff_id);
    assert_eq!(high.chain, Digest::of(Algorithm::Sha256, format!("{} {}", low.diff_id, high.diff_id).as_bytes()));
    role.end();
}

#[test]
fn of_an_index_the_machine_that_was_wanted() {
    let scene = Scene::new();
    let role = Role::start("unpack", &work(&scene), As::Caller);
    let machines =
        ["linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "windows/amd64", "linux/amd64", "unknown/unknown"];
    let all = index(machines.iter().enumerate().map(|(n, platform)| of(platform, n as u32)).collect());
    // A new process for each: an index in an index in an index is refused.
    for (wanted, chosen) in [("linux/amd64", 4), ("linux/arm64", 0), ("linux/arm", 2), ("linux/arm/v6", 1)] {
        let role = Role::start("unpack", &work(&scene), As::Caller);
        let FromUnpack::Index { manifest, .. } = judge_for(&role, &all, None, wanted) else { panic!("{wanted}") };
        assert_eq!(manifest.to_string(), digest(chosen), "{wanted}");
        role.end();
    }
    let words = refusal(judge_for(&role, &all, None, "linux/s390x"));
    assert!(words.contains("not there for linux/s390x") && words.contains("linux/arm64, linux/arm/v6"), "{words}");
    assert!(!words.contains("unknown"), "{words}");
    let nested = index(vec![descriptor(INDEX, 1)]);
    assert!(matches!(judge(&role, &nested), FromUnpack::Index { .. }));
    assert!(refusal(judge(&role, &nested)).contains("an index that names an index"));
    role.end();
}

#[test]
fn of_a_folder_the_name_that_was_wanted() {
    let scene = Scene::new();
    let start = || Role::start("unpack", &work(&scene), As::Caller);
    let chosen = |document: &Value, tag: Option<&str>| {
        let role = start();
        let word = judge_for(&role, document, tag, "linux/amd64");
        role.end();
        match word {
            FromUnpack::Index { manifest, .. } => Ok(manifest.to_string()),
            other => Err(refusal(other)),
        }
    };
    let two = index(vec![named(of("linux/amd64", 1), "one"), named(descriptor(MANIFEST, 2), "two")]);
    assert_eq!(chosen(&two, Some("one")), Ok(digest(1)));
    assert_eq!(chosen(&two, Some("two")), Ok(digest(2)));
    let words = chosen(&two, None).expect_err("which");
    assert!(
        words.contains("several images") && words.contains("one, two") && words.contains("oci:FOLDER:NAME"),
        "{words}"
    );
    assert!(chosen(&two, Some("three")).expect_err("none").contains("no image 'three'"));
    let latest = index(vec![named(descriptor(MANIFEST, 1), "old"), named(descriptor(MANIFEST, 2), "latest")]);
    assert_eq!(chosen(&latest, None), Ok(digest(2)));
    assert_eq!(chosen(&index(vec![descriptor(MANIFEST, 3)]), None), Ok(digest(3)));
    let same = index(vec![named(of("linux/arm64", 4), "x"), named(of("linux/amd64", 5), "x")]);
    assert_eq!(chosen(&same, Some("x")), Ok(digest(5)));
}

#[test]
fn documents_that_are_none() {
    let scene = Scene::new();
    let role = Role::start("unpack", &work(&scene), As::Caller);
    let good = manifest(b"{}", 1);
    let with = |key: &str, value: Value| {
        let mut document = good.clone();
        document[key] = value;
        document
    };
    let mut artifact = good.clone();
    artifact["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    let mut encrypted = good.clone();
    encrypted["layers"][0]["mediaType"] = json!(format!("{GZIP}+encrypted"));
    let mut short = good.clone();
    short["layers"][0]["digest"] = json!("sha256:1234");
    let mut negative = good.clone();
    negative["layers"][0]["size"] = json!(-1);
    let mut huge = good.clone();
    huge["config"]["size"] = json!(9 << 20);
    for (words, document) in [
        ("schema 1", json!({"schemaVersion": 1, "name": "x", "fsLayers": []})),
        ("neither", json!({"schemaVersion": 2})),
        ("neither", with("manifests", json!([]))),
        ("neither", with("mediaType", json!(INDEX))),
        ("helm", artifact),
        ("encrypted", encrypted),
        ("is no digest", short),
        ("its manifest is none", negative),
        ("larger than 8 MiB", huge),
        ("has 500 layers", manifest(b"{}", 500)),
        ("is none", json!([])),
        ("names no image", index(vec![])),
        ("1001 images", index((0..1001).map(|n| of("linux/amd64", n)).collect())),
    ] {
        let told = refusal(judge(&role, &document));
        assert!(told.contains(words), "{words}: {told}");
    }
    // Asked for by its digest, another one is refused before it is read.
    let platform = Platform::host();
    let asked = ToUnpack::Judge { digest: Some(Digest::of(Algorithm::Sha256, b"x")), tag: None, platform };
    role.say(&asked, &[memory(b"]").as_fd()]);
    assert!(refusal(role.hear().0).contains("another digest than was asked for"));
    role.end();
}

#[test]
fn configurations_that_are_none() {
    let scene = Scene::new();
    let role = Role::start("unpack", &work(&scene), As::Caller);
    let good = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"diff_ids": [digest(1)]}});
    let with = |key: &str, value: Value| {
        let mut document = good.clone();
        document[key] = value;
        document.to_string()
    };
    for (words, config) in [
        ("has 1 layers, and its configuration 0", with("rootfs", json!({"diff_ids": []}))),
        ("by no digest", with("rootfs", json!({"diff_ids": ["md5:x"]}))),
        ("not there for linux/amd64", with("architecture", json!("arm64"))),
        ("with a NUL", with("config", json!({"Cmd": ["a\0b"]}))),
        ("is none", with("config", json!({"Env": "A=b"}))),
    ] {
        let document = manifest(config.as_bytes(), 1);
        assert!(matches!(judge(&role, &document), FromUnpack::Manifest { .. }), "{words}");
        let told = configure(&role, config.as_bytes()).expect_err(words);
        assert!(told.contains(words), "{words}: {told}");
    }
    let config = good.to_string();
    judge(&role, &manifest(config.as_bytes(), 1));
    assert!(configure(&role, format!("{config} ").as_bytes()).expect_err("longer").contains("another digest"));
    assert!(configure(&role, config.as_bytes()).expect_err("asked twice").contains("out of turn"));
    role.end();
}
