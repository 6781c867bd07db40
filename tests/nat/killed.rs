//! Each process of a NAT killed: the container ends with a reason, and nothing is left.

use std::fs;

use super::PROGRAMS;
use super::common::{GONE, Output, Scene, until};
use super::outer::{Outer, Ready, have};

const ALIVE: [&str; 3] = ["sh", "-c", "echo ready; exec sleep 1000"];

/// The words each process was started with, by number, of all below `root`.
fn below(root: u32) -> Vec<(i32, i32, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some(parent) = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<i32>().ok())
        else {
            continue;
        };
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        all.push((pid, parent, String::from_utf8_lossy(&words).replace('\0', " ")));
    }
    let mut family = vec![root as i32];
    let mut found = Vec::new();
    while let Some(one) = family.pop() {
        for process in all.iter().filter(|(_, parent, _)| *parent == one) {
            family.push(process.0);
            found.push(process.clone());
        }
    }
    found
}

fn kill(pid: i32) {
    // SAFETY: a number of a process of this test's.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn alive(pid: i32) -> bool {
    // A zombie is none: somebody is about to collect it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Which of them is killed, and what is said then.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Front,
    Minder,
    Inside,
    Program,
}

#[test]
fn whoever_is_killed_takes_all_with_him() {
    let scene = Scene::alone();
    let before = scene.before();
    let Some(outer) = Outer::new(&scene) else { return };
    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        for victim in [Victim::Front, Victim::Minder, Victim::Inside, Victim::Program] {
            let words =
                [&["--network", program, "-p", "7000:80", "--allow-host-port", "7001", "--"][..], &ALIVE].concat();
            let mut ready = Ready::wait(outer.kakuri(&scene, &words));
            let front = ready.child.id();
            let all = below(front);
            let minder =
                all.iter().find(|(_, parent, words)| *parent == front as i32 && words.starts_with("kakuri-netns ["));
            let minder = minder.unwrap_or_else(|| panic!("{all:?}")).0;
            let of_minder =
                |what: &str| all.iter().find(|(_, parent, words)| *parent == minder && words.contains(what)).unwrap().0;
            let (inside, child) = (of_minder("kakuri-netns ["), of_minder(&format!("/{program} ")));
            kill(match victim {
                Victim::Front => front as i32,
                Victim::Minder => minder,
                Victim::Inside => inside,
                Victim::Program => child,
            });
            let gone = until(GONE, || all.iter().all(|(pid, ..)| !alive(*pid)));
            let left: Vec<_> = all.iter().filter(|(pid, ..)| alive(*pid)).collect();
            assert!(gone, "{program}, {victim:?} killed: {left:?}");
            let placeholder = std::process::Command::new("true").spawn().unwrap();
            let out = Output::of(std::mem::replace(&mut ready.child, placeholder));
            let why = match victim {
                Victim::Front => continue,
                Victim::Minder => "the container ends with it: it was killed by signal 9".to_string(),
                Victim::Inside => "lost what opens ports in the container".to_string(),
                Victim::Program => format!("{program} has ended: it was killed by signal 9"),
            };
            out.refused(125, &["the container's NAT has ended, and the container ends with it", &why]);
        }
    }
    drop(outer);
    before.nothing_left();
}

#[test]
fn the_end_of_the_command_leaves_nothing() {
    let scene = Scene::alone();
    let Some(outer) = Outer::new(&scene) else { return };
    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        let words = ["--network", program, "-p", "7000:80", "--", "sh", "-c", "exit 7"];
        let out = outer.kakuri(&scene, &words).output();
        assert!(out.code() == 7 && out.err().is_empty(), "{out}");
        let named = ["run", "-d", "--name", "web", "--network", program, "-p", "7000:80", "--", "sleep", "1000"];
        outer.kakuri(&scene, &named).output().ok();
        outer.kakuri(&scene, &["stop", "-t", "0", "web"]).output().ok();
        outer.kakuri(&scene, &["remove", "web"]).output().ok();
    }
    drop(outer);
    let all = below(std::process::id());
    let left: Vec<_> =
        all.iter().filter(|(pid, _, words)| alive(*pid) && PROGRAMS.iter().any(|p| words.contains(p))).collect();
    assert!(left.is_empty(), "{left:?}");
}
