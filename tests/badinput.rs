//! What a user gets wrong: one line that names it and says why, one hint, exit 125, and nothing done.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::ffi::OsStrExt;

use common::{KAKURI, Scene};

/// Runs `kakuri ARGS`, which must be refused with these words, and must not have made anything.
#[track_caller]
fn refused(args: &[&str], words: &[&str]) -> common::Output {
    let scene = Scene::alone();
    scene.folder("there");
    scene.file("file", "text");
    let before = scene.before();
    let output = scene.kakuri(args).output().refused(125, words);
    before.nothing_left();
    output
}

#[test]
fn a_bind_source_that_is_not_there() {
    refused(&["--bind", "/no/such/source:/x", "true"], &["/no/such/source"]).hints(&[]);
    refused(&["--bind", "./no-such-folder:/x", "true"], &["./no-such-folder"]).hints(&[]);
    refused(&["--bind", ":/x", "true"], &[":/x"]).hints(&["SRC"]);
    refused(&["--bind", "", "true"], &["source"]).hints(&["SRC"]);
}

#[test]
fn a_bind_destination_that_is_not_absolute() {
    refused(&["--bind", "there:inside", "true"], &["inside"]).hints(&[]);
    refused(&["--bind", "there:./inside", "true"], &["./inside"]).hints(&[]);
}

#[test]
fn a_bind_destination_with_dots() {
    refused(&["--bind", "there:/a/../b", "true"], &["/a/../b"]).hints(&[]);
    refused(&["--bind", "there:/..", "true"], &["/.."]).hints(&[]);
    refused(&["--bind", "there:/", "true"], &["/"]).hints(&[]);
}

#[test]
fn a_bind_option_that_does_not_exist() {
    refused(&["--bind", "there:/x:rx", "true"], &["rx"]).hints(&[]);
    refused(&["--bind", "there:/x:ro,rw", "true"], &["ro", "rw"]);
}

/// A link in a folder the user shares must not lead a mount out of the container's tree.
#[test]
fn a_bind_destination_that_is_a_link_out() {
    let scene = Scene::alone();
    let tree = scene.folder("tree");
    let outside = scene.folder("outside");
    let source = scene.folder("source");
    std::os::unix::fs::symlink(&outside, tree.join("absolute")).unwrap();
    std::os::unix::fs::symlink("../outside", tree.join("relative")).unwrap();
    std::os::unix::fs::symlink("/etc", tree.join("etc")).unwrap();
    let before = scene.before();
    for link in ["absolute", "relative", "etc"] {
        for below in [format!("/tree/{link}"), format!("/tree/{link}/deeper")] {
            let bind = format!("{}:{below}", source.display());
            let run = scene.kakuri(["--bind", &format!("{}:/tree", tree.display()), "--bind", &bind, "true"]);
            run.output().refused(125, &[&below]);
        }
    }
    before.nothing_left();
}

#[test]
fn an_unknown_flag() {
    refused(&["--no-such-flag", "true"], &["--no-such-flag"]).hints(&["--help"]);
    refused(&["-Q", "true"], &["-Q"]);
    refused(&["--bnd", "there:/x", "true"], &["--bnd"]).hints(&["--bind"]);
}

#[test]
fn a_flag_without_its_value() {
    refused(&["--bind"], &["--bind"]);
    refused(&["--hostname"], &["--hostname"]);
    refused(&["--timeout"], &["--timeout"]);
}

/// bubblewrap's form: the second word would silently become the command.
#[test]
fn binds_in_two_words() {
    refused(&["--bind", "/usr", "/usr", "true"], &["/usr"]).hints(&["--bind /usr:/usr"]);
    refused(&["--ro-bind", "/usr", "/mnt", "true"], &["--ro-bind", "/mnt"]).hints(&["--bind /usr:/mnt:ro"]);
    refused(&["--ro-bind", "/usr:/mnt:rw", "true"], &["--ro-bind", "rw"]).hints(&["--bind"]);
}

#[test]
fn an_unknown_profile() {
    refused(&["--bind-profile", "nosuchprofile", "true"], &["nosuchprofile"]).hints(&[]);
}

#[test]
fn values_of_the_wrong_form() {
    for (flag, value) in [
        ("--timeout", "soon"),
        ("--timeout", "-1"),
        ("--hostname", "two words"),
        ("--hostname", ""),
        ("--share", "everything"),
        ("--base", "moon"),
        ("--userns", "many"),
        ("--proc", "sometimes"),
        ("--emit", "nothing"),
        ("--pass-fd", "x"),
        ("--status-fd", "x"),
        ("--network", "warp"),
        ("--tmpfs", "relative"),
        ("--tmpfs", "/x:size=huge"),
        ("-e", "=value"),
        ("-e", ""),
        ("--device", "/no/such/device"),
        ("--env-file", "/no/such/file"),
        ("-w", "relative"),
        ("-w", "/no/such/folder"),
        ("--hide", "relative"),
        ("--config", "/no/such/config.toml"),
    ] {
        // What was wrong about it, where the value has parts.
        let part = value.rsplit(['=', ':']).next().unwrap_or_default();
        let what = if value.is_empty() { flag } else { part };
        refused(&[flag, value, "true"], &[what]);
    }
}

#[test]
fn descriptors_that_are_not_open_or_asked_for_twice() {
    refused(&["--pass-fd", "99", "true"], &["99"]);
    refused(&["--status-fd", "99", "true"], &["99"]);
    refused(&["--status-fd", "99", "--pass-fd", "99", "true"], &["same descriptor"]);
}

#[test]
fn a_configuration_that_is_no_toml() {
    let scene = Scene::alone();
    let file = scene.file("bad.toml", "[defaults]\nallow_network = maybe\n");
    let before = scene.before();
    let name = file.display().to_string();
    scene.kakuri(["--config", &name, "true"]).output().refused(125, &["bad.toml", "2", "17"]);
    before.nothing_left();
}

#[test]
fn a_configuration_with_an_unknown_key_or_a_wrong_type() {
    let scene = Scene::alone();
    for (text, word, line) in [
        ("[defaults]\nallow_netwrk = true\n", "allow_netwrk", "2:1"),
        ("[default]\nallow_network = true\n", "default", "1:2"),
        ("[defaults]\n\nallow_network = \"yes\"\n", "boolean", "3:17"),
        ("[bind_profiles]\ndev = \"~/.ssh\"\n", "sequence", "2:7"),
    ] {
        // The usual place, not a named file: it is read when something asks for it.
        let folder = scene.home().join(".config/container");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
        let before = scene.before();
        let output = scene.kakuri(["--bind-profile", "dev", "true"]).output().refused(125, &["config.toml", line]);
        assert!(output.err().contains(word), "{output}");
        before.nothing_left();
    }
}

#[test]
fn an_empty_command() {
    refused(&[""], &[]);
    refused(&["--", ""], &[]);
    refused(&["run", ""], &[]);
}

#[test]
fn a_program_called_like_a_verb() {
    let scene = Scene::new();
    for verb in ["version", "list", "create", "doctor"] {
        scene.script(&format!("bin/{verb}"), "#!/bin/sh\necho \"the program $0 $*\"\n");
        let bind = format!("{}:/usr/local/bin", scene.work().join("bin").display());
        let said = scene.kakuri(["--bind", &bind, "--", verb, "an argument"]).output().ok().text();
        assert_eq!(said, format!("the program /usr/local/bin/{verb} an argument"));
    }
}

/// Options end at the command's first word; what looks like ours after it is the command's.
#[test]
fn options_of_the_command_are_its_own() {
    let scene = Scene::new();
    let said = scene.kakuri(["echo", "--bind", "/no/such:/x", "--help", "-e", "--", "version"]).output().ok().text();
    assert_eq!(said, "--bind /no/such:/x --help -e -- version");
    // Names of docker's verbs are programs here.
    assert_eq!(scene.kakuri(["ls", "-d", "/usr"]).output().ok().text(), "/usr");
}

#[test]
fn programs_that_are_missing_are_named_with_the_install_line() {
    let scene = Scene::alone();
    let lone = scene.folder("bin").join("kakuri");
    std::fs::copy(KAKURI, &lone).unwrap();
    let before = scene.before();
    let refused = scene.program(&lone).arg("true").output().refused(125, &["kakuri-mount", "kakuri-init"]);
    assert!(refused.err().contains("kakuri-netns"), "{refused}");
    refused.hints(&["cargo install"]);
    before.nothing_left();
}

#[test]
fn programs_of_another_build_are_refused() {
    let scene = Scene::alone();
    let bin = scene.folder("bin");
    for (program, from) in [("kakuri", KAKURI), ("kakuri-mount", common::MOUNT), ("kakuri-netns", common::NETNS)] {
        std::fs::copy(from, bin.join(program)).unwrap();
    }
    // An ELF program that does not speak our protocol.
    std::fs::copy("/bin/true", bin.join("kakuri-init")).unwrap();
    let before = scene.before();
    let refused = scene.program(bin.join("kakuri")).arg("true").output();
    assert_eq!(refused.code(), 125, "{refused}");
    assert!(refused.err().contains("kakuri-init"), "{refused}");
    before.nothing_left();
}

#[test]
fn a_source_that_cannot_be_looked_at_has_a_hint() {
    let scene = Scene::new();
    let turn = scene.work().join("turn");
    std::os::unix::fs::symlink("turn", &turn).unwrap();
    scene.kakuri(["--bind", "turn", "true"]).output().refused(125, &["'turn'"]).hints(&["correct the name"]);
}

#[test]
fn a_configuration_that_does_not_fit_leaves_no_half_of_one() {
    let scene = Scene::new();
    let script = format!("trap '' XFSZ; ulimit -f 0; exec '{KAKURI}' config init --config new.toml");
    scene.program("sh").args(["-c", &script]).output().refused(1, &["new.toml"]).hints(&["--config"]);
    assert!(!scene.work().join("new.toml").exists());
}

#[test]
fn a_folder_that_cannot_be_made_has_a_hint() {
    let scene = Scene::new();
    scene.file("file", "");
    scene.kakuri(["--bind", "file/in:/x:create", "true"]).output().refused(125, &["file/in"]).hints(&["create"]);
}

#[test]
fn names_are_shown_so_that_they_cannot_drive_a_terminal() {
    let scene = Scene::new();
    for name in [&b"\x1b]0;owned\x07"[..], b"a\nkakuri: all is well", b"\xff\xfe"] {
        let output = scene.kakuri([std::ffi::OsStr::from_bytes(name)]).output().refused(127, &[]);
        let shown = &output.stderr;
        assert!(!shown.contains(&0x1b) && !shown.contains(&0x07), "{output}");
        assert!(std::str::from_utf8(shown).is_ok(), "{output}");
    }
}
