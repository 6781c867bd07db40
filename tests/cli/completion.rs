//! Completion, as each shell would call it.

use kakuri::cli::pages::TOP;
use kakuri::cli::{Complete, Verbs};

use crate::common::{KAKURI, Scene, have, skip};
use crate::{command, verbs};

/// What bash offers for these words, the last one being typed.
fn bash_offers(scene: &Scene, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source <('{KAKURI}' completion bash) || exit 9
         COMP_WORDS=(kakuri \"$@\"); COMP_CWORD=$#
         _kakuri '{KAKURI}' \"${{!#}}\" ''
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let text = scene.program("bash").args(["-c", &script, "bash"]).args(words).output().ok().text();
    text.lines().filter(|l| !l.is_empty()).map(str::to_string).collect()
}

#[test]
fn bash_completes_verbs_options_and_words() {
    let scene = Scene::new();
    let all = bash_offers(&scene, &[""]);
    assert_eq!(all, TOP.map(|v| v.name), "verbs");
    for (words, want) in [
        (&["st"][..], &["start", "stop"][..]),
        (&["no-such-verb"], &[]),
        (&["--bind-p"], &["--bind-profile"]),
        (&["--base", ""], &["host", "none"]),
        (&["--base", "=", "n"], &["none"]),
        (&["--base=n"], &["--base=none"]),
        (&["--bind-profile", ""], &["dev", "minimal"]),
        (&["--bind", "a", ":", "/b", "--nes"], &["--nest"]),
        (&["-v", "a", "--nes"], &["--nest"]),
        (&["ls", "--nes"], &[]),
        (&["run", "--userns", ""], &["single", "range", "keep-id"]),
        (&["start", "--detach"], &["--detach", "--detach-keys"]),
        (&["start", "web", "--detach"], &["--detach", "--detach-keys"]),
        (&["start", "web", "ls", "--detach"], &[]),
        (&["exec", "web", "--", "--det"], &[]),
        (&["stop", "-s", "US"], &["USR1", "USR2"]),
        (&["container", "re"], &["rename", "restart"]),
        (&["container", "kill", "--s"], &["--signal"]),
        (&["container", "nonsense", ""], &[]),
        (&["config", "in"], &["init"]),
        (&["completion", ""], &["bash", "zsh", "fish", "man"]),
        (&["create", ""], &[]),
        (&["registry", ""], &["login", "logout"]),
        (&["registry", "login", "--pass"], &["--password-stdin"]),
    ] {
        assert_eq!(bash_offers(&scene, words), want, "{words:?}");
    }
    // Where the command begins, by the words as bash has them.
    for (words, want) in [
        (&["ls", "-l"][..], "\t1\n"),
        (&["-v", "a", ":", "/b", "ls", "--co"], "\t5\n"),
        (&["--bind", "=", "a", "run", "x"], "\t4\n"),
        (&["run", "--", "--odd", ""], "\t3\n"),
        (&["exec", "-w", "/tmp", "web", ""], "\t5\n"),
        (&["create", "web", "sh", "-"], "\t3\n"),
        (&["try", "src", "doc", "--", "make", "-"], "\t5\n"),
        (&["-x"], ""),
        (&["stop", "web", ""], ""),
    ] {
        let said = scene.kakuri(["completion", "words", "--"].iter().chain(words)).output().ok();
        assert_eq!(said.stdout, want.as_bytes(), "{words:?}");
    }
    // A configuration that is broken is no reason to talk.
    let bad = scene.kakuri(["completion", "words", "--", "exec", ""]).env("KAKURI_CONFIG", "/no/such").output().ok();
    assert_eq!((bad.text(), bad.err()), (String::new(), String::new()));
}

/// What zsh is given, by stand-ins for the functions of its completion system.
fn zsh_offers(scene: &Scene, words: &[&str]) -> Vec<String> {
    let script = format!(
        "_describe() {{ print -rl -- \"${{(@P)3}}\"; }}
         compadd() {{ print -rl -- \"${{(@P)4}}\"; }}
         _files() {{ print -r -- FILES; }}
         _normal() {{ print -r -- COMMAND $CURRENT $words; }}
         '{KAKURI}' completion zsh >script && source ./script || exit 9
         words=('{KAKURI}' \"$@\"); CURRENT=$#words
         _kakuri"
    );
    let text = scene.program("zsh").args(["-f", "-c", &script, "zsh"]).args(words).output().ok().text();
    text.lines().map(str::to_string).collect()
}

#[test]
fn names_are_completed_those_most_likely_meant_first() {
    let scene = Scene::new();
    for name in ["alpha", "beta", "gamma"] {
        scene.kakuri(["create", name]).output().ok();
    }
    scene.kakuri(["start", "-d", "beta"]).output().ok();
    for (words, want) in [
        (&["exec", ""][..], &["beta", "alpha", "gamma"][..]),
        (&["stop", "alpha", ""], &["beta", "alpha", "gamma"]),
        (&["start", "--nest", ""], &["alpha", "gamma", "beta"]),
        (&["container", "rm", ""], &["alpha", "gamma", "beta"]),
        (&["inspect", ""], &["alpha", "beta", "gamma"]),
        (&["shell", "a"], &["alpha"]),
        (&["exec", "beta", "fallocat"], &["fallocate"]),
        (&["exec", "beta", "no-such-program"], &[]),
        (&["logs", "alpha", ""], &[]),
        (&["create", "a"], &[]),
        (&["container", "cp", "be"], &["beta:"]),
        (&["container", "cp", "beta", ":", "/x"], &[]),
    ] {
        assert_eq!(bash_offers(&scene, words), want, "{words:?}");
    }
    if have("zsh") {
        assert_eq!(zsh_offers(&scene, &["exec", ""]), ["beta:running", "alpha:stopped", "gamma:stopped"]);
        assert_eq!(zsh_offers(&scene, &["container", "cp", "be"]), ["beta:"]);
        assert_eq!(zsh_offers(&scene, &["--bind", ""]), ["FILES"]);
        assert_eq!(zsh_offers(&scene, &["exec", "beta", ""]), ["COMMAND 1"]);
        assert_eq!(zsh_offers(&scene, &["-v", "a", "git", "log", "--"]), ["COMMAND 3 git log --"]);
        assert_eq!(zsh_offers(&scene, &["--network", "h"]), ["host"]);
    } else {
        skip("zsh is not installed");
    }
    scene.kakuri(["remove", "-f", "alpha", "beta", "gamma"]).output().ok();
    assert_eq!(bash_offers(&scene, &["exec", ""]), [""; 0]);
}

#[test]
fn scripts_are_read_by_their_shells() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = scene.kakuri(["completion", shell]).output().ok().text();
        assert!(text.contains("completion words --"), "{text}");
        if !have(shell) {
            skip(format!("{shell} is not installed"));
            continue;
        }
        let file = scene.file(&format!("script.{shell}"), &text);
        let output = scene.program(shell).arg("-n").arg(&file).output().ok();
        assert_eq!(output.err(), "", "{shell}");
    }
    assert!(matches!(verbs("completion words -- a"), Verbs::Complete(Complete::Words(w)) if w == command(&["a"])));
}
