//! Forms that users of other launchers type: each works, or is answered with what to type here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{HANG, Scene, until};

/// A tree with a shell in it.
fn root(scene: &Scene) -> PathBuf {
    let root = scene.folder("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    for name in ["sh", "ls", "sleep"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    root
}

/// Ryouiki: `tenkai` and `start`, with `--path`, `--env` and `--command`.
#[test]
fn a_root_an_environment_and_a_command() {
    need!("busybox");
    let scene = Scene::new();
    root(&scene);
    scene.file("env.txt", "PATH=/bin\nFROM=env.txt\n");
    for verb in ["tenkai", "start", "run"] {
        for env in ["env.txt", "./env.txt", "../work/env.txt"] {
            let script = "echo $FROM; ls /bin; exit 7";
            let output = scene.kakuri([verb, "--path", "root", "--env", env, "--command", script]).output();
            assert_eq!((output.code(), output.text().as_str()), (7, "env.txt\nbusybox\nls\nsh\nsleep"), "{output}");
        }
    }
    let output = scene.kakuri(["start", "--path=root", "--command=echo $0", "--env=env.txt"]).output().ok();
    assert_eq!(output.text(), "sh");
    // As one that stays.
    scene.say("create --path root --env env.txt box").output().ok();
    assert_eq!(scene.shell("start box", "echo $FROM").output().ok().text(), "env.txt");
    assert_eq!(
        scene.kakuri(["exec", "--env", "./env.txt", "box", "sh", "-c", "echo $FROM"]).output().text(),
        "env.txt"
    );
}

#[test]
fn a_start_that_names_no_container_is_told_what_to_type() {
    let scene = Scene::new();
    for (line, words, hint) in [
        ("start --path root", "start takes no --path", "kakuri run --path DIR CMD"),
        ("start web --path root --command x", "start takes no --path", "kakuri create --path DIR NAME"),
        ("start --command x web", "start takes no --command", "kakuri start NAME sh -c SCRIPT"),
        ("exec web --command x", "exec takes no --command", "kakuri exec NAME sh -c SCRIPT"),
        ("tenkai --path root --command ls /", "--command 'ls' and '/' are two commands", "in quotes"),
        ("--command= --path root", "the command is empty (--command)", "--command 'make"),
        ("tenkai --path", "'--path' needs a value", "--path DIR"),
        ("tenkai --path none --command x", "cannot use 'none' as the root", ""),
        ("tenkai --env ./none.txt --command x", "cannot read the environment file './none.txt'", "--env-file"),
    ] {
        scene.say(line).output().refused(125, &[words]).hints(&[hint]);
    }
}

/// A name of a variable is one, whatever lies where the caller stands.
#[test]
fn a_variable_is_no_file() {
    let scene = Scene::new();
    for name in ["HOME", "env", "_x1", "1st", "a.b", "A=B"] {
        scene.file(name, "FROM=file\n");
    }
    let told = |option: &str, value: &str| {
        let run = scene.kakuri([option, value, "sh", "-c", "echo $FROM; env | grep -c -e ^HOME= -e ^A="]);
        run.env("env", "x").env("_x1", "x").env("1st", "x").env("a.b", "x").output().ok().text()
    };
    for option in ["-e", "--env"] {
        for name in ["HOME", "env", "_x1", "none.txt"] {
            assert_eq!(told(option, name), "\n1", "{option} {name}");
        }
        assert_eq!(told(option, "A=B"), "\n2", "{option}");
        for file in ["1st", "a.b", "./HOME"] {
            assert_eq!(told(option, file), "file\n1", "{option} {file}");
        }
    }
}

/// Ryouiki's `inspect`: processes, the containers they are in, and where they log.
#[test]
fn processes_and_their_logs() {
    let scene = Scene::alone();
    assert_eq!(scene.say("inspect --all").output().ok().text(), "HOST-PID   PID   CONTAINER   STATE   LOG   COMMAND");
    assert_eq!(scene.say("inspect --all --format json").output().ok().text(), "[]");
    scene.say("create web").output().ok();
    scene.say("create db").output().ok();
    scene.shell("start -d web", "sleep 1001 & sleep 1002").output().ok();
    scene.say("start -d db").output().ok();
    scene.say("exec -d db sleep 1003").output().ok();
    let mut quiet = scene.say("exec db sleep 1004").spawn();
    let mut told = String::new();
    let all = until(HANG, || {
        told = scene.say("inspect --all --format jsonl").output().ok().text();
        told.contains("sleep 1001") && told.contains("sleep 1002") && told.contains("sleep 1004")
    });
    assert!(all, "{told}");
    let lines: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |command: &str| lines.iter().find(|l| l["command"] == command).unwrap_or_else(|| panic!("{command}: {told}"));
    for (command, container, logged) in [
        ("sleep 1001", "web", true),
        ("sleep 1002", "web", true),
        ("sleep 1003", "db", true),
        ("sleep 1004", "db", false),
    ] {
        let one = of(command);
        assert_eq!((&one["container"], &one["logged"]), (&container.into(), &logged.into()), "{one}");
        let folder = scene.home().join(".local/kakuri/containers").join(container).join("log");
        let (log, logs) = match logged {
            true => (folder.display().to_string().into(), format!("kakuri logs {container}").into()),
            false => (serde_json::Value::Null, serde_json::Value::Null),
        };
        assert_eq!((&one["log"], &one["logs"]), (&log, &logs), "{one}");
        assert!(!logged || folder.is_dir());
    }
    // By number, in both forms, several at once.
    let number = |command: &str| of(command)["host_pid"].as_i64().unwrap();
    let (one, two) = (number("sleep 1001"), number("sleep 1003"));
    let table = scene.say(&format!("inspect --pid {one},{two}")).output().ok().text();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{table}");
    for (number, container, seconds) in [(one, "web", "1001"), (two, "db", "1003")] {
        let row = rows.iter().find(|row| row[0] == number.to_string()).unwrap_or_else(|| panic!("{table}"));
        assert_eq!((row[2], &row[4..]), (container, &["kakuri", "logs", container, "sleep", seconds][..]), "{table}");
    }
    let template = format!("inspect --pid {two} --format {{{{.container}}}}={{{{.logs}}}}");
    assert_eq!(scene.say(&template).output().ok().text(), "db=kakuri logs db");
    // One that is in none is said, and the others are shown.
    let own = std::process::id();
    let output = scene.say(&format!("inspect --pid {own},{one}")).output();
    assert_eq!((output.code(), output.text().lines().count()), (1, 2), "{output}");
    assert!(output.err().starts_with(&format!("kakuri: process {own} is in no container")), "{output}");
    scene.say("stop --all --time 0").output().ok();
    quiet.wait().unwrap();
    scene.say(&format!("inspect --pid {one}")).output().refused(1, &["is in no container"]).hints(&["--all"]);
    scene.say("remove --all").output().ok();
}

#[test]
fn questions_about_processes_that_are_none() {
    let scene = Scene::new();
    for (line, words, hint) in [
        ("inspect --pid x", "bad value 'x' for --pid: 'x' is no number of a process", "--pid 4711"),
        ("inspect --pid 1,,2", "'' is no number of a process", "--pid 4711"),
        ("inspect --pid 0", "'0' is no number", "--pid 4711"),
        ("inspect --pid -1", "'-1' is no number", "--pid 4711"),
        ("inspect --pid 99999999999", "is no number", "--pid 4711"),
        ("inspect --pid", "'--pid' needs a value", "PID[,PID...]"),
        ("inspect --all web", "--all is about processes, and 'web' is a container", "kakuri container top web"),
        ("inspect --pid 1 web", "--pid is about processes, and 'web' is a container", "kakuri inspect web"),
        ("inspect --all --pid 1", "--all and --pid are two answers", "choose one"),
        ("inspect --all --security", "--all and --security are two questions", "--security NAME"),
        ("inspect", "inspect needs the name of a container", "kakuri inspect NAME"),
    ] {
        scene.say(line).output().refused(125, &[words]).hints(&[hint]);
    }
}

/// rustainer: an image and its tag are two words, and `-p HOST:GUEST/PROTOCOL`.
#[test]
fn an_image_and_its_tag() {
    let scene = Scene::new();
    for (line, hint) in [
        ("alpine latest", "did you mean kakuri --image alpine:latest?"),
        ("ubuntu jammy", "did you mean kakuri --image ubuntu:jammy?"),
        ("some-image 1.0", "did you mean kakuri --image some-image:1.0?"),
        ("quay.io/some/image latest", "did you mean kakuri --image quay.io/some/image:latest?"),
        ("alpine", "kakuri run --image alpine [CMD...]"),
        ("alpine ash", "kakuri run --image alpine [CMD...]"),
        ("debian ls", "kakuri run --image debian [CMD...]"),
        ("alpine:3.20 sh", "kakuri run --image alpine:3.20 [CMD...]"),
        // None of these looks like one.
        ("gti status", "is it installed?"),
        ("./alpine latest", "it was looked for from"),
        ("/no/alpine latest", "correct the name"),
        ("Alpine latest", "is it installed?"),
        ("some-image 1.0 sh", "is it installed?"),
    ] {
        scene.say(line).output().refused(127, &[]).hints(&[hint]);
    }
    // A program of that name is a program.
    scene.script("bin/alpine", "#!/bin/sh\necho $0 $1\n");
    let told = scene.say("--bind bin:/usr/local/bin:ro alpine latest").output().ok().text();
    assert_eq!(told, "/usr/local/bin/alpine latest");
    for ports in ["8080:80/tcp", "8080:80", "5353:53/udp"] {
        let told = scene.say(&format!("--network nat -p {ports} --explain true")).output();
        // Where there is neither pasta nor slirp4netns, that is what is said, and nothing of the port.
        assert!(told.code() == 0 || !told.err().contains("8080") && !told.err().contains("5353"), "{told}");
        let refused = scene.say(&format!("-p {ports} true")).output().refused(125, &["cannot publish"]);
        refused.hints(&["--network nat -p"]);
    }
}

/// kak-containers: every further shell joins the same container.
#[test]
fn shells_that_join() {
    let scene = Scene::new();
    scene.say("create box").output().ok();
    assert_eq!(scene.say("shell box").input("echo one >/tmp/x; echo $0 in\n").output().ok().text(), "/bin/bash in");
    assert_eq!(scene.state("box"), "exited", "the last one has left");
    scene.say("start -d box sleep 1000").output().ok();
    let first = scene.say("shell box").input("echo two >/tmp/x; hostname; grep -c sleep /proc/*/comm | grep -c :1\n");
    assert_eq!(first.output().ok().text(), "box\n1");
    assert_eq!(scene.say("shell box").input("cat /tmp/x\n").output().ok().text(), "two", "both see the same");
    scene.say("stop --time 0 box").output().ok();
    scene.soon("box", "exited");
}

/// hakoniwa: what is spelled alike works, and what is not has an answer.
#[test]
fn another_programs_options() {
    let scene = Scene::new();
    scene.file("src/one", "");
    for line in [
        "run -- sh",
        "run --hostname box --tmpfs /t --dir /d --symlink /d:/l -e A=b -w /tmp -- sh",
        "run --limit-as 1g --limit-nofile 64 --limit-cpu 5 --limit-core 0 --limit-fsize 1m -- sh",
    ] {
        assert_eq!(scene.say(line).input("echo inside\n").output().ok().text(), "inside", "{line}");
    }
    for (option, hint) in [
        ("--bindmount-ro src:/src", "kakuri --bind SRC:DST:ro"),
        ("--bindmount-rw src:/src", "kakuri --bind SRC:DST"),
        ("-b src:/src", "kakuri --bind SRC:DST:ro"),
        ("-B src:/src", "kakuri --bind SRC:DST"),
        ("-g 0:1:1", "kakuri --gidmap"),
        ("-c box.toml", "kakuri --config-file FILE"),
        ("--rootdir ./root:rw", "--rootfs DIR:rw"),
        ("--devfs /dev", "leave it out"),
        ("--setenv A=b", "kakuri -e KEY=VALUE"),
        ("--unshare-all", "leave it out"),
        ("--unshare-cgroup", "leave it out"),
        ("--unshare-network", "leave it out"),
        ("--limit-walltime 3", "kakuri --timeout SECONDS"),
        ("--cgroup-cpus 1", "kakuri --cpus NUMBER"),
        ("--cgroup-memory 1g", "kakuri --memory SIZE"),
        ("--cgroup-memory-swap 1g", "kakuri --memory-swap SIZE"),
        ("--cgroup-pids-limit 5", "kakuri --pids-limit N"),
        ("--landlock-restrict-all", "--landlock-restrict fs,tcp.bind,tcp.connect"),
        ("--landlock-restrict-fs", "--landlock-restrict fs"),
        ("--landlock-restrict-tcp-bind", "--landlock-restrict tcp.bind"),
        ("--landlock-restrict-tcp-connect", "--landlock-restrict tcp.connect"),
        ("--seccomp podman", "--security-opt seccomp=FILE"),
        ("--allow-new-privs", "leave it out"),
    ] {
        let name = option.split(' ').next().unwrap();
        let output = scene.say(&format!("run {option} -- sh")).output();
        output.refused(125, &["unknown option", name]).hints(&["that is ", hint]);
    }
    scene.say("run --rootfs / -- sh").output().refused(125, &["the host's own root"]).hints(&["leave --rootfs out"]);
}
