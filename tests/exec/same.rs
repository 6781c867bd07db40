//! One report, taken of the first process and of one that was exec'd.

use std::fs;

use crate::common::{Run, Scene};

/// The session keyring's serial number: keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, do not create).
fn keyring() -> i64 {
    // SAFETY: integers only.
    unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) }
}

/// Not a test: the command whose report is compared, this very program inside the container.
#[test]
#[ignore = "the command of the tests below"]
fn report() {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let told = ["Umask", "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp", "Sig", "Shd"];
    for line in status.lines().filter(|line| told.iter().any(|name| line.starts_with(name))) {
        println!("{line}");
    }
    for file in ["limits", "uid_map", "gid_map", "setgroups", "oom_score_adj", "loginuid", "mountinfo"] {
        println!("{file}: {:?}", fs::read_to_string(format!("/proc/self/{file}")));
    }
    let mut environment: Vec<_> = std::env::vars_os().collect();
    environment.sort();
    println!("{environment:?} {:?}", std::env::current_dir());
    // SAFETY: no arguments.
    let (pid, leader, group) = unsafe { (libc::getpid(), libc::getsid(0), libc::getpgrp()) };
    println!("leads its session {}", (leader, group) == (pid, pid));
    // SAFETY: integers only; each only asks.
    println!("nice {} death {}", unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }, unsafe {
        let mut signal = 0;
        libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal);
        signal
    });
    println!("terminal {}", fs::File::open("/dev/tty").is_ok());
    let mut open: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path()).collect();
    open.sort();
    for path in open {
        // Pipes differ in their number alone.
        let to = fs::read_link(&path).map(|to| to.to_string_lossy().split(':').next().map(String::from));
        println!("{path:?} {to:?}");
    }
    println!("keyring {}", keyring());
    let mut namespaces: Vec<_> = fs::read_dir("/proc/self/ns").unwrap().flatten().map(|e| e.path()).collect();
    namespaces.sort();
    println!("{:?}", namespaces.iter().map(|path| fs::read_link(path).unwrap()).collect::<Vec<_>>());
    for link in ["exe", "root", "cwd", "fd/3", "ns/user"] {
        println!("/proc/1/{link} {:?}", fs::read_link(format!("/proc/1/{link}")).map_err(|e| e.kind()));
    }
    println!("/proc/1/mem {:?}", fs::File::options().write(true).open("/proc/1/mem").map_err(|e| e.kind()).err());
}

fn reported(scene: &Scene, line: &str) -> Run {
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_string();
    let program = format!("/tests/{name}");
    let words = [&program, "--exact", "same::report", "--ignored", "--nocapture", "--test-threads=1"];
    scene.kakuri(line.split_whitespace().chain(words))
}

/// Without what the harness adds, and what differs between any two runs.
fn read(text: &str) -> Vec<String> {
    let noise = ["running ", "test result", "test same"];
    text.lines().filter(|l| !noise.iter().any(|n| l.starts_with(n)) && !l.is_empty()).map(String::from).collect()
}

#[test]
fn an_execd_command_finds_what_the_first_one_finds() {
    let scene = Scene::new();
    let programs = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let seen = scene.folder("seen");
    let binds = [format!("{}:/tests:ro", programs.display()), format!("{}:/seen", seen.display())];
    scene.kakuri(["create", "--bind", &binds[0], "--bind", &binds[1], "web"]).output().ok();
    // The first process reports, and stays until the second has.
    let first = reported(&scene, "start -d web").output();
    first.ok();
    scene.soon("web", "exited");
    let alone = scene.say("logs web").output().ok();
    let detached = read(&alone.text());

    let script = "\"$@\" >/seen/first 2>&1; until test -e /seen/end; do sleep 0.02; done";
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_string();
    let program = format!("/tests/{name}");
    let _ = (script, program);

    // Both ways, through pipes.
    let first = read(&reported(&scene, "start web").output().ok().text());
    scene.say("start -d web").output().ok();
    let second = read(&reported(&scene, "exec web").output().ok().text());
    let third = read(&reported(&scene, "exec web").output().ok().text());
    scene.say("stop web").output().ok();

    // Of another start: what is numbered anew.
    let own =
        |line: &String| line.starts_with("keyring ") || line.starts_with("[\"cgroup") || line.starts_with("mountinfo");
    let without = |lines: &[String]| lines.iter().filter(|l| !own(l)).cloned().collect::<Vec<_>>();
    assert_eq!(without(&first), without(&second));
    assert_eq!(second, third, "of one container all is the same");
    let with = |lines: &[String], words: &str| assert!(lines.iter().any(|l| l.contains(words)), "{words}: {lines:#?}");
    for lines in [&first, &second, &detached] {
        with(lines, "NoNewPrivs:\t1");
        with(lines, "CapInh:\t0000000000000000");
        with(lines, "CapAmb:\t0000000000000000");
        with(lines, "/proc/1/exe Err(PermissionDenied)");
        with(lines, "/proc/1/root Err(PermissionDenied)");
        with(lines, "/proc/1/mem Some(PermissionDenied)");
        with(lines, "leads its session true");
        with(lines, "terminal false");
    }
}

#[test]
fn the_keyring_and_the_namespaces_of_the_first_process_are_those_of_all() {
    let scene = Scene::new();
    let programs = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let seen = scene.folder("seen");
    let binds = [format!("{}:/tests:ro", programs.display()), format!("{}:/seen", seen.display())];
    scene.kakuri(["create", "--bind", &binds[0], "--bind", &binds[1], "web"]).output().ok();
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_string();
    let script = format!(
        "/tests/{name} --exact same::report --ignored --nocapture --test-threads=1 2>&1 | cat >/seen/report; exec sleep 1000"
    );
    scene.shell("start -d web", &script).output().ok();
    assert!(crate::common::until(crate::common::HANG, || {
        fs::read_to_string(seen.join("report")).is_ok_and(|text| text.contains("test result"))
    }));
    let first = read(&fs::read_to_string(seen.join("report")).unwrap());
    let second = read(&reported(&scene, "exec web").output().ok().text());
    scene.say("stop -t0 web").output().ok();
    let of = |lines: &[String], start: &str| lines.iter().find(|l| l.starts_with(start)).cloned().unwrap();
    for start in ["keyring ", "[\"cgroup", "mountinfo"] {
        assert_eq!(of(&first, start), of(&second, start));
    }
    let ours = keyring();
    assert_ne!(of(&second, "keyring "), format!("keyring {ours}"), "it is not the caller's");
}
