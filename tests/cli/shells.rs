//! Completion in the shells themselves: the Tab key at a terminal, and fish's own question for it.

use std::fs;

use serde_json::json;

use crate::common::oci::{Oci, busybox};
use crate::common::{KAKURI, Pty, Run, Scene};
use crate::need;

/// A home with live names of every kind: two containers, an image, a VPN configuration and a bind profile.
fn home() -> Scene {
    let scene = Scene::new();
    for (file, text) in [
        (".config/wireguard/office.conf", "[Interface]\n"),
        (".config/container/config.toml", "[bind_profiles]\nwebsite = [\"~/www\"]\n"),
    ] {
        let path = scene.home().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for name in ["alpha", "beta"] {
        scene.kakuri(["create", name]).output().ok();
    }
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("one", &[busybox()], &json!({}));
    scene.kakuri(["pull", "oci:oci:one"]).output().ok();
    scene.file("notes.txt", "");
    scene.script("bin/inner", "#!/bin/sh\n");
    scene
}

/// A shell that finds the kakuri under test by its name, as people type it.
fn shell(scene: &Scene, program: &str) -> Run {
    let folder = KAKURI.strip_suffix("/kakuri").unwrap();
    scene.program(program).env("PATH", format!("{folder}:{}/bin:/usr/bin:/bin", scene.work().display()))
}

/// Each line is typed, then Tab: the shell goes on with the rest. A last line shows that the shell is still itself.
fn tab(mut terminal: Pty, lines: &[(&str, &str)]) {
    terminal.expect("ready>");
    for (line, rest) in lines {
        terminal.send(&format!("{line}\t"));
        // The echo comes first, and the shell may draw what it echoes anew.
        terminal.expect(line.rsplit(' ').next().unwrap());
        terminal.expect(rest);
        // Ctrl-U: the line is empty again.
        terminal.send("\x15");
    }
    terminal.send("exit 7\r");
    assert_eq!(terminal.wait().code(), Some(7), "{}", terminal.shown());
}

/// What both shells do with a Tab where one word fits.
const LINES: [(&str, &str); 8] = [
    ("kakuri docto", "r "),
    ("kakuri exec al", "pha "),
    ("kakuri --vpn off", "ice "),
    ("kakuri run --bind-profile web", "site "),
    ("kakuri inspect --for", "mat "),
    ("kakuri container cp be", "ta:"),
    ("kakuri --nest fallo", "cate "),
    ("kakuri exec beta cat note", "s.txt "),
];

#[test]
fn bash_goes_on_at_tab() {
    need!("bash");
    let scene = home();
    let start = format!("PS1='ready> '; bind 'set enable-bracketed-paste off'; source <('{KAKURI}' completion bash)");
    let file = scene.file("bashrc", start);
    let run = shell(&scene, "bash").args(["--noprofile", "--rcfile"]).arg(&file).arg("-i");
    tab(Pty::start(run), &LINES);
}

/// With bash-completion, which loads the script from its folder by the command's name and completes what runs inside.
#[test]
fn bash_completion_loads_it_and_completes_the_command() {
    need!("bash");
    const LOADER: &str = "/usr/share/bash-completion/bash_completion";
    if !fs::exists(LOADER).unwrap() {
        return crate::common::skip("cli::shells: bash-completion is not installed");
    }
    let scene = home();
    let script = scene.kakuri(["completion", "bash"]).output().ok().stdout;
    scene.file("share/bash-completion/completions/kakuri", script);
    scene.file("share/bash-completion/completions/inner", "complete -W 'rumpelstiltskin' inner");
    let start = format!("PS1='ready> '; bind 'set enable-bracketed-paste off'; source {LOADER}");
    let file = scene.file("bashrc", start);
    let run = shell(&scene, "bash").args(["--noprofile", "--rcfile"]).arg(&file).arg("-i");
    let run = run.env("XDG_DATA_HOME", scene.work().join("share"));
    let more = [("kakuri --bind a:/b inner rump", "elstiltskin "), ("kakuri exec alpha inner ru", "mpelstiltskin ")];
    tab(Pty::start(run), &[&LINES[..], &more].concat());
}

/// Loaded as a package's: by its name in a folder of $fpath.
#[test]
fn zsh_goes_on_at_tab() {
    need!("zsh");
    let scene = home();
    let script = scene.kakuri(["completion", "zsh"]).output().ok().stdout;
    scene.file("functions/_kakuri", script);
    scene.file("functions/_inner", "#compdef inner\ncompadd rumpelstiltskin\n");
    let start =
        "PS1='ready> '; fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; zle_highlight=(none)
        unset zle_bracketed_paste; setopt no_beep no_prompt_sp no_prompt_cr";
    scene.file(".zshrc", start);
    let run = shell(&scene, "zsh").args(["-d", "-i"]).env("ZDOTDIR", scene.work());
    let more = [("kakuri --bind a:/b inner rump", "elstiltskin "), ("kakuri exec alpha inner ru", "mpelstiltskin ")];
    tab(Pty::start(run), &[&LINES[..], &more].concat());
}

#[test]
fn fish_is_told_what_fits() {
    need!("fish");
    let scene = home();
    let script = scene.kakuri(["completion", "fish"]).output().ok().stdout;
    fs::create_dir_all(scene.home().join(".config/fish/completions")).unwrap();
    fs::write(scene.home().join(".config/fish/completions/kakuri.fish"), script).unwrap();
    fs::write(scene.home().join(".config/fish/completions/inner.fish"), "complete -c inner -f -a rumpelstiltskin")
        .unwrap();
    let image = format!("oci:{}/oci:one", scene.work().display());
    for (line, want) in [
        ("kakuri docto", "doctor\tTry what this host allows, and say what to do about the rest"),
        ("kakuri exec ", "alpha\tstopped\nbeta\tstopped"),
        ("kakuri --vpn ", "office\ta VPN configuration"),
        ("kakuri --vpn=o", "--vpn=office\ta VPN configuration"),
        ("kakuri run --bind-profile web", "website\ta profile"),
        ("kakuri image rm ", &format!("{image}\tan image")),
        ("kakuri container cp be", "beta:\tstopped"),
        ("kakuri --bind a:/b inner ", "rumpelstiltskin"),
        ("kakuri exec alpha inner ru", "rumpelstiltskin"),
        ("kakuri exec beta cat note", "notes.txt"),
        ("kakuri run --bind note", "notes.txt"),
    ] {
        let said = shell(&scene, "fish").args(["-c", "complete -C $argv[1]", line]).output().ok();
        assert_eq!((said.text().as_str(), said.err().as_str()), (want, ""), "{line}");
    }
    let said = shell(&scene, "fish").args(["-c", "complete -C $argv[1]", "kakuri --nest fallo"]).output().ok();
    assert!(said.text().lines().any(|line| line.starts_with("fallocate")), "{said}");
}
