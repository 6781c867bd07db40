//! kakuri as somebody's login shell.

use kakuri::cli::{Command, Shell, Verbs};

use crate::common::{KAKURI, Scene};
use crate::{misuse, read};

#[test]
fn a_login_shell_takes_nothing_from_the_command_line() {
    let shell = |words: &[&str]| match read(words) {
        Ok(command) if command.is_login() => match command {
            Command::Container(verbs) => match *verbs {
                Verbs::Shell(shell) => shell,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{words:?}: {other:?}"),
    };
    let told = |shell: Shell| (shell.name, shell.command.map(|c| c.to_string()));
    assert_eq!(told(shell(&["-kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["/usr/local/bin/kakuri-shell-web", "-c", "ls -l"])), ("web".into(), Some("ls -l".into())));
    let asked = &["kakuri-shell-web", "-c", "git-upload-pack 'x'"];
    assert_eq!(told(shell(asked)), ("web".into(), Some("git-upload-pack 'x'".into())));
    assert_eq!(told(shell(&["-kakuri-shell-web", "-l", "-c", "id"])), ("web".into(), Some("id".into())));
    assert_eq!(told(shell(&["kakuri", "shell", "--login", "web"])), ("web".into(), None));
    for words in [
        // By its own name: su hands arguments on.
        &["-kakuri"][..],
        &["kakuri", "-c", "id"],
        &["-kakuri", "run", "sh"],
        &["-kakuri", "--bind", "/:/x", "sh"],
        &["-kakuri", "--help"],
        &["-kakuri", "-c"],
        &["-kakuri", "-c", "a", "b"],
        &["kakuri-shell-web", "--config", "/tmp/x"],
        &["kakuri-shell-web", "shell", "other"],
        &["kakuri-shell-..", "-c", "id"],
        &["kakuri-shell-"],
        &["kakuri", "-c", "id", "--base", "none"],
        &["kakuri", "shell", "--login", "--config", "x", "web"],
        &["kakuri", "shell", "-e", "A=b", "--login", "web"],
        &["kakuri", "shell", "--login", "web", "id"],
    ] {
        assert!(misuse(words).hint.is_some(), "{words:?}");
    }
}

#[test]
fn a_login_lands_in_the_container_its_link_names() {
    let scene = Scene::of_account();
    let _end = End(&scene);
    scene.kakuri(["create", "kakuri-test-link"]).output().ok();
    let link = scene.work().join("kakuri-shell-kakuri-test-link");
    std::os::unix::fs::symlink(KAKURI, &link).unwrap();
    // As sshd calls a login shell for `ssh host COMMAND`, the second time into the same home.
    let script = "echo kept >~/file; echo $container";
    assert_eq!(scene.program(&link).args(["-c", script]).output().ok().text(), "kakuri");
    assert_eq!(scene.program(&link).args(["-c", "cat ~/file"]).output().ok().text(), "kept");
    // As login(1) does: a dash before the name, and the words come by standard input.
    let login = scene.program("bash").args(["-c", &format!("exec -a -kakuri-shell-kakuri-test-link '{KAKURI}'")]);
    assert_eq!(login.input("shopt login_shell; cat ~/file\n").output().ok().text(), "login_shell    \ton\nkept");
    // As sshd's ForceCommand.
    let forced = scene
        .kakuri(["shell", "--login", "kakuri-test-link"])
        .env("SSH_ORIGINAL_COMMAND", "cat ~/file; exit 7")
        .output();
    assert_eq!((forced.code(), forced.text()), (7, "kept".into()));
}

/// The store is the account's own: a login believes no other home.
struct End<'a>(&'a Scene);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let _ = self.0.kakuri(["remove", "-f", "kakuri-test-link"]).try_output();
    }
}
