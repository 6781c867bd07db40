//! The quick start as it is typed, at real terminals.

use std::fs;

use crate::common::{Pty, Scene};

/// A prompt that is found, whatever the home holds.
fn prompt(terminal: &mut Pty) {
    terminal.send("stty -echo; PS1='ready'\"$ \"\r");
    terminal.expect("ready$ ");
}

#[test]
fn create_start_write_exit_start_again() {
    let scene = Scene::alone();
    let before = scene.before();
    assert_eq!(scene.say("create web").output().ok().text(), "web");

    let mut first = Pty::start(scene.say("start web bash"));
    let sane = first.modes();
    prompt(&mut first);
    first.send("echo kept > ~/file; echo 'written:' $?\r");
    first.expect("written: 0");
    first.send("exit 3\r");
    assert_eq!(first.wait().code(), Some(3));
    assert_eq!(first.modes(), sane);
    assert_eq!(scene.state("web"), "exited");

    first = Pty::start(scene.say("start web bash"));
    prompt(&mut first);
    first.send("cat ~/file; tty; hostname\r");
    first.expect("kept");
    first.expect("/dev/pts/");
    first.expect("web");

    // From a second terminal, while it runs.
    assert_eq!(scene.state("web"), "running");
    let mut second = Pty::start(scene.say("exec web ls -a /home"));
    second.expect("..");
    assert_eq!(second.wait().code(), Some(0));
    second = Pty::start(scene.say("shell web"));
    prompt(&mut second);
    second.send("cat ~/file; exit 4\r");
    second.expect("kept");
    assert_eq!(second.wait().code(), Some(4));
    second = Pty::start(scene.say("container top web"));
    second.expect("HOST-PID");
    second.expect("kakuri-init [web]");
    second.expect("bash");
    assert_eq!(second.wait().code(), Some(0));
    second = Pty::start(scene.say("logs -f web"));
    second.expect("started");
    scene.say("exec -d web echo seen-in-the-log").output().ok();
    second.expect("\nseen-in-the-log");
    let mut third = Pty::start(scene.say("stop web"));
    assert_eq!(third.wait().code(), Some(0));
    assert_eq!(second.wait().code(), Some(0), "logs -f ends with the container");
    // bash dies of the hang-up it is sent.
    assert_eq!(first.wait().code(), Some(129));
    assert_eq!(first.modes(), sane);
    assert_eq!(scene.state("web"), "exited");

    assert_eq!(scene.say("remove web").output().ok().text(), "web");
    assert_eq!(scene.say("list -q").output().ok().text(), "");
    drop((first, second, third));
    // Of the first use of all, the folder of containers and that of live ones stay.
    let _ = fs::remove_dir_all(scene.home().join(".local"));
    fs::remove_dir(scene.runtime().join("kakuri")).expect("the runtime folder has something left");
    before.nothing_left();
}

#[test]
fn exec_and_shell_work_on_one_that_was_only_created() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    assert_eq!(scene.say("exec web ls -d /home").output().ok().text(), "/home");
    assert_eq!(scene.state("web"), "exited");
    let mut shell = Pty::start(scene.say("shell web"));
    prompt(&mut shell);
    shell.send("echo state: $0; exit\r");
    shell.expect("state: /bin/bash");
    assert_eq!(shell.wait().code(), Some(0));
    assert_eq!(scene.state("web"), "exited", "it goes with the last one in it");
}

#[test]
fn options_stand_after_the_name_and_hold_for_one_run() {
    let scene = Scene::new();
    scene.say("create devenv").output().ok();
    fs::create_dir(scene.home().join("p")).unwrap();
    fs::write(scene.home().join("p/file"), "of the project").unwrap();
    let mut first = Pty::start(scene.say("start devenv --bind ~/p:/workspace bash"));
    first.expect("for this run only: --bind ~/p:/workspace");
    prompt(&mut first);
    first.send("cat /workspace/file; echo more > /workspace/new; exit\r");
    first.expect("of the project");
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(fs::read_to_string(scene.home().join("p/new")).unwrap(), "more\n");
    let next = scene.shell("start devenv", "ls -d /workspace").output();
    assert_eq!(next.code(), 2, "{next}");
}
