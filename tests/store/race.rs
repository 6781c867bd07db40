//! Many at once, and killed at any moment: a name is there wholly or not at all.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::common::live::let_go;
use super::common::random::Random;
use super::common::{HANG, KAKURI, Scene, rounds};
use super::{containers, create, names, store};

#[test]
fn of_many_creates_of_one_name_one_wins() {
    let scene = Scene::new();
    for round in 0..10 {
        let name = format!("web{round}");
        let all: Vec<_> = (0..8).map(|_| scene.kakuri(["create", &name]).spawn()).collect();
        let ends: Vec<_> = all.into_iter().map(super::common::Output::of).collect();
        let won = ends.iter().filter(|end| end.code() == 0).count();
        assert_eq!(won, 1, "{ends:?}");
        for end in ends.into_iter().filter(|end| end.code() != 0) {
            end.refused(1, &[&name, "already"]);
        }
        assert!(store(&scene).find(&name).is_ok());
    }
    assert!(names(&containers(&scene)).iter().all(|n| n.starts_with("web")), "{:?}", names(&containers(&scene)));
}

/// Who sweeps takes for left behind whatever nobody holds, and a new one is held a moment after it is made.
#[test]
fn who_sweeps_takes_nothing_from_who_makes_one() {
    let scene = Scene::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    store(&scene).sweep();
                }
            });
        }
        for round in 0..50 {
            let name = format!("web{round}");
            let output = scene.kakuri(["create", &name]).output();
            if output.code() != 0 {
                done.store(true, Ordering::Relaxed);
                panic!("{output}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    for round in 0..50 {
        let entry = store(&scene).find(&format!("web{round}")).unwrap();
        assert_eq!(names(&entry.folder), ["config.json", "lock", "root"]);
        assert!(entry.folder.join("root/var/tmp").is_dir() && entry.folder.join("root/srv").is_dir());
    }
    store(&scene).sweep();
    assert_eq!(names(&containers(&scene)).len(), 50);
}

#[test]
fn replacing_all_at_once_leaves_one_that_is_whole() {
    let scene = Scene::new();
    create(&scene, "web");
    let all: Vec<_> = (0..8).map(|_| scene.kakuri(["create", "--replace", "web"]).spawn()).collect();
    for end in all.into_iter().map(super::common::Output::of) {
        // Who cannot get the lock in time says so.
        assert!(end.code() == 0 || end.err().contains("running"), "{end}");
    }
    assert!(store(&scene).find("web").is_ok());
    store(&scene).sweep();
    assert_eq!(names(&containers(&scene)), ["web"]);
}

#[test]
fn killed_at_any_moment_a_name_is_there_wholly_or_not_at_all() {
    let scene = Scene::new();
    let dir = containers(&scene);
    let mut random = Random::seeded();
    // The moments follow the machine: later where the verb was cut off, earlier where it had ended.
    let mut span = 10_000_u64;
    // Cut off or ended, and there or not: each must have been seen.
    let (mut ended, mut seen) = ([0; 2], [0; 2]);
    let wanted = rounds("KAKURI_KILL_ROUNDS", 60);
    for round in 0..wanted * 20 {
        if round >= wanted && ended.iter().chain(&seen).all(|count| *count > 0) {
            break;
        }
        let verb: &[&str] = match round % 3 {
            0 => &["create", "web"],
            1 => &["create", "--replace", "web"],
            _ => &["remove", "web"],
        };
        let mut child = scene.kakuri(verb).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_micros(random.below(span)));
        let _ = child.kill();
        let cut = child.wait().unwrap().code().is_none();
        span = if cut { span * 5 / 4 } else { (span * 4 / 5).max(1000) };
        ended[usize::from(!cut)] += 1;
        let there = names(&dir).iter().any(|n| n == "web");
        seen[usize::from(there)] += 1;
        if there {
            let entry = store(&scene).find("web").unwrap_or_else(|fail| panic!("half a container: {fail}"));
            assert!(entry.folder.join("root/var/tmp").is_dir() && entry.folder.join("root/srv").is_dir());
            let_go(entry.lock(HANG).expect("no lock outlives its holder"));
        }
        store(&scene).sweep();
        let left = names(&dir);
        assert!(left.is_empty() || left == ["web"], "{left:?}");
    }
    assert!(ended.iter().chain(&seen).all(|count| *count > 0), "cut off, ended: {ended:?}; gone, there: {seen:?}");
}

#[test]
fn each_step_of_create_and_remove_may_be_the_last() {
    let scene = Scene::new();
    if !super::common::trace::usable(&scene, "each_step_of_create_and_remove_may_be_the_last") {
        return;
    }
    let dir = containers(&scene);
    fs::create_dir_all(&dir).unwrap();
    for call in ["mkdirat", "openat", "openat2", "fsync", "renameat", "renameat2", "symlinkat", "unlinkat", "fcntl"] {
        for when in [1, 2, 3, 5, 8, 13] {
            for (verb, before) in [("create", false), ("remove", true)] {
                if before {
                    scene.kakuri(["create", "web"]).output().ok();
                    fs::write(dir.join("web/root/srv/file"), "x").unwrap();
                }
                let fault = format!("inject={call}:signal=KILL:when={when}");
                let trace = format!("trace={call}");
                let traced = ["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &fault, KAKURI, verb, "web"];
                scene.program("strace").args(traced).output();
                let there = names(&dir).iter().any(|n| n == "web");
                if there {
                    let entry = store(&scene).find("web").unwrap_or_else(|f| panic!("{verb} {call} {when}: {f}"));
                    assert!(entry.folder.join("root/var/tmp").is_dir(), "{verb} {call} {when}");
                    if before {
                        assert!(dir.join("web/root/srv/file").exists(), "{verb} {call} {when}: half removed");
                    }
                }
                store(&scene).sweep();
                let left = names(&dir);
                assert!(left.is_empty() || left == ["web"], "{verb} {call} {when}: {left:?}");
                scene.kakuri(["remove", "-f", "web"]).output().ok();
            }
        }
    }
}

#[test]
fn a_call_that_fails_leaves_nothing_half_made() {
    let scene = Scene::new();
    if !super::common::trace::usable(&scene, "a_call_that_fails_leaves_nothing_half_made") {
        return;
    }
    let dir = containers(&scene);
    fs::create_dir_all(&dir).unwrap();
    for (call, error) in [
        ("mkdirat", "ENOSPC"),
        ("fsync", "EIO"),
        ("renameat", "ENOSPC"),
        ("renameat2", "EIO"),
        ("renameat2", "EINVAL"),
        ("symlinkat", "EDQUOT"),
        ("write", "ENOSPC"),
        ("fcntl", "ENOLCK"),
        ("getrandom", "ENOSYS"),
    ] {
        for when in [1, 2, 4, 9] {
            let fault = format!("inject={call}:error={error}:when={when}");
            let trace = format!("trace={call}");
            let traced = ["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &fault, KAKURI, "create", "web"];
            let output = scene.program("strace").args(traced).output();
            let left = names(&dir);
            match output.code() {
                0 => assert_eq!(left, ["web"], "{call} {error} {when}: {output}"),
                // The name is there by then, and only its durability is in doubt; or the word was not heard.
                1 | 125 if left == ["web"] && matches!(call, "fsync" | "write") => {}
                // What looks at the standard descriptors uses the same call.
                125 if call == "fcntl" => assert!(left.is_empty()),
                1 => assert!(left.is_empty(), "{call} {error} {when}: {left:?}: {output}"),
                _ => panic!("{call} {error} {when}: {output}"),
            }
            assert!(output.err().lines().count() <= 2 && !output.err().contains("panicked"), "{output}");
            scene.kakuri(["remove", "-f", "web"]).output().ok();
        }
    }
}

#[test]
fn a_replacement_that_fails_without_an_exchange_keeps_the_old_one() {
    let scene = Scene::new();
    if !super::common::trace::usable(&scene, "a_replacement_that_fails_without_an_exchange_keeps_the_old_one") {
        return;
    }
    let dir = containers(&scene);
    let mut refused = 0;
    for when in 1..=5 {
        create(&scene, "web");
        fs::write(dir.join("web/root/srv/file"), "old").unwrap();
        let fault = format!("inject=renameat:error=EIO:when={when}");
        let traced = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat,renameat2"];
        // The file system knows no flags, and one of the plain renames fails.
        let faults = ["-e", "inject=renameat2:error=EINVAL", "-e", &fault, KAKURI, "create", "--replace", "web"];
        let output = scene.program("strace").args(traced).args(faults).output();
        store(&scene).sweep();
        assert_eq!(names(&dir), ["web"], "{when}: {output}");
        let is_old = dir.join("web/root/srv/file").exists();
        assert_eq!(output.code() == 0, !is_old, "{when}: {output}");
        refused += usize::from(is_old);
        scene.kakuri(["remove", "web"]).output().ok();
    }
    assert!((2..5).contains(&refused), "both the way aside and the way in failed once: {refused}");
}
