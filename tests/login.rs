//! A container as somebody's login shell: every login lands in the same one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use common::{HANG, KAKURI, Pty, Run, Scene, until};

/// kakuri called by a link, as login(1) does.
fn login(scene: &Scene, called: &str) -> Run {
    let mut run = scene.program(link(scene));
    run.command.arg0(called);
    run
}

fn link(scene: &Scene) -> PathBuf {
    let link = scene.work().join("kakuri-shell-kakuri-test-login");
    let _ = std::os::unix::fs::symlink(KAKURI, &link);
    link
}

/// Removed when the test ends, however it does.
struct Removed<'a>(&'a Scene, &'a str);

fn made(scene: &Scene) -> Removed<'_> {
    scene.say("create kakuri-test-login").output().ok();
    Removed(scene, "kakuri-test-login")
}

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = self.0.say(&format!("remove -f {}", self.1)).try_output();
    }
}

fn prompt(terminal: &mut Pty) {
    terminal.send("stty -echo; PS1='ready'\"$ \"\r");
    terminal.expect("ready$ ");
}

#[test]
fn two_logins_share_a_container_that_ends_with_the_last() {
    let scene = Scene::of_account();
    let _end = made(&scene);
    let mut one = Pty::start(login(&scene, "-kakuri-shell-kakuri-test-login"));
    prompt(&mut one);
    one.send("echo shared >/tmp/file; sleep 1000 & echo pid $!\r");
    one.expect("pid ");
    let mut two = Pty::start(scene.say("shell --login kakuri-test-login"));
    prompt(&mut two);
    two.send("cat /tmp/file; pwd; shopt login_shell\r");
    two.expect("shared");
    two.expect(scene.home().to_str().unwrap());
    two.expect("on");
    // The keys that leave a terminal are none here.
    two.send("cat\r\x1d\x1dmore\r");
    two.expect("\x1d\x1dmore");
    two.send("\x04");
    one.send("exit 3\r");
    assert_eq!(one.wait().code(), Some(3));
    two.send("echo still\r");
    two.expect("still");
    assert_eq!(scene.state("kakuri-test-login"), "running");
    two.send("exit 4\r");
    assert_eq!(two.wait().code(), Some(4));
    scene.soon("kakuri-test-login", "exited");
}

#[test]
fn sshd_asks_for_commands() {
    let scene = Scene::of_account();
    let _end = made(&scene);
    let run = |words: &[&str]| login(&scene, "kakuri-shell-kakuri-test-login").args(words);
    let out = run(&["-c", "echo $0 $container; exit 9"]).output();
    assert_eq!(out.code(), 9, "{out}");
    assert!(out.text().ends_with("kakuri"), "{out}");
    // scp and git speak through pipes.
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    assert!(run(&["-c", "cat"]).input(&bytes).output().ok().stdout == bytes);
    // ForceCommand: what was asked for is in the environment, and is run inside.
    let forced = |command: &str| scene.say("shell --login kakuri-test-login").env("SSH_ORIGINAL_COMMAND", command);
    let out = forced("echo $container; test -t 0 || echo no terminal; exit 5").output();
    assert_eq!((out.code(), out.text()), (5, "kakuri\nno terminal".into()));
    assert_eq!(forced("'unfinished").output().code(), 2);
}

#[test]
fn nothing_is_chosen_by_who_logs_in() {
    let scene = Scene::of_account();
    let _end = made(&scene);
    let elsewhere = scene.file("config.toml", "[storage]\ncontainers_dir = \"/nosuch\"\n");
    let out = login(&scene, "-kakuri-shell-kakuri-test-login")
        .env("KAKURI_CONFIG", &elsewhere)
        .env("KAKURI_LIBEXEC", "/nosuch")
        .env("KAKURI_LOG", "trace")
        .input("env\n")
        .output()
        .ok();
    assert!(!out.text().contains("KAKURI"), "{out}");
    assert_eq!(out.err(), "", "it says more than it should");
    for words in [
        &["--bind", "/:/x"][..],
        &["shell", "kakuri-test-login"],
        &["--help"],
        &["-c"],
        &["--", "sh"],
        &["-c", "true", "x"],
    ] {
        let out = login(&scene, "-kakuri-shell-kakuri-test-login").args(words).output();
        assert_eq!((out.code(), out.text()), (125, String::new()), "{out}");
    }
    scene.say("shell --login --bind /:/x kakuri-test-login").output().refused(125, &["--bind"]);
    scene.say("shell --login -e A=B kakuri-test-login").output().refused(125, &["-e"]);
    // Nor by a home or a configuration of his own making.
    let forged = scene.folder("forged/container");
    std::fs::write(forged.join("config.toml"), "[storage]\ncontainers_dir = \"/nosuch\"\n").unwrap();
    for (key, value) in [("HOME", scene.work()), ("XDG_CONFIG_HOME", scene.folder("forged"))] {
        login(&scene, "-kakuri-shell-kakuri-test-login").env(key, value).input("exit\n").output().ok();
    }
    // A container that is not there says so, and nothing else is opened.
    scene.say("remove kakuri-test-login").output().ok();
    // One whose name begins so is another's.
    scene.say("create kakuri-test-login-other").output().ok();
    let _other = Removed(&scene, "kakuri-test-login-other");
    login(&scene, "-kakuri-shell-kakuri-test-login").output().refused(125, &["'kakuri-test-login'"]);
}

#[test]
fn a_login_that_breaks_off_takes_its_shell_with_it() {
    let scene = Scene::of_account();
    let _end = made(&scene);
    let mut terminal = Pty::start(login(&scene, "-kakuri-shell-kakuri-test-login"));
    prompt(&mut terminal);
    let mut client = terminal.hang_up();
    assert!(until(HANG, || client.try_wait().unwrap().is_some()));
    scene.soon("kakuri-test-login", "exited");
}
