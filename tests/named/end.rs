//! How commands end, and what their containers do then.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::common::live::{lives, signal};
use crate::common::{HANG, Output, Scene, until};

#[test]
fn every_exit_code_and_signal_of_exec() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    for code in 0..256 {
        assert_eq!(scene.shell("exec web", &format!("exit {code}")).output().code(), code);
    }
    for number in [1, 2, 3, 6, 9, 11, 13, 14, 15, 34, 64] {
        let out = scene.shell("exec web", &format!("kill -{number} $$")).output();
        assert_eq!(out.code(), 128 + number);
    }
    assert_eq!(scene.state("web"), "running");
    scene.say("stop web").output().ok();
}

#[test]
fn exit_codes_and_signals_of_start_and_shell() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    for code in [0, 1, 2, 77, 124, 125, 126, 127, 128, 137, 255] {
        let out = scene.shell("start web", &format!("exit {code}")).output();
        assert_eq!((out.code(), out.err()), (code, String::new()));
        let out = scene.say("shell web").input(format!("exit {code}\n")).output();
        assert_eq!(out.code(), code);
    }
    for number in [1, 2, 6, 9, 15] {
        assert_eq!(scene.shell("start web", &format!("kill -{number} $$")).output().code(), 128 + number);
        assert_eq!(
            scene.say("shell web").input(format!("kill -{number} $$; sleep 5")).output().code(),
            match number {
                // A login shell that reads a script is no job of anybody.
                2 => 130,
                number => 128 + number,
            }
        );
    }
}

#[test]
fn what_cannot_be_run() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start web nosuch").output().refused(127, &["'nosuch'", "not found"]);
    assert_ne!(scene.state("web"), "running");
    scene.say("start web /etc/passwd").output().refused(126, &["'/etc/passwd'", "not executable"]);
    assert_ne!(scene.state("web"), "running");
    scene.say("start -d web nosuch").output().refused(127, &["'nosuch'"]);
    assert_ne!(scene.state("web"), "running");

    scene.say("start -d web sleep 1000").output().ok();
    scene.say("exec web nosuch").output().refused(127, &["'nosuch'", "not found"]);
    scene.say("exec web /etc/passwd").output().refused(126, &["'/etc/passwd'"]);
    scene.say("exec -d web nosuch").output().refused(127, &["'nosuch'"]);
    scene.say("exec -w /nosuch web true").output().refused(125, &["/nosuch"]);
    assert_eq!(scene.say("exec web true").output().code(), 0);
    assert_eq!(scene.state("web"), "running");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_time_limit_ends_it_with_124() {
    let scene = Scene::new();
    scene.say("create --timeout 0.5 web").output().ok();
    assert_eq!(scene.say("start web sleep 1000").output().code(), 124);
    assert_eq!(scene.state("web"), "exited");
    // It heeds nothing but SIGKILL.
    let begun = Instant::now();
    assert_eq!(scene.shell("start web", "trap '' TERM; while :; do sleep 0.1; done").output().code(), 124);
    assert!(begun.elapsed() < Duration::from_secs(30));
    scene.say("start -d web sleep 1000").output().ok();
    scene.soon("web", "exited");
    assert_eq!(scene.say("container wait web").output().ok().text(), "124");
}

#[test]
fn the_first_process_takes_all_others_with_it() {
    let scene = Scene::alone();
    scene.say("create web").output().ok();
    let mut first = scene.shell("start web", "read x; exit 5").stdin(std::process::Stdio::piped()).spawn();
    scene.soon("web", "running");
    let others: Vec<_> = (0..3).map(|_| scene.say("exec web sleep 1000").spawn()).collect();
    let detached = scene.shell("exec -d web", "trap '' HUP TERM; sleep 1000").output();
    detached.ok();
    let top = || scene.say("container top web").output().text().matches("sleep 1000").count();
    assert!(until(HANG, || top() >= 4));
    drop(first.stdin.take());
    let first = Output::of(first);
    assert_eq!((first.code(), first.err()), (5, String::new()));
    for other in others {
        Output::of(other).refused(137, &["the container ended", "its first process ended"]);
    }
    assert_eq!(scene.state("web"), "exited");
}

#[test]
fn a_client_that_is_killed_hangs_its_command_up() {
    let scene = Scene::new();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--bind", &bind, "web"]).output().ok();
    let script = "trap 'echo hup >/seen/hup; exit' HUP; echo >/seen/up; while :; do sleep 0.05; done";
    let mut client = scene.shell("start web", script).spawn();
    assert!(until(HANG, || seen.join("up").exists()));
    client.kill().unwrap();
    assert_eq!(client.wait().unwrap().signal(), Some(9));
    assert!(until(HANG, || seen.join("hup").exists()), "it was not hung up");
    scene.soon("web", "exited");
}

#[test]
fn signals_sent_to_a_client_reach_its_command() {
    let scene = Scene::new();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--bind", &bind, "web"]).output().ok();
    scene.say("start -d web").output().ok();
    for (name, number) in [("USR1", libc::SIGUSR1), ("TERM", libc::SIGTERM), ("INT", libc::SIGINT)] {
        let script = format!("trap 'exit 9' {name}; echo >/seen/{name}; while :; do sleep 0.05; done");
        let client = scene.shell("exec web", &script).spawn();
        assert!(until(HANG, || seen.join(name).exists()));
        // The client may not have heard yet that it runs.
        signal(client.id() as i32, number);
        assert_eq!(Output::of(client).code(), 9, "{name}");
    }
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn one_that_ignores_the_hang_up_goes_on() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let mut client = scene.shell("start web", "trap '' HUP; echo up; exec sleep 1000").spawn();
    scene.soon("web", "running");
    let top = || scene.say("container top web").output().text().contains("sleep 1000");
    assert!(until(HANG, top));
    client.kill().unwrap();
    client.wait().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(lives(scene.init("web")) && top());
    // There is nobody whose terminal could be taken over.
    scene.say("attach web").output().refused(1, &["cannot attach"]);
    scene.say("stop -t0 web").output().ok();
}
