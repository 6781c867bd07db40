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
    let no = String::new;
    assert_eq!(told(shell(&["-kakuri"])), (no(), None));
    assert_eq!(told(shell(&["-kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["/usr/local/bin/kakuri-shell-web", "-c", "ls -l"])), ("web".into(), Some("ls -l".into())));
    assert_eq!(told(shell(&["kakuri", "-c", "git-upload-pack 'x'"])), (no(), Some("git-upload-pack 'x'".into())));
    assert_eq!(told(shell(&["-kakuri", "-l", "-c", "id"])), (no(), Some("id".into())));
    assert_eq!(told(shell(&["kakuri", "shell", "--login", "web"])), ("web".into(), None));
    for words in [
        &["-kakuri", "run", "sh"][..],
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
    let scene = Scene::new();
    scene.kakuri(["create", "web"]).output().ok();
    let link = scene.work().join("kakuri-shell-web");
    std::os::unix::fs::symlink(KAKURI, &link).unwrap();
    // As sshd calls a login shell for `ssh host COMMAND`, the second time into the same home.
    let script = "echo kept >~/file; echo $container";
    assert_eq!(scene.program(&link).args(["-c", script]).output().ok().text(), "kakuri");
    assert_eq!(scene.program(&link).args(["-c", "cat ~/file"]).output().ok().text(), "kept");
    // As login(1) does: a dash before the name, and the words come by standard input.
    let login = scene.program("bash").args(["-c", &format!("exec -a -kakuri-shell-web '{KAKURI}'")]);
    assert_eq!(login.input("shopt login_shell; cat ~/file\n").output().ok().text(), "login_shell    \ton\nkept");
    // As sshd's ForceCommand.
    let forced = scene.kakuri(["shell", "--login", "web"]).env("SSH_ORIGINAL_COMMAND", "cat ~/file; exit 7").output();
    assert_eq!((forced.code(), forced.text()), (7, "kept".into()));
    // By its own name it is the container called as the user, by the password file and not by what is said.
    let output = scene.kakuri(["-c", "id"]).env("USER", "web").env("LOGNAME", "web").output();
    assert!(output.code() == 125 && !output.err().contains("'web'"), "{output}");
    scene.kakuri(["remove", "-f", "web"]).output().ok();
}
