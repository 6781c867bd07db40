//! `--creds USER`: the password is typed unseen, once, and only where it is wanted.

use std::os::unix::process::ExitStatusExt;

use crate::common::registry::{PASSWORD, USER};
use crate::common::{Pty, Scene};
use crate::modes::trust;
use crate::{RELEASE, SCRIPT, need, nothing_is_here, registry, runs};

/// Whoever is asked types this.
#[track_caller]
fn answers(terminal: &mut Pty, host: &str, password: &str) {
    terminal.expect(&format!("Password of '{USER}' at {host}: "));
    terminal.send(&format!("{password}\r"));
}

#[test]
fn a_password_is_asked_for_at_the_terminal() {
    need!("docker-registry", "skopeo", "curl", "openssl", "htpasswd", "busybox");
    let scene = Scene::new();
    let registry = registry(&scene, "basic");
    trust(&scene, &registry);
    let host = &registry.host;
    let (one, two) = (&format!("{host}/private/busybox"), &format!("{host}/public/busybox"));

    // Ctrl-C instead of an answer: nothing has begun.
    let mut terminal = Pty::start(scene.kakuri(["pull", "--creds", USER, one]));
    terminal.expect("Password of");
    terminal.send("half\x03");
    assert_eq!(terminal.wait().signal(), Some(libc::SIGINT), "{}", terminal.shown());
    nothing_is_here(&scene, "ctrl-c");

    let mut terminal = Pty::start(scene.kakuri(["--image", one, "--creds", USER, "sh", "-c", SCRIPT]));
    answers(&mut terminal, host, "horse-battery");
    terminal.expect("does not take this login");
    assert_eq!(terminal.wait().code(), Some(125));
    assert!(!terminal.shown().contains("horse"), "{}", terminal.shown());
    let mut terminal = Pty::start(scene.kakuri(["--image", one, "--creds", USER, "sh", "-c", SCRIPT]));
    answers(&mut terminal, host, "");
    terminal.expect("is empty");
    assert_eq!(terminal.wait().code(), Some(125));
    nothing_is_here(&scene, "wrong answers");

    let mut terminal = Pty::start(scene.kakuri(["--image", one, "--creds", USER, "sh", "-c", SCRIPT]));
    answers(&mut terminal, host, PASSWORD);
    terminal.expect(RELEASE);
    assert!(terminal.wait().success());
    assert!(!terminal.shown().contains(PASSWORD), "{}", terminal.shown());

    // It is here now, so that nobody is asked, terminal or not.
    let said = scene.kakuri(["--image", one, "--creds", USER, "cat", "/etc/os-release"]).output().ok();
    assert_eq!((said.text(), said.err()), (RELEASE.into(), String::new()));
    // Of several images for the first alone.
    let mut terminal = Pty::start(scene.kakuri(["pull", "--creds", USER, one, two]));
    answers(&mut terminal, host, PASSWORD);
    assert!(terminal.wait().success(), "{}", terminal.shown());
    assert_eq!(terminal.shown().matches("Password of").count(), 1, "{}", terminal.shown());
    // A container with a name asks when it is made, and never again.
    let mut terminal = Pty::start(scene.kakuri(["create", "--image", two, "--pull", "always", "--creds", USER, "box"]));
    answers(&mut terminal, host, PASSWORD);
    assert!(terminal.wait().success(), "{}", terminal.shown());
    assert_eq!(scene.kakuri(["start", "box", "cat", "/etc/os-release"]).output().ok().text(), RELEASE);
    // In the background it is asked for before.
    let line = ["run", "-d", "--name", "far", "--image", one, "--pull", "always", "--creds", USER, "sleep", "1000"];
    let mut terminal = Pty::start(scene.kakuri(line));
    answers(&mut terminal, host, PASSWORD);
    assert!(terminal.wait().success(), "{}", terminal.shown());
    scene.kakuri(["stop", "far"]).output().ok();
    runs(&scene, two, &["--creds", &format!("{USER}:{PASSWORD}")]);
}

#[test]
fn without_a_terminal_it_is_told_how_else() {
    let scene = Scene::new();
    let name = "127.0.0.1:1/a";
    for (code, line) in [
        (125, &["--image", name, "--creds", USER, "true"][..]),
        (1, &["pull", "--creds", USER, name]),
        (125, &["run", "-d", "--image", name, "--creds", USER, "true"]),
    ] {
        let said = scene.kakuri(line).input("hunter2\n").output();
        said.refused(code, &["cannot ask for the password of 'bob' at 127.0.0.1:1", "no terminal"])
            .hints(&["kakuri registry login -u bob --password-stdin 127.0.0.1:1 <FILE", "--authfile"]);
    }
    nothing_is_here(&scene, "no terminal");
    // A folder wants no login, and one that is not to be fetched neither.
    scene.kakuri(["--image", "oci:/no/such", "--creds", USER, "true"]).output().refused(125, &["'oci:/no/such'"]);
    let never = scene.kakuri(["--image", name, "--pull", "never", "--creds", USER, "true"]).output();
    never.refused(125, &["is not here"]);
}
