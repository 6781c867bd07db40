//! The lock is the meaning of running, and nothing else is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kakuri::control;
use kakuri::store::{Ended, Kind, Last, Live, Record, State};

use super::common::live::{let_go, signal};
use super::common::{HANG, Scene, until};
use super::{containers, create, names, store};

#[test]
fn held_is_running_and_a_look_takes_nothing() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    assert_eq!(entry.state(), State::Stopped);
    let lock = entry.lock(HANG).unwrap();
    for _ in 0..3 {
        assert_eq!(entry.state(), State::Running);
    }
    scene.kakuri(["remove", "web"]).output().refused(1, &["'web'", "running"]).hints(&["kakuri stop web"]);
    scene.kakuri(["create", "--replace", "web"]).output().refused(1, &["'web'", "running"]).hints(&["kakuri stop web"]);
    scene.kakuri(["container", "rename", "web", "x"]).output().refused(1, &["'web'", "running"]);
    assert_eq!(names(&containers(&scene)), ["web"], "not even half of another one");
    let begun = Instant::now();
    let fail = entry.lock(Duration::from_millis(300)).expect_err("it is held").to_string();
    assert!(fail.contains("running") && begun.elapsed() >= Duration::from_millis(300), "{fail}");
    let_go(lock);
    assert_eq!(entry.state(), State::Stopped);
    let_go(entry.lock(Duration::ZERO).unwrap());
}

#[test]
fn a_holder_that_ends_is_waited_for() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let lock = entry.lock(Duration::ZERO).unwrap();
    let ends = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        let_go(lock);
    });
    entry.lock(HANG).unwrap();
    ends.join().unwrap();
}

#[test]
fn a_lock_file_that_is_missing_is_made_and_one_that_is_none_is_named() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let file = entry.folder.join("lock");
    fs::remove_file(&file).unwrap();
    assert_eq!(entry.state(), State::Stopped);
    let held = entry.lock(Duration::ZERO).unwrap();
    // Somebody removes the file of a lock that is held: that one holds nothing any more, and the new one counts.
    fs::remove_file(&file).unwrap();
    let second = entry.lock(Duration::ZERO).unwrap();
    assert_eq!(entry.state(), State::Running);
    let_go(held);
    let_go(second);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let fail = entry.lock(Duration::ZERO).expect_err("a folder").to_string();
    assert!(fail.contains("cannot lock the container 'web': it is a folder"), "{fail}");
    assert_eq!(entry.state(), State::Stopped);
}

#[test]
fn a_container_that_went_meanwhile_cannot_be_locked() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    scene.kakuri(["container", "rename", "web", "other"]).output().ok();
    let gone = |what: &str| {
        let fail = entry.lock(Duration::ZERO).expect_err(what).to_string();
        assert!(fail.contains("removed or renamed meanwhile"), "{what}: {fail}");
    };
    gone("renamed");
    create(&scene, "web");
    gone("another one has its name");
    assert_eq!(entry.state(), State::Stopped);
}

#[test]
fn a_run_without_a_recorded_end_died() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let mut last = Last { started: 5, command: vec!["sh".into()], ended: None };
    entry.record_last(&last).unwrap();
    assert_eq!(entry.state(), State::Died);
    let ended = Ended { at: 7, status: None, stopped: true, timed_out: false, failure: None, refused: None };
    last.ended = Some(ended);
    entry.record_last(&last).unwrap();
    assert_eq!((entry.state(), entry.last()), (State::Stopped, Some(last)));
    for nonsense in ["", "{", "[]", "{\"started\": 1}"] {
        fs::write(entry.folder.join("last.json"), nonsense).unwrap();
        assert_eq!((entry.state(), entry.last()), (State::Stopped, None), "{nonsense}");
    }
}

#[test]
fn the_live_folder_is_private_found_again_and_swept() {
    let scene = Scene::new();
    let entry = create(&scene, "live-folder-test");
    let lock = entry.lock(Duration::ZERO).unwrap();
    assert!(entry.live().is_none());
    let live = entry.open_live(&lock).unwrap();
    assert_eq!(fs::read_link(live.path.join("home")).unwrap(), entry.folder);
    assert_eq!(fs::read_link(entry.folder.join("run")).unwrap(), live.path);
    assert_eq!(entry.live().unwrap().path, live.path);
    // While it runs nobody clears it; once it does not, the next call does.
    store(&scene).sweep();
    assert!(live.path.exists());
    // Another store's container of the same name gets another folder.
    let second = Scene::new();
    let other = create(&second, "live-folder-test");
    let others_lock = other.lock(Duration::ZERO).unwrap();
    let others = other.open_live(&others_lock).unwrap();
    assert_ne!(others.path, live.path);
    assert!(others.path == other.folder.join("live") && entry.live().is_some());
    let_go(lock);
    let_go(others_lock);
    let there = |path: &Path| fs::symlink_metadata(path).is_ok();
    let left = [live.path.clone(), others.path.clone(), entry.folder.join("run"), other.folder.join("run")];
    // More than once, because a sweep takes locks too, of which a child of another test may have a copy for a moment.
    let swept = until(HANG, || {
        store(&scene).sweep();
        store(&second).sweep();
        !left.iter().any(|path| there(path))
    });
    assert!(swept, "{left:?}");
}

#[test]
fn without_a_fit_runtime_folder_the_live_folder_lies_in_the_container() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let open = scene.folder("open");
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for runtime in ["", "relative", "/no/such/folder", "/usr", open.to_str().unwrap()] {
        let kakuri = |args: &[&str]| scene.kakuri(args).env("XDG_RUNTIME_DIR", runtime).output();
        kakuri(&["start", "-d", "web", "sleep", "60"]).ok();
        let live = fs::read_link(entry.folder.join("run")).unwrap();
        assert_eq!(live, entry.folder.join("live"), "{runtime}");
        assert_eq!(fs::metadata(&live).unwrap().mode() & 0o7777, 0o700);
        assert!(entry.live().unwrap().state().unwrap().supervisor > 0);
        // Whoever asks, and from wherever: the container's own link tells.
        assert_eq!(scene.kakuri(["exec", "web", "echo", "in"]).output().ok().text(), "in");
        kakuri(&["stop", "--time", "0", "web"]).ok();
        assert!(!live.exists() && fs::symlink_metadata(entry.folder.join("run")).is_err());
    }
    assert!(names(&open).is_empty());
}

#[test]
fn a_reboot_leaves_all_stopped_and_startable() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    scene.kakuri(["start", "-d", "web", "sleep", "60"]).output().ok();
    let state = entry.live().unwrap().state().unwrap();
    // SAFETY: integers only; the process is this test's own.
    unsafe { libc::kill(state.supervisor, libc::SIGKILL) };
    let_go(entry.lock(HANG).expect("the lock ends with its holder"));
    fs::remove_dir_all(scene.runtime().join("kakuri")).unwrap();
    assert_eq!(entry.state(), State::Died);
    assert_eq!(scene.kakuri(["start", "web", "echo", "up"]).output().ok().text(), "up");
    assert_eq!(entry.state(), State::Stopped);
}

#[test]
fn what_a_killed_run_left_goes_with_the_name() {
    let scene = Scene::new();
    for verb in [&["remove", "web"][..], &["create", "--replace", "web"], &["container", "rename", "web", "other"]] {
        let entry = create(&scene, "web");
        scene.kakuri(["start", "-d", "web", "sleep", "60"]).env("XDG_RUNTIME_DIR", "").output().ok();
        let live = entry.live().unwrap();
        // SAFETY: integers only; the process is this test's own.
        unsafe { libc::kill(live.state().unwrap().supervisor, libc::SIGKILL) };
        let_go(entry.lock(HANG).expect("the lock ends with its holder"));
        scene.kakuri(verb).output().ok();
        assert!(!live.path.exists(), "{verb:?}: {}", live.path.display());
        scene.kakuri(["remove", "-f", "web", "other"]).output().ok();
    }
}

#[test]
fn a_folder_that_is_not_the_containers_own_is_no_live_folder() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let other = scene.folder("other");
    std::os::unix::fs::symlink(&other, entry.folder.join("run")).unwrap();
    assert!(entry.live().is_none(), "anybody may look into it");
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert!(entry.live().is_none(), "it names no container");
    fs::write(other.join("precious"), "x").unwrap();
    store(&scene).sweep();
    assert!(other.join("precious").exists(), "what is not ours is not cleared");
    assert!(fs::symlink_metadata(entry.folder.join("run")).is_err());
}

#[test]
fn a_sweep_clears_what_kakuri_made_and_nothing_that_lives() {
    let scene = Scene::new();
    create(&scene, "web");
    let private = |name: &str| {
        let folder = scene.runtime().join("kakuri").join(name);
        std::os::unix::fs::DirBuilderExt::mode(fs::DirBuilder::new().recursive(true), 0o700).create(&folder).unwrap();
        folder
    };
    let mine = private("mine");
    fs::write(mine.join("precious"), "x").unwrap();
    let lost = private("lost");
    std::os::unix::fs::symlink("/no/such/container", lost.join("home")).unwrap();
    let listener = control::listen(fs::File::open(&lost).unwrap()).unwrap();
    let sweep = || scene.kakuri(["create", "--replace", "web"]).output().ok();
    sweep();
    assert!(mine.join("precious").exists(), "kakuri has not made it");
    assert!(lost.join("control.sock").exists() && lost.join("home").is_symlink(), "somebody listens there");
    drop(listener);
    sweep();
    assert!(!lost.exists(), "nobody does any more");
}

#[test]
fn the_pid_1_of_a_killed_supervisor_is_waited_for_and_no_other_process() {
    let scene = Scene::new();
    let entry = create(&scene, "settle-test");
    let lock = entry.lock(Duration::ZERO).unwrap();
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let truth = Live::of(child.id() as i32).unwrap();
    let live = entry.open_live(&lock).unwrap();
    let waits = |state: &Live| {
        live.write_state(state).unwrap();
        assert_eq!(live.state().as_ref(), Some(state));
        let begun = Instant::now();
        entry.settle();
        begun.elapsed()
    };
    // Who is waited for and does not end takes ten seconds.
    let short = Duration::from_secs(8);
    assert!(waits(&Live { init_started: truth.init_started + 1, ..truth.clone() }) < short, "another process by now");
    assert!(waits(&Live { boot: "another".into(), ..truth.clone() }) < short, "before the machine was started");
    let pid = child.id() as i32;
    let ends = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        signal(pid, libc::SIGKILL);
    });
    waits(&truth);
    assert!(child.try_wait().unwrap().is_some(), "it was not waited for");
    ends.join().unwrap();
    assert!(waits(&truth) < short, "it has ended");
    live.remove();
    let_go(lock);
}

#[test]
fn what_a_crash_left_half_made_is_swept_and_what_is_held_is_not() {
    let scene = Scene::new();
    let entry = create(&scene, "web");
    let dir = containers(&scene);
    fs::create_dir_all(dir.join(".new-a-1/root/home")).unwrap();
    fs::create_dir_all(dir.join(".old-b-1/root")).unwrap();
    fs::write(dir.join(".old-b-1/lock"), "").unwrap();
    fs::create_dir(dir.join(".mine")).unwrap();
    // One that is being removed just now.
    let lock = entry.lock(Duration::ZERO).unwrap();
    fs::rename(&entry.folder, dir.join(".old-web-1")).unwrap();
    store(&scene).sweep();
    assert_eq!(names(&dir), [".mine", ".old-web-1"]);
    let_go(lock);
    scene.kakuri(["create", "next"]).output().ok();
    assert_eq!(names(&dir), [".mine", "next"], "create sweeps");
}

#[test]
fn a_temporary_containers_record_keeps_no_files() {
    let scene = Scene::new();
    let host = kakuri::host::Host::look();
    let record = Record::new(Kind::Temporary, true, kakuri::spec::Spec::default(), &host).unwrap();
    let (entry, lock) = store(&scene).create("job", &record, &[], false, &host).unwrap();
    assert_eq!(names(&entry.folder), ["config.json", "lock"]);
    assert!(entry.kept().is_none());
    assert_eq!(entry.state(), State::Running, "nobody can take it from its maker");
    store(&scene).remove(&entry, lock).unwrap();
    assert!(names(&containers(&scene)).is_empty());
}
