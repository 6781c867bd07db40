//! Files that are none, that somebody else may write, or that are made to hurt who reads them.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use crate::common::Scene;

#[test]
fn what_is_no_file_is_not_waited_for() {
    let scene = Scene::new();
    let fifo = scene.work().join("fifo");
    let path = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: a string with its end.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    scene.folder("folder");
    std::os::unix::fs::symlink("loop", scene.work().join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.work().join("socket")).unwrap();
    for (name, why) in [
        ("fifo", "it is no regular file"),
        ("folder", "it is a folder"),
        ("socket", "No such device or address"),
        ("loop", "Too many levels of symbolic links"),
        ("none", "No such file or directory"),
        ("none/x", "No such file or directory"),
        ("/dev/zero", "it is no regular file"),
    ] {
        let output = scene.kakuri(["--config-file", name, "true"]).output();
        output.refused(125, &[&format!("cannot read '{name}': {why}")]).hints(&[]);
        scene.file("box.toml", format!("include = '{name}'\n"));
        let output = scene.kakuri(["--config-file", "box.toml", "true"]).output();
        output.refused(125, &["box.toml:1:11: ", why]);
    }
    scene
        .kakuri(["--config-file", "", "true"])
        .output()
        .refused(125, &["--config-file names no file"])
        .hints(&["FILE"]);
    scene.kakuri(["--config-file=", "true"]).output().refused(125, &["--config-file names no file"]);
}

#[test]
fn what_may_not_be_read_or_may_be_written_by_everybody() {
    let scene = Scene::new();
    let file = scene.file("box.toml", "hostname = 'box'\n");
    for (mode, words) in [(0o000, "cannot read 'box.toml': Permission denied"), (0o646, "everybody may write it")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let output = scene.kakuri(["--config-file", "box.toml", "true"]).output().refused(125, &[words]);
        output.hints(&[if mode == 0 { "" } else { "chmod o-w /" }]);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    scene.kakuri(["--config-file", "box.toml", "true"]).output().ok();
    // What it includes as well.
    let base = scene.file("base.toml", "");
    fs::set_permissions(&base, fs::Permissions::from_mode(0o666)).unwrap();
    scene.file("over.toml", "include = 'base.toml'\n");
    let output = scene.kakuri(["--config-file", "over.toml", "true"]).output();
    output.refused(125, &["over.toml:1:11: cannot read 'base.toml': everybody may write it"]);
}

#[test]
fn bytes_that_are_no_text() {
    let scene = Scene::new();
    for (bytes, words) in [
        (&b"hostname = 'x'\nenv = ['A=\xff']\n"[..], "box.toml:2:11: this is not UTF-8"),
        (b"hostname = 'a\0b'\n", "box.toml:1:14: "),
        (b"\0\0\0\0", "box.toml:1:"),
        (b"hostname = \"a\x1b[2Jb\"\n", "box.toml:1:14: "),
        (b"hostname = \"a\\u001b[2Jb\"\n", "box.toml:1:12: bad value 'a\\u{1b}[2Jb'"),
    ] {
        scene.file("box.toml", bytes);
        let output = scene.kakuri(["--config-file", "box.toml", "true"]).output();
        assert!(!output.err().contains('\x1b') && !output.err().contains('\0'), "{output}");
        output.refused(125, &[words]).hints(&[]);
    }
    // One that Windows wrote.
    scene.file("box.toml", "\u{feff}hostname = 'box'\r\ncommand = 'hostname'\r\n");
    assert_eq!(scene.say("--config-file box.toml").output().ok().text(), "box");
}

/// Large, deep, long: refused or read, and soon.
#[test]
fn sizes_that_hurt() {
    let scene = Scene::new();
    scene.file("box.toml", vec![b'\n'; 1024 * 1024 + 1]);
    let output = scene.say("--config-file box.toml true").output();
    output.refused(125, &["cannot read 'box.toml': it is larger than 1048576 bytes"]).hints(&[]);
    for (text, code) in [
        (format!("env = {}{}\n", "[".repeat(100_000), "]".repeat(100_000)), 125),
        (format!("{}x = 1\n", "a.".repeat(100_000)), 125),
        (format!("env = [{}\"B=c\"]\n", "\"A=b\", ".repeat(100_000)), 0),
        (format!("env = [{}3.x]\n", "\"A=b\", ".repeat(100_000)), 125),
        (format!("{}\n", (0..50_000).map(|n| format!("k{n} = 1\n")).collect::<String>()), 125),
        (format!("[env]\n{}\n", (0..50_000).map(|n| format!("K{n} = 1\n")).collect::<String>()), 0),
        (format!("env = [{}\"B=c\"]\nbind = '/nope:/x'\n", "\"A=b\", ".repeat(100_000)), 125),
    ] {
        scene.file("box.toml", &text);
        let output = scene.kakuri(["--config-file", "box.toml", "--explain", "true"]).output();
        assert_eq!(output.code(), code, "{}", output.err());
    }
}
