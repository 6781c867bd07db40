//! The verbs as they are typed: asked at a terminal, told by a pipe, refused.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use crate::common::{HANG, Output, Pty, Run, Scene, until};
use crate::{SECRET, put};

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";

fn login(scene: &Scene, args: &[&str]) -> Run {
    scene.kakuri(["registry", "login"].iter().chain(args).copied()).env("NO_PROXY", "*")
}

fn words_of(said: &Output) -> String {
    said.text() + &said.err()
}

/// Whatever the terminal shows, the password is not in it, nor kept where the registry did not take it.
#[test]
fn asked_for_unseen_and_kept_only_where_it_is_right() {
    let scene = Scene::new();
    let mut terminal = Pty::start(login(&scene, &[NOBODY]).env("KAKURI_LOG", "trace"));
    terminal.expect("User at 127.0.0.1:1: ");
    terminal.send("me\r");
    terminal.expect("Password of 'me' at 127.0.0.1:1: ");
    terminal.send(&format!("{SECRET}\r"));
    let status = terminal.wait();
    let said = terminal.shown();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains(SECRET) && said.contains("me"), "{said}");
    assert!(!scene.runtime().join("containers").exists(), "{said}");
}

#[test]
fn echo_is_back_whatever_ends_it() {
    let scene = Scene::new();
    for (keys, signal) in [("\x03", libc::SIGINT), ("\x1c", libc::SIGQUIT)] {
        let mut terminal = Pty::start(login(&scene, &["-u", "me", NOBODY]));
        terminal.expect("Password of 'me'");
        hidden(&terminal);
        terminal.send(&format!("half{keys}"));
        let status = terminal.wait();
        assert_eq!(status.signal(), Some(signal));
        assert!(echoes(&terminal), "{keys:?}");
    }
    let mut terminal = Pty::start(login(&scene, &["-u", "me", NOBODY]));
    terminal.expect("Password of 'me'");
    hidden(&terminal);
    // The end of the input, and a key that would hand the terminal to the shell as it is.
    terminal.send("\x1a\x04\x04");
    assert_eq!(terminal.wait().code(), Some(1));
    assert!(echoes(&terminal));
    let mut terminal = Pty::start(login(&scene, &["-u", "me", NOBODY]));
    terminal.expect("Password of 'me'");
    hidden(&terminal);
    // SAFETY: a pid of a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(terminal.pid(), libc::SIGTERM) }, 0);
    assert!(!terminal.wait().success());
    assert!(echoes(&terminal));
}

fn echoes(terminal: &Pty) -> bool {
    terminal.modes().3 & libc::ECHO != 0
}

fn hidden(terminal: &Pty) {
    assert!(until(HANG, || !echoes(terminal)), "the echo is never off");
}

#[test]
fn told_by_standard_input() {
    let scene = Scene::new();
    for (input, want) in [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("a\nb\n", "more than one line"),
        ("a\0b", "more than one line"),
        (&"x".repeat(9000)[..], "too long"),
    ] {
        let args = ["-u", "me", "--password-stdin", NOBODY];
        login(&scene, &args).input(input).output().refused(1, &["standard input holds no password", want]);
    }
    login(&scene, &["-u", "me", NOBODY])
        .input("x\n")
        .output()
        .refused(1, &["nobody can be asked"])
        .hints(&["--password-stdin"]);
    let said = login(&scene, &["-u", "me", "--password-stdin", NOBODY])
        .env("KAKURI_LOG", "trace")
        .input(format!("{SECRET}\n"))
        .output();
    assert_eq!(said.code(), 1, "{said}");
    assert!(!words_of(&said).contains(SECRET) && !scene.runtime().join("containers").exists(), "{said}");
    // As docker takes it; the words are not shown again.
    for words in
        [&["-p", SECRET][..], &["--password", SECRET], &[&format!("-p{SECRET}")], &[&format!("--password={SECRET}")]]
    {
        let said =
            login(&scene, words).output().refused(125, &["every user of this machine"]).hints(&["--password-stdin"]);
        assert!(!words_of(&said).contains(SECRET), "{said}");
    }
}

/// Before anybody is asked for anything.
#[test]
fn a_file_nobody_can_keep_in_is_found_out_first() {
    let scene = Scene::new();
    put(scene.runtime().join("containers/auth.json"), "{\n!");
    let mut terminal = Pty::start(login(&scene, &[NOBODY]));
    terminal.expect("containers/auth.json:2: ");
    assert_eq!(terminal.wait().code(), Some(1));
    login(&scene, &["no registry"]).output().refused(1, &["'no registry' is no registry"]).hints(&["quay.io"]);
}

#[test]
fn logout_says_what_it_forgot_and_what_is_left() {
    let scene = Scene::new();
    let own = scene.runtime().join("containers/auth.json");
    let logout = |args: &[&str]| scene.kakuri(["registry", "logout"].iter().chain(args).copied()).output();
    logout(&["quay.io"]).refused(1, &["there is no login for quay.io", "containers/auth.json"]).hints(&["--all"]);
    let text = r#"{"auths": {"quay.io": {"auth": "YTpi"}, "docker.io": {"auth": "YTpi"}, "r.org/x": {}}, "k": [1]}"#;
    put(&own, text);
    put(scene.home().join(".config/containers/auth.json"), r#"{"auths": {"quay.io": {"auth": "YTpi"}}}"#);
    let said = logout(&["quay.io"]);
    assert_eq!((said.code(), said.text()), (0, String::new()), "{said}");
    assert_eq!(said.err().matches("logged out of quay.io").count(), 2, "{said}");
    assert!(!fs::read_to_string(&own).unwrap().contains("quay.io"));
    let said = logout(&[]);
    assert!(said.code() == 0 && said.err().contains("logged out of docker.io"), "{said}");
    put(scene.home().join(".docker/config.json"), r#"{"auths": {"ghcr.io": {"auth": "YTpi"}}}"#);
    let said = logout(&["ghcr.io"]);
    assert!(said.code() == 1 && said.err().contains("docker logout ghcr.io"), "{said}");
    let said = logout(&["--all"]);
    assert!(said.code() == 0 && said.err().contains("logged out of r.org/x"), "{said}");
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&own).unwrap()).unwrap();
    assert_eq!(whole, serde_json::json!({"auths": {}, "k": [1]}));
    // Only the one that is named.
    put(&own, text);
    let other = scene.file("other.json", text);
    assert_eq!(logout(&["--authfile", "other.json", "quay.io"]).code(), 0);
    assert!(!fs::read_to_string(other).unwrap().contains("quay.io"));
    assert_eq!(fs::read_to_string(&own).unwrap(), text);
    // What completion offers.
    let offered = scene.kakuri(["completion", "words", "--", "registry", "logout", "q"]).output().ok().text();
    assert_eq!(offered.trim(), "quay.io\ta registry");
}
