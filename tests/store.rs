//! The store of named containers: what create, remove and rename leave on disk, and what the store makes of whatever it
//! finds there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/full.rs"]
mod full;
#[path = "store/hostile.rs"]
mod hostile;
#[path = "store/kept.rs"]
mod kept;
#[path = "store/lock.rs"]
mod lock;
#[path = "store/race.rs"]
mod race;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::live::let_go;
use common::{HANG, Scene};
use kakuri::store::{Entry, Store};

/// Where a scene's containers are.
pub fn containers(scene: &Scene) -> PathBuf {
    scene.home().join(".local/kakuri/containers")
}

pub fn store(scene: &Scene) -> Store {
    Store { dir: containers(scene) }
}

pub fn create(scene: &Scene, name: &str) -> Entry {
    assert_eq!(scene.kakuri(["create", name]).output().ok().text(), name);
    store(scene).find(name).unwrap()
}

/// Everything in a folder, hidden or not.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A configuration that puts the containers elsewhere.
pub fn put_containers_at(scene: &Scene, path: &Path) {
    let folder = scene.home().join(".config/container");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), format!("[storage]\ncontainers_dir = {path:?}\n")).unwrap();
}

#[test]
fn a_new_container_is_the_owners_alone() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    assert_eq!(names(&containers(&scene)), ["web"]);
    assert_eq!(names(&entry.folder), ["config.json", "lock", "root"]);
    for (path, mode) in [(".", 0o700), ("root", 0o700), ("config.json", 0o600), ("lock", 0o600), ("../../web", 0o700)] {
        let path = entry.folder.join(path.replace("../../web", ".."));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode, "{}", path.display());
    }
    for (path, mode) in
        [("home", 0o755), ("root", 0o700), ("srv", 0o755), ("var", 0o755), ("var/log", 0o755), ("var/tmp", 0o1777)]
    {
        assert_eq!(fs::metadata(entry.folder.join("root").join(path)).unwrap().mode() & 0o7777, mode, "{path}");
    }
    for (link, to) in [("run", "/run"), ("lock", "/run/lock")] {
        assert_eq!(fs::read_link(entry.folder.join("root/var").join(link)).unwrap(), Path::new(to));
    }
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let scene = Scene::new();
    scene.program("sh").args(["-c", "umask 077; exec \"$0\" create tight", common::KAKURI]).output().ok();
    let root = store(&scene).find("tight").unwrap().folder.join("root");
    assert_eq!(fs::metadata(root.join("var/tmp")).unwrap().mode() & 0o7777, 0o1777);
    assert_eq!(fs::metadata(root.join("srv")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn a_name_is_made_up_where_none_is_given() {
    let scene = Scene::new();
    let name = scene.kakuri(["create"]).output().ok().text();
    assert!(name.starts_with("run-") && name.len() == 10, "{name}");
    assert_eq!(names(&containers(&scene)), [name]);
}

#[test]
fn every_option_is_recorded_and_meant_from_where_it_was_typed() {
    let scene = Scene::new();
    scene.folder("p");
    scene.file("vars", "A=1\n");
    let options = ["--bind", "./p:/work:ro", "--tmpfs", "/x:size=1m", "-e", "K=V", "--env-file", "vars", "--nest"];
    scene.kakuri(["create", "--hostname", "h"].iter().chain(&options).chain(&["web", "sleep", "1"])).output().ok();
    let spec = store(&scene).find("web").unwrap().record.spec;
    assert_eq!(spec.binds[0].source.as_path(), scene.work().join("p"));
    assert_eq!(spec.environment.files[0].as_path(), scene.work().join("vars"));
    assert_eq!(spec.environment.set, ["K=V".into()]);
    assert_eq!(spec.command, ["sleep".into(), "1".into()]);
    assert_eq!((spec.hostname.as_deref(), spec.nest, spec.tmpfs[0].size), (Some("h"), true, Some(1 << 20)));
    assert!(!spec.auto_bind);
}

#[test]
fn bad_input_creates_nothing() {
    let scene = Scene::new();
    for (args, words) in [
        (&["create", "--bind", "./missing:/x", "web"][..], "cannot bind './missing'"),
        (&["create", "--bind-profile", "nope", "web"], "no bind profile is named 'nope'"),
        (&["create", "--env-file", "nope", "web"], "nope"),
        (&["create", "--hide", "/no/such/place", "web"], "cannot hide '/no/such/place'"),
    ] {
        scene.kakuri(args).output().refused(1, &[words]);
    }
    for name in ["my web", "-", ".hidden", "a/b", "../x", "", &"x".repeat(65)] {
        let output = scene.kakuri(["create", name]).output();
        assert_eq!(output.code(), 125, "{name}: {output}");
        assert!(output.stdout.is_empty() && output.err().contains("hint: "), "{output}");
    }
    assert!(names(&containers(&scene)).is_empty());
    assert_eq!(names(&scene.home()), Vec::<String>::new(), "not even the folder of containers");
}

#[test]
fn a_taken_name_is_kept_by_who_has_it() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    fs::write(entry.folder.join("root/srv/mine"), "x").unwrap();
    scene
        .kakuri(["create", "web"])
        .output()
        .refused(1, &["'web'", "already"])
        .hints(&["kakuri start web", "--replace"]);
    assert!(entry.folder.join("root/srv/mine").exists());
    let renamed = create(&scene, "db");
    scene.kakuri(["container", "rename", "db", "web"]).output().refused(1, &["'web'", "already"]);
    assert!(entry.folder.join("root/srv/mine").exists() && renamed.folder.exists());
}

#[test]
fn replace_puts_a_new_one_in_its_place() {
    let scene = Scene::new();
    let old = create(&scene, "web");
    fs::write(old.folder.join("root/srv/old"), "x").unwrap();
    scene.kakuri(["create", "--replace", "--nest", "web"]).output().ok();
    let new = store(&scene).find("web").unwrap();
    assert!(new.record.spec.nest && !new.folder.join("root/srv/old").exists());
    assert_eq!(names(&containers(&scene)), ["web"], "the old one is gone");
    // What cannot be planned replaces nothing.
    scene.kakuri(["create", "--replace", "--bind", "nope", "web"]).output().refused(1, &["'nope'"]);
    assert!(store(&scene).find("web").unwrap().record.spec.nest);
    // Where nothing is replaced, it is made all the same; and one whose record is broken gives way too.
    scene.kakuri(["create", "--replace", "other"]).output().ok();
    fs::write(new.folder.join("config.json"), "{").unwrap();
    scene.kakuri(["create", "--replace", "web"]).output().ok();
    assert!(store(&scene).find("web").is_ok());
    // What uses the old one finds it gone, not the new one in its place.
    let fail = old.lock(HANG).expect_err("replaced").to_string();
    assert!(fail.contains("removed or renamed meanwhile"), "{fail}");
}

/// File systems give the inode of a removed folder to the next new one.
#[test]
fn one_that_was_replaced_is_never_taken_for_the_new_one() {
    let scene = Scene::new();
    let old = create(&scene, "web");
    for round in 0..30 {
        scene.kakuri(["create", "--replace", "web"]).output().ok();
        // Takes some of the free numbers, so that it is another one's turn each time.
        (0..=round % 3).for_each(|n| drop(scene.folder(&format!("{round}/{n}"))));
        let fail = old.lock(HANG).expect_err("replaced").to_string();
        assert!(fail.contains("removed or renamed meanwhile"), "round {round}: {fail}");
        assert_eq!(old.last(), None);
    }
    let_go(store(&scene).find("web").unwrap().lock(HANG).unwrap());
}

#[test]
fn names_are_found_by_a_prefix_and_the_nearest_is_offered() {
    let scene = Scene::new();
    for name in ["web", "web2", "devenv"] {
        create(&scene, name);
    }
    assert_eq!(scene.kakuri(["remove", "dev"]).output().ok().text(), "devenv");
    scene.kakuri(["remove", "we"]).output().refused(1, &["'we'", "ambiguous", "web, web2"]);
    scene.kakuri(["remove", "wbe"]).output().refused(1, &["'wbe'"]).hints(&["web", "kakuri list"]);
    assert_eq!(scene.kakuri(["remove", "web"]).output().ok().text(), "web");
    // By force only by the whole name: web is gone already, and web2 is not it.
    assert_eq!(scene.kakuri(["remove", "-f", "web"]).output().ok().text(), "");
    assert_eq!(names(&containers(&scene)), ["web2"]);
}

#[test]
fn remove_does_what_it_can() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        create(&scene, name);
    }
    let output = scene.kakuri(["remove", "a", "nope", "b"]).output();
    assert_eq!((output.code(), output.text().as_str()), (1, "a\nb"), "{output}");
    assert!(output.err().contains("'nope'"), "{output}");
    assert_eq!(scene.kakuri(["remove", "-f", "nope"]).output().ok().text(), "");
    fs::write(containers(&scene).join("c/config.json"), "nonsense").unwrap();
    create(&scene, "d");
    assert_eq!(scene.kakuri(["remove", "--all"]).output().ok().text(), "c\nd");
    assert!(names(&containers(&scene)).is_empty());
}

#[test]
fn a_renamed_container_keeps_its_files() {
    let scene = Scene::new();
    let entry = create(&scene, "old");
    fs::write(entry.folder.join("root/srv/x"), "1").unwrap();
    scene.kakuri(["container", "rename", "old", "new"]).output().ok();
    assert_eq!(names(&containers(&scene)), ["new"]);
    assert!(containers(&scene).join("new/root/srv/x").exists());
    scene.kakuri(["container", "rename", "gone", "x"]).output().refused(1, &["'gone'"]);
    assert_eq!(scene.kakuri(["container", "rename", "new", "a b"]).output().code(), 125);
    assert_eq!(names(&containers(&scene)), ["new"]);
}

#[test]
fn a_folder_of_containers_that_cannot_be_used_is_named() {
    let scene = Scene::new();
    let refused = |path: &Path, words: &[&str]| {
        put_containers_at(&scene, path);
        let shown = path.to_str().unwrap();
        scene.kakuri(["create", "web"]).output().refused(1, &[&[shown], words].concat()).hints(&["config path"]);
    };
    refused(&scene.file("file", "x"), &["not a folder"]);
    refused(&scene.file("file", "x").join("below"), &[]);
    refused(Path::new("/usr"), &["another user, uid 0"]);
    refused(Path::new("/proc/kakuri"), &[]);
    let nowhere = scene.work().join("nowhere");
    symlink("/no/such/folder", &nowhere).unwrap();
    put_containers_at(&scene, &nowhere);
    scene.kakuri(["create", "web"]).output().refused(1, &["nowhere", "a symbolic link that leads nowhere"]);
    let closed = scene.folder("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    refused(&closed.join("containers"), &["Permission denied"]);
    let output = {
        put_containers_at(&scene, &closed);
        scene.kakuri(["create", "web"]).output().refused(1, &["cannot create the container 'web'", "Permission denied"])
    };
    output.hints(&["config path"]);
    assert!(names(&closed).is_empty());
    scene.kakuri(["remove", "web"]).output().refused(1, &["no container is named 'web'"]);
}

#[test]
fn the_folder_of_containers_may_be_behind_a_link_and_is_made_with_its_parents() {
    let scene = Scene::new();
    let disk = scene.folder("disk");
    symlink(&disk, scene.work().join("link")).unwrap();
    put_containers_at(&scene, &scene.work().join("link/a/b/containers"));
    scene.kakuri(["create", "web"]).output().ok();
    assert_eq!(names(&disk.join("a/b/containers")), ["web"]);
    assert_eq!(scene.kakuri(["start", "web", "sh", "-c", "echo x >~/f; cat ~/f"]).output().ok().text(), "x");
}
