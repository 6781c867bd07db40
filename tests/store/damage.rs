//! Whatever lies in the place of a container: it is named in one line, the others go on, and nothing is deleted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::common::{KAKURI, Scene};
use super::{containers, create, names, store};
use crate::need;

/// The error of the container `bad`, while `good` is well.
fn reason(scene: &Scene) -> String {
    let all = store(scene).all().unwrap();
    assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bad", "good"]);
    assert!(all[1].1.is_ok(), "the other is well");
    let fail = all[0].1.as_ref().expect_err("it cannot be read");
    let text = fail.to_string();
    assert!(fail.what.contains("'bad'") && fail.hint.is_some(), "{text}");
    text.lines().next().unwrap().to_string()
}

#[test]
fn cut_at_any_byte() {
    let scene = Scene::new();
    create(&scene, "good");
    let file = create(&scene, "bad").folder.join("config.json");
    let whole = fs::read(&file).unwrap();
    for cut in 0..whole.len() - 1 {
        fs::write(&file, &whole[..cut]).unwrap();
        let reason = reason(&scene);
        let words = if cut == 0 { "it is empty" } else { "ends in the middle" };
        assert!(reason.contains(words) && reason.contains("config.json"), "{cut}: {reason}");
    }
    fs::write(&file, &whole[..20]).unwrap();
    scene.kakuri(["start", "bad", "true"]).output().refused(125, &["'bad'", "ends in the middle"]);
    assert_eq!(fs::read(&file).unwrap(), &whole[..20], "nobody mends what he cannot read");
    assert_eq!(scene.kakuri(["start", "good", "echo", "fine"]).output().ok().text(), "fine");
    fs::write(&file, &whole).unwrap();
    assert!(store(&scene).find("bad").is_ok());
}

#[test]
fn anything_in_the_place_of_the_record() {
    let scene = Scene::new();
    create(&scene, "good");
    let entry = create(&scene, "bad");
    let file = entry.folder.join("config.json");
    let whole = fs::read_to_string(&file).unwrap();
    let put = |words: &str, make: &dyn Fn()| {
        let _ = fs::remove_file(&file);
        let _ = fs::remove_dir(&file);
        make();
        let reason = reason(&scene);
        assert!(reason.contains(words), "{words}: {reason}");
    };
    put("config.json is missing", &|| {});
    put("a folder", &|| fs::create_dir(&file).unwrap());
    put("a named pipe", &|| assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()));
    put("a symbolic link", &|| symlink("/etc/passwd", &file).unwrap());
    put("a socket", &|| drop(UnixListener::bind(&file).unwrap()));
    put("not JSON", &|| fs::write(&file, "hello").unwrap());
    put("not JSON", &|| fs::write(&file, format!("{whole}x")).unwrap());
    put("newer kakuri (form 7), and this one reads form 1", &|| {
        fs::write(&file, whole.replace("\"version\": 1", "\"version\": 7")).unwrap();
    });
    put("unknown field `extra`", &|| {
        fs::write(&file, whole.replace("\"created\"", "\"extra\": 0, \"created\"")).unwrap()
    });
    put("too large", &|| fs::File::create(&file).unwrap().set_len(17 << 20).unwrap());
    put("Permission denied", &|| {
        fs::write(&file, &whole).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    });
    put("other users may write to it", &|| {
        fs::write(&file, &whole).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    });
    assert_eq!(names(&containers(&scene)), ["bad", "good"]);
}

#[test]
fn anything_in_the_place_of_a_container() {
    let scene = Scene::new();
    create(&scene, "good");
    let bad = containers(&scene).join("bad");
    let put = |words: &str, make: &dyn Fn()| {
        let _ = fs::remove_file(&bad);
        let _ = fs::remove_dir(&bad);
        make();
        let reason = reason(&scene);
        assert!(reason.contains(words), "{words}: {reason}");
        assert_eq!(scene.kakuri(["start", "good", "true"]).output().code(), 0);
        assert!(bad.symlink_metadata().is_ok(), "nothing is deleted");
    };
    put("not a folder", &|| fs::write(&bad, "x").unwrap());
    put("not a folder", &|| symlink(containers(&scene).join("good"), &bad).unwrap());
    put("config.json is missing", &|| fs::create_dir(&bad).unwrap());
    // Of another user: a folder of root's is everywhere.
    put("not a folder", &|| symlink("/usr", &bad).unwrap());
    // What is no container's name is not looked at.
    fs::create_dir(containers(&scene).join("not a name")).unwrap();
    reason(&scene);
}

#[test]
fn what_belongs_to_another_user() {
    need!("unshare");
    let scene = Scene::new();
    create(&scene, "good");
    let entry = create(&scene, "bad");
    // In a user namespace all that is root's belongs to nobody.
    let script = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;
    let kakuri = |from: &str, on: &std::path::Path, name: &str| {
        let unshare = scene.program("unshare").args(["-Urm", "sh", "-c", script, "sh", from]).arg(on);
        unshare.args([KAKURI, "start", name, "echo", "fine"]).output()
    };
    let tried = kakuri("/etc", &scene.work(), "good");
    if tried.code() != 0 {
        super::common::skip(format_args!("a record of another user: {}", tried.err().trim()));
        return;
    }
    for (from, on) in [("/usr", entry.folder.clone()), ("/etc/passwd", entry.folder.join("config.json"))] {
        kakuri(from, &on, "bad").refused(125, &["'bad'", "belongs to another user"]);
        assert_eq!(kakuri(from, &on, "good").ok().text(), "fine");
    }
    kakuri("/usr", &containers(&scene), "good").refused(125, &["belongs to another user"]);
}

#[test]
fn what_older_kakuris_did_not_write_is_the_default() {
    let scene = Scene::new();
    let entry = create(&scene, "old");
    let text = r#"{"version": 1, "created": 1, "kind": "persistent", "spec": {"nest": true}}"#;
    fs::write(entry.folder.join("config.json"), text).unwrap();
    let spec = store(&scene).find("old").unwrap().record.spec;
    assert!(spec.nest && spec.binds.is_empty());
    assert_eq!(scene.kakuri(["start", "old", "echo", "up"]).output().ok().text(), "up");
}
