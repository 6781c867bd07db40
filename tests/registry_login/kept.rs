//! Files of logins: which counts, what is written, what stays.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use kakuri::image::access::Access;
use kakuri::image::access::credentials::find;
use kakuri::image::access::login::{Kept, Registry, forget, keep};

use crate::common::Scene;
use crate::{SECRET, basic, host, named, put, shown};

fn registry(typed: &str) -> Registry {
    Registry::parse(typed.as_bytes()).expect(typed)
}

/// base64 of a:b, c:d and so on.
const AB: &str = r#"{"auths": {"r.org": {"auth": "YTpi"}}}"#;
const CD: &str = r#"{"auths": {"r.org": {"auth": "Yzpk"}}}"#;
const EF: &str = r#"{"auths": {"r.org": {"auth": "ZTpm"}, "https://index.docker.io/v1/": {"auth": "ZTpm"}}}"#;

#[test]
fn the_first_file_that_knows_the_registry_counts() {
    let scene = Scene::new();
    let mut host = host(&scene);
    let all = Access::default();
    let who = |host: &_, access: &_| find("r.org", "x", access, host).map(shown);
    assert_eq!(who(&host, &all).unwrap(), "nobody");
    put(scene.home().join(".docker/config.json"), EF);
    assert_eq!(who(&host, &all).unwrap(), "e:f");
    assert_eq!(find("docker.io", "library/alpine", &all, &host).map(shown).unwrap(), "e:f");
    put(scene.home().join(".config/containers/auth.json"), CD);
    assert_eq!(who(&host, &all).unwrap(), "c:d");
    put(scene.runtime().join("containers/auth.json"), AB);
    assert_eq!(who(&host, &all).unwrap(), "a:b");
    // One that does not know it is passed over, and one that makes no sense is not.
    put(scene.runtime().join("containers/auth.json"), r#"{"auths": {"other.org": {"auth": "YTpi"}}}"#);
    assert_eq!(who(&host, &all).unwrap(), "c:d");
    put(scene.runtime().join("containers/auth.json"), "{\n\"auths\": 3}");
    let fail = who(&host, &all).unwrap_err().to_string();
    assert!(fail.contains("runtime/containers/auth.json:2: "), "{fail}");
    // One that is named is the only one.
    let own = put(scene.work().join("own.json"), EF);
    assert_eq!(who(&host, &named(&own)).unwrap(), "e:f");
    let fail = who(&host, &named(&scene.work().join("none.json"))).unwrap_err().to_string();
    assert!(fail.contains("none.json' (--authfile)"), "{fail}");
    host.env.insert(b"REGISTRY_AUTH_FILE".to_vec(), b"own.json".to_vec());
    assert_eq!(who(&host, &all).unwrap(), "e:f");
}

#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    let scene = Scene::new();
    let path = put(scene.home().join(".config/containers/auth.json"), AB);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        return crate::common::skip("root reads every file");
    }
    let fail = find("r.org", "x", &Access::default(), &host(&scene)).unwrap_err().to_string();
    assert!(fail.contains(".config/containers/auth.json': Permission denied"), "{fail}");
}

#[test]
fn what_is_kept_is_found_and_the_rest_of_the_file_stays() {
    let scene = Scene::new();
    let host = host(&scene);
    let path = scene.runtime().join("containers/auth.json");
    let bytes = path.as_os_str().as_encoded_bytes();
    let login = basic("me", SECRET);
    assert_eq!(keep(bytes, &registry("quay.io"), &login, &host).unwrap(), Kept::File(bytes.to_vec()));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let me = format!("me:{SECRET}");
    assert_eq!(find("quay.io", "a/b", &Access::default(), &host).map(shown).unwrap(), me);

    // Docker's file, a link to which stays one, with much else in it and docker's own name of docker.io.
    let real = put(
        scene.work().join("dot/config.json"),
        r#"{"psFormat": "x", "HttpHeaders": {"n": 12345678901234567, "l": [true, null]},
            "auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "r.org": {"auth": "YTpi", "email": "e"}}}"#,
    );
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    let link = scene.work().join("config.json");
    symlink(&real, &link).unwrap();
    keep(link.as_os_str().as_encoded_bytes(), &registry("docker.io"), &login, &host).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&real), 0o600);
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&real).unwrap()).unwrap();
    assert_eq!(whole["psFormat"], "x");
    assert_eq!(whole["HttpHeaders"], serde_json::json!({"n": 12345678901234567_u64, "l": [true, null]}));
    assert_eq!(whole["auths"]["r.org"]["email"], "e");
    assert_eq!(whole["auths"].as_object().unwrap().len(), 2, "{whole}");
    assert_eq!(find("docker.io", "library/x", &named(&link), &host).map(shown).unwrap(), me);

    // A part of a registry has a login of its own, which goes by itself.
    keep(bytes, &registry("quay.io/team"), &basic("ci", "pw"), &host).unwrap();
    let who = |name: &str| find("quay.io", name, &Access::default(), &host).map(shown).unwrap();
    assert_eq!((who("team/app"), who("other")), ("ci:pw".into(), me.clone()));
    assert_eq!(forget(bytes, &registry("quay.io/team"), &host).unwrap(), [Kept::File(bytes.to_vec())]);
    assert_eq!(who("team/app"), me);
    assert_eq!(forget(bytes, &registry("https://quay.io/"), &host).unwrap().len(), 1);
    assert_eq!((who("x"), forget(bytes, &registry("quay.io"), &host).unwrap()), ("nobody".into(), vec![]));
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["auth.json"], "nothing else is left there");
}

/// Each reads what the one before it has written.
#[test]
fn many_logins_at_once_lose_none() {
    let scene = Scene::new();
    let host = host(&scene);
    let path = scene.runtime().join("containers/auth.json");
    let bytes = path.as_os_str().as_encoded_bytes();
    std::thread::scope(|scope| {
        for n in 0..16 {
            let host = &host;
            scope.spawn(move || keep(bytes, &registry(&format!("r{n}.org")), &basic("u", "p"), host).unwrap());
        }
    });
    for n in 0..16 {
        assert_eq!(find(&format!("r{n}.org"), "x", &Access::default(), &host).map(shown).unwrap(), "u:p");
    }
}

#[test]
fn registries_are_named_in_many_ways() {
    for (typed, key) in [
        ("quay.io", "quay.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("http://localhost:5000/", "localhost:5000"),
        ("Quay.IO/team/app", "quay.io/team/app"),
        ("[::1]:5000", "[::1]:5000"),
    ] {
        assert_eq!(registry(typed).key(), key, "{typed}");
    }
    for typed in ["", "a b", "quay.io/Team", "quay.io/a:tag", "quay.io//a", "host:0", "../x"] {
        let said = Registry::parse(typed.as_bytes());
        assert!(said.as_ref().is_err_and(|fail| fail.hint.is_some()), "{typed}: {said:?}");
    }
    assert!(Registry::parse(b"a\xff").is_err());
}
