//! Leaving a terminal and coming back to it.

use std::process::Stdio;
use std::time::Duration;

use crate::common::live::signal;
use crate::common::{HANG, Output, Pty, Scene, until};

const KEYS: &str = "\x1d\x1d";

fn create(scene: &Scene) {
    scene.say("create web").output().ok();
}

#[test]
fn left_by_keys_it_runs_on_and_is_found_again() {
    let scene = Scene::new();
    create(&scene);
    let script = "echo ready; while read -r line; do echo \"<$line>\"; stty size; done; exit 7";
    let mut first = Pty::start(scene.shell("start web", script));
    let sane = first.modes();
    first.expect("ready");
    first.send("one\r");
    first.expect("<one>");
    first.send("part\x1d");
    first.send("\x1d");
    first.expect("left 'web'");
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(first.modes(), sane, "the terminal is not as it was");
    assert_eq!(scene.state("web"), "running");

    let mut second = Pty::start(scene.say("attach web"));
    // What was typed before the keys is still there.
    second.send("ial\r");
    second.expect("<partial>");
    second.expect("24 80");
    second.resize(31, 99);
    second.send("\r");
    second.expect("31 99");
    second.send("\x04");
    assert_eq!(second.wait().code(), Some(7));
    assert_eq!(second.modes(), sane);
    assert_eq!(scene.state("web"), "exited");
}

#[test]
fn a_command_draws_its_screen_anew_for_who_comes() {
    let scene = Scene::new();
    create(&scene);
    let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done";
    let mut first = Pty::start(scene.shell("start web", script));
    first.expect("ready");
    first.send(KEYS);
    assert_eq!(first.wait().code(), Some(0));
    let mut second = Pty::start(scene.say("attach web"));
    second.expect("24 80");
    second.resize(30, 90);
    second.expect("30 90");
    second.send("\x03");
    assert_eq!(second.wait().code(), Some(130));
}

#[test]
fn what_it_writes_meanwhile_is_in_the_log() {
    let scene = Scene::new();
    create(&scene);
    let script =
        "echo ready; read x; n=0; while test $n -lt 20; do echo meanwhile $n; n=$((n+1)); sleep 0.05; done; read y";
    let mut first = Pty::start(scene.shell("start web", script));
    first.expect("ready");
    first.send("\r");
    first.expect("meanwhile 0");
    first.send(KEYS);
    first.expect("left");
    first.wait();
    assert!(until(HANG, || scene.say("logs web").output().text().contains("meanwhile 19")));
    let mut second = Pty::start(scene.say("attach web"));
    // What is typed before the terminal is taken over is not the container's.
    assert!(until(HANG, || second.is_raw()));
    second.send("\r");
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn the_keys_can_be_others_or_none() {
    let scene = Scene::new();
    create(&scene);
    let mut first =
        Pty::start(scene.kakuri(["start", "--detach-keys", "ctrl-p,ctrl-q", "web", "sh", "-c", "echo ready; cat"]));
    first.expect("ready");
    first.send("hello\r");
    first.expect("hello");
    first.send(KEYS);
    first.send("\r");
    first.expect("\x5e]\x5e]");
    first.send("\x10\x11");
    first.expect("left 'web'");
    assert_eq!(first.wait().code(), Some(0));
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_second_attach_takes_it_over() {
    let scene = Scene::new();
    create(&scene);
    let mut first = Pty::start(scene.shell("start web", "echo ready; while read -r x; do echo \"<$x>\"; done; exit 3"));
    let sane = first.modes();
    first.expect("ready");
    let mut second = Pty::start(scene.say("attach web"));
    first.expect("another");
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(first.modes(), sane);
    assert!(until(HANG, || second.is_raw()));
    second.send("two\r");
    second.expect("<two>");
    let mut third = Pty::start(scene.say("attach web"));
    second.expect("another");
    assert_eq!(second.wait().code(), Some(0));
    assert!(until(HANG, || third.is_raw()));
    third.send("three\r");
    third.expect("<three>");
    third.send("\x04");
    assert_eq!(third.wait().code(), Some(3));
}

#[test]
fn many_attach_at_once() {
    let scene = Scene::new();
    create(&scene);
    let mut first = Pty::start(scene.shell("start web", "echo ready; while read -r x; do echo \"<$x>\"; done"));
    first.expect("ready");
    let mut more: Vec<Pty> = (0..4).map(|_| Pty::start(scene.say("attach web"))).collect();
    assert_eq!(first.wait().code(), Some(0));
    // All but one are told that another has it.
    let left = |more: &mut Vec<Pty>| more.iter_mut().filter_map(|t| t.child.try_wait().unwrap()).count();
    assert!(until(HANG, || left(&mut more) == 3), "{}", left(&mut more));
    let mut last = more.into_iter().find_map(|mut t| t.child.try_wait().unwrap().is_none().then_some(t)).unwrap();
    assert!(until(HANG, || last.is_raw()));
    last.send("last\r");
    last.expect("<last>");
    last.send("\x04");
    assert_eq!(last.wait().code(), Some(0));
}

/// How many descriptors the supervisor has open.
fn open(scene: &Scene) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", scene.supervisor("web"))).unwrap().count()
}

/// Waits until the supervisor has somebody's link, and gives it time to read what is asked on it. The link of who
/// started it may be closed in the same moment, and the number stay: then the time alone must do.
fn heard(scene: &Scene, before: usize) {
    until(Duration::from_secs(5), || open(scene) > before);
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn who_waits_for_a_terminal_that_goes_is_told() {
    let scene = Scene::new();
    create(&scene);
    let mut first = Pty::start(scene.shell("start web", "trap '' HUP; echo ready; while :; do sleep 0.05; done"));
    first.expect("ready");
    // Frozen, it does not yield; killed, it takes the terminal with it.
    signal(first.pid(), libc::SIGSTOP);
    let before = open(&scene);
    let waiting = scene.say("attach web").spawn();
    heard(&scene, before);
    signal(first.pid(), libc::SIGKILL);
    Output::of(waiting).refused(1, &["the terminal in 'web' has gone"]);
    scene.say("attach web").output().refused(1, &["cannot attach"]);
    assert_eq!(scene.state("web"), "running");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_window_that_is_closed_hangs_the_command_up() {
    let scene = Scene::new();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--bind", &bind, "web"]).output().ok();
    let script = "trap 'echo hup >/seen/hup; exit 5' HUP; echo ready; while :; do sleep 0.05; done";
    let mut terminal = Pty::start(scene.shell("start web", script));
    terminal.expect("ready");
    let mut client = terminal.hang_up();
    assert!(until(HANG, || seen.join("hup").exists()), "it was not hung up");
    assert!(until(HANG, || client.try_wait().unwrap().is_some()), "the client stays");
    scene.soon("web", "exited");
}

#[test]
fn a_detached_one_without_a_terminal_is_followed() {
    let scene = Scene::new();
    create(&scene);
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    let script = "until test -e /seen/go; do sleep 0.02; done; echo out; echo err >&2; sleep 0.2; exit 9";
    scene.kakuri(["start", "-d", "web", "--bind", &bind, "sh", "-c", script]).output().ok();
    let before = open(&scene);
    let attached = scene.say("attach web").spawn();
    heard(&scene, before);
    std::fs::write(seen.join("go"), "").unwrap();
    let out = Output::of(attached);
    assert_eq!((out.code(), out.text(), out.err()), (9, "out".into(), "err\n".into()));
}

#[test]
fn input_is_fed_to_one_that_takes_it() {
    let scene = Scene::new();
    create(&scene);
    scene.say("start -d -i web cat").output().ok();
    let mut attached = scene.say("attach web").stdin(Stdio::piped()).spawn();
    std::io::Write::write_all(attached.stdin.as_mut().unwrap(), b"fed through attach\n").unwrap();
    assert!(until(HANG, || scene.say("logs web").output().text().contains("fed through attach")));
    scene.say("stop -t0 web").output().ok();
    let out = Output::of(attached);
    assert_eq!((out.code(), out.text()), (137, "fed through attach".into()));
}

#[test]
fn a_shell_has_job_control() {
    let scene = Scene::new();
    create(&scene);
    let mut shell = Pty::start(scene.say("shell web"));
    let sane = shell.modes();
    shell.send("stty -echo; PS1='ready'\"$ \"\r");
    shell.expect("ready$ ");
    let top = |command: &str| scene.say("container top web").output().text().contains(command);
    shell.send("sleep 1000\r");
    assert!(until(HANG, || top("sleep 1000")));
    shell.send("\x03");
    shell.expect("ready$ ");
    shell.send("echo code: $?; sleep 1001\r");
    shell.expect("code: 130");
    assert!(until(HANG, || top("sleep 1001")));
    shell.send("\x1a");
    shell.expect("Stopped");
    shell.send("jobs; kill %1; fg; exit 6\r");
    shell.expect("sleep 1001");
    assert_eq!(shell.wait().code(), Some(6));
    assert_eq!(shell.modes(), sane);
}
