//! What comes over what: included files, the file, the command line.

use crate::common::Scene;

/// What two files and a command line come to.
#[test]
fn the_command_line_comes_over_the_file_and_the_file_over_what_it_includes() {
    let scene = Scene::new();
    scene.file("base.toml", "hostname = 'base'\nenv = ['A=base', 'B=base', 'C=base']\nhide = ['/opt']\ntimeout = 50\n");
    scene.file("box.toml", "hostname = 'box'\nenv = ['A=box', 'B=box']\ninclude = ['base.toml']\n");
    let say =
        |line: &str, script: &str| scene.shell(&format!("--config-file box.toml {line}"), script).output().ok().text();
    assert_eq!(say("", "hostname; echo $A $B $C"), "box\nbox box base");
    assert_eq!(say("--hostname typed -e A=typed", "hostname; echo $A $B $C"), "typed\ntyped box base");
    // Wherever the option stands.
    let before = scene.shell("--hostname typed --config-file box.toml", "hostname").output().ok().text();
    assert_eq!(before, "typed");
    // Two files on one line, the second over the first.
    let two = scene.shell("--config-file box.toml --config-file base.toml", "hostname; echo $A").output().ok().text();
    assert_eq!(two, "base\nbase");
}

#[test]
fn switches_are_taken_back() {
    let scene = Scene::new();
    scene.file("base.toml", "nest = true\nread-only = true\n");
    scene.file("box.toml", "include = 'base.toml'\nnest = false\n");
    let nests = |line: &str| {
        let told = scene.say(&format!("{line} --explain true")).output().ok().text();
        told.contains("\nnesting      may make user namespaces\n")
    };
    assert!(nests("--config-file base.toml"));
    assert!(!nests("--config-file box.toml"));
    assert!(nests("--config-file box.toml --nest"));
    assert!(!nests("--config-file base.toml --nest=false"));
    assert!(!nests("--nest=false --config-file base.toml"));
    let writes = |line: &str| scene.shell(line, "echo x >/tmp/x").output().code();
    assert_ne!(writes("--config-file box.toml"), 0, "the rest of what is included stays");
    assert_eq!(writes("--config-file box.toml --read-only=false"), 0);
}

#[test]
fn a_command_is_instead_of_one_before_it() {
    let scene = Scene::new();
    scene.file("base.toml", "command = ['echo', 'base']\n");
    scene.file("box.toml", "include = 'base.toml'\ncommand = 'echo box $0'\n");
    let told = |line: &str| scene.say(line).output().ok().text();
    assert_eq!(told("--config-file base.toml"), "base");
    assert_eq!(told("--config-file box.toml"), "box sh");
    assert_eq!(told("--config-file box.toml echo typed"), "typed");
    assert_eq!(told("--config-file box.toml --command=pwd -w /tmp"), "/tmp");
    scene.file("shell.toml", "include = 'base.toml'\ncommand = []\n");
    assert_eq!(scene.say("--config-file shell.toml").input("echo of the shell\n").output().ok().text(), "of the shell");
}

/// What answers the same question gives way, as for a container with a name.
#[test]
fn another_answer_takes_the_place_of_the_first() {
    let scene = Scene::new();
    let root = scene.folder("root").display().to_string();
    scene.file("image.toml", "image = 'no.such.host/x'\nentrypoint = 'y'\n");
    scene.file("rooted.toml", format!("rootfs = '{root}'\n"));
    scene.file("user.toml", "user = '7:8'\n");
    let ok = |line: &str| scene.say(line).output().ok().text();
    assert_eq!(ok("--config-file image.toml --base host echo here"), "here");
    assert_eq!(ok("--config-file rooted.toml --base host echo here"), "here");
    assert_eq!(ok("--config-file user.toml --user id -u"), "1000");
    assert_eq!(ok("--config-file user.toml id -g"), "8");
    // A VPN is not lost by a network named beside it.
    scene.file("vpn.toml", "vpn = 'wg.conf'\n");
    let output = scene.say("--config-file vpn.toml --allow-network true").output();
    output.refused(125, &["--vpn with --network or --allow-network"]);
}

#[test]
fn what_two_include_counts_once() {
    let scene = Scene::new();
    scene.file("base.toml", "hostname = 'base'\nbind = ['.:/base']\n");
    scene.file("one.toml", "include = 'base.toml'\nhostname = 'one'\n");
    scene.file("two.toml", "include = './base.toml'\n");
    scene.file("box.toml", "include = ['one.toml', 'two.toml']\n");
    let told = scene.shell("--config-file box.toml", "hostname; grep -c ' /base ' /proc/mounts").output().ok().text();
    assert_eq!(told, "one\n1");
}

/// A bare word is a variable of the caller's, and a path a file of variables: whatever lies where he stands.
#[test]
fn variables_by_name_and_from_files() {
    let scene = Scene::new();
    scene.file("a.b", "FROM=here\n");
    scene.file("deep/a.b", "FROM=there\n");
    scene.file("deep/box.toml", "env = ['a.b', 'TOLD']\n");
    scene.file("deep/path.toml", "env = ['./a.b']\n");
    let told = |file: &str| {
        let run = scene.say(&format!("--config-file {file} env")).env("a.b", "x").env("TOLD", "told");
        let all = run.output().ok().text();
        let of_these = |line: &&str| ["a.b=", "TOLD=", "FROM="].iter().any(|name| line.starts_with(name));
        all.lines().filter(of_these).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told("deep/box.toml"), "TOLD=told a.b=x");
    assert_eq!(told("deep/path.toml"), "FROM=there");
}

/// Of a file that was included from another folder each path is meant from its own.
#[test]
fn included_files_have_folders_of_their_own() {
    let scene = Scene::new();
    scene.file("lib/data/x", "");
    scene.file("data/y", "");
    scene.file("lib/base.toml", "bind = ['data:/base']\ninclude = 'more/deep.toml'\n");
    scene.file("lib/more/deep.toml", "bind = ['../data:/deep']\n");
    scene.file("box.toml", "include = 'lib/base.toml'\nbind = ['data:/data']\n");
    let told = scene.shell("--config-file ../work/box.toml", "ls /base /deep /data").output();
    assert_eq!(told.ok().text(), "/base:\nx\n\n/data:\ny\n\n/deep:\nx");
}
