//! Fifty workers do everything with one name at once, and some of them kill its supervisor: never do two containers of
//! it run at a time, no lock is stuck, nothing is left. KAKURI_STRESS_SECONDS sets the time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::live::{lives, signal};
use common::{GONE, HANG, Scene, rounds, until};

const WORKERS: usize = 50;

/// Every command of a container holds a file named after its process namespace, in a bind; and looks whether one of
/// another namespace is held. One at a time does so, guarded by a lock of its own.
const LOOK: &str = "exec 6>>/seen/guard; flock -x 6
    own=/seen/ns-$(readlink /proc/self/ns/pid | tr -dc 0-9)
    exec 7>>$own; flock -s 7
    for other in /seen/ns-*; do
        test $other = $own || flock -n -x $other rm -f $other || echo $other is held beside $own >>/seen/wrong
    done
    exec 6>&-
    echo >>/seen/looked";

fn supervisors(name: &str) -> Vec<i32> {
    let title = format!("kakuri-init [{name}]");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if command.starts_with(title.as_bytes()) && lives(pid) {
            found.push(pid);
        }
    }
    found
}

/// How many commands have looked for another container.
fn looked(seen: &Path) -> usize {
    fs::read_to_string(seen.join("looked")).unwrap_or_default().lines().count()
}

#[test]
fn fifty_workers_and_one_name() {
    let seconds = rounds("KAKURI_STRESS_SECONDS", 6) as u64;
    let scene = Scene::alone();
    let seen = scene.folder("seen");
    let name = format!("stress-{}", std::process::id());
    let bind = format!("{}:/seen", seen.display());
    let end = Instant::now() + Duration::from_secs(seconds);
    let told: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let (done, kills, hung) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (scene, seen, name, bind, told) = (&scene, &seen, &name, &bind, &told);
            let (done, kills, hung) = (&done, &kills, &hung);
            scope.spawn(move || {
                let mut state = 0x9e37_79b9 ^ (worker as u64 * 7919 + 1);
                let mut random = |limit: u64| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state % limit
                };
                // On a slow machine for longer, so that something has been looked at in any case.
                while Instant::now() < end || (looked(seen) <= 10 && Instant::now() < end + HANG) {
                    let (what, code) = (random(40), random(100).to_string());
                    let first = format!("{LOOK}; sleep 0.{}", 1 + random(4));
                    let entered = format!("{LOOK}; sleep 0.01; exit {code}");
                    let run = match what {
                        0..=3 => scene.kakuri(["create", "--bind", bind, name]),
                        4..=9 => scene.kakuri(["start", "-d", name, "sh", "-c", &first]),
                        10..=13 => scene.kakuri(["start", name, "sh", "-c", &first]),
                        14..=34 => scene.kakuri(["exec", name, "sh", "-c", &entered]),
                        35 => scene.kakuri(["stop", "--time", "0", name]),
                        36 => scene.kakuri(["remove", "-f", name]),
                        37..=38 => scene.kakuri(["list"]),
                        _ => {
                            let path = scene.live(name).join("state.json");
                            let text = fs::read_to_string(path).unwrap_or_default();
                            let pid = text
                                .split("\"supervisor\":")
                                .nth(1)
                                .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i32>().ok());
                            // By what it is called as well: the number may be another's by now.
                            if let Some(pid) = pid
                                && fs::read(format!("/proc/{pid}/cmdline"))
                                    .is_ok_and(|c| c.starts_with(common::KAKURI.as_bytes()))
                            {
                                signal(pid, libc::SIGKILL);
                                kills.fetch_add(1, Ordering::Relaxed);
                            }
                            continue;
                        }
                    };
                    match run.limit(Duration::from_secs(120)).try_output() {
                        Err(hang) => hung.lock().unwrap().push(hang),
                        Ok(out) => {
                            done.fetch_add(1, Ordering::Relaxed);
                            let err = out.err();
                            let line = err.lines().next().unwrap_or("").replace(&**name, "NAME");
                            let key = format!("{what:2} {:?} {line}", out.status.code());
                            *told.lock().unwrap().entry(key).or_default() += 1;
                        }
                    }
                }
            });
        }
    });
    for (line, count) in told.lock().unwrap().iter() {
        println!("{count:6} {line}");
    }
    let looked = looked(&seen);
    let (done, kills) = (done.into_inner(), kills.into_inner());
    println!("{done} verbs, {kills} kills, {looked} commands that looked for another container, in {seconds} s");
    assert!(looked > 10);
    let hung = hung.into_inner().unwrap();
    assert!(hung.is_empty(), "{hung:#?}");
    let wrong = fs::read_to_string(seen.join("wrong")).unwrap_or_default();
    assert!(wrong.is_empty(), "{wrong}");
    let panicked = told.lock().unwrap().keys().any(|line| line.contains("panicked"));
    assert!(!panicked);
    // It can be had by the next one: no lock is stuck.
    scene.kakuri(["remove", "-f", &name]).output();
    assert!(until(GONE, || supervisors(&name).is_empty()), "{:?}", supervisors(&name));
    scene.kakuri(["create", &name]).output().ok();
    scene.kakuri(["start", &name, "true"]).output().ok();
    scene.kakuri(["remove", &name]).output().ok();
    let containers = scene.home().join(".local/kakuri/containers");
    let left: Vec<_> = fs::read_dir(containers).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    let live: Vec<_> = fs::read_dir(scene.runtime().join("kakuri")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(live.is_empty(), "{live:?}");
}

/// That the proof can fail: two containers that share the bind are found.
#[test]
fn two_at_once_would_be_seen() {
    let scene = Scene::new();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    for name in ["one", "two"] {
        scene.kakuri(["create", "--bind", &bind, name]).output().ok();
    }
    scene.shell("start -d one", &format!("{LOOK}; exec sleep 1000")).output().ok();
    assert!(until(GONE, || seen.join("looked").exists()));
    scene.shell("start two", LOOK).output().ok();
    let wrong = fs::read_to_string(seen.join("wrong")).unwrap_or_default();
    assert!(wrong.contains("is held beside"), "{wrong}");
    scene.say("remove -f one two").output().ok();
}
