//! Bad input: one line that names it, one that helps, and nothing changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::common::{Pty, Scene};
use super::{Web, snapshot};

#[test]
fn what_cannot_be_copied_is_named() {
    let web = Web::running(&[]);
    web.scene.file("f", "f");
    web.scene.file("d/f", "f");
    web.scene.file("closed", "f");
    fs::set_permissions(web.work("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::create_dir_all(web.work("half/closed")).unwrap();
    fs::set_permissions(web.work("half/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::create_dir(web.work("locked")).unwrap();
    fs::set_permissions(web.work("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    web.sh("cd /root; mkdir -p d over/f; echo f >f; echo f >closed; chmod 0 closed; ln -s nowhere dangling; ln -s loop loop; mkdir -p t/f over/d; echo >t/d; rmdir over/d; echo >over/d");
    let inside = web.sh("cd /root; ls -lR --time-style=+ .");
    let outside = fs::read_dir(web.scene.work()).unwrap().count();
    let long = format!("web:/root/{}", "n".repeat(256));
    for (from, to, words) in [
        ("missing", "web:/root", &["'missing'", "does not exist"][..]),
        ("web:/root/missing", ".", &["'web:/root/missing'", "does not exist"]),
        ("web:/missing/f", ".", &["'web:/missing/f'", "does not exist"]),
        ("f", "web:/root/missing/f", &["'web:/root/missing/f'", "does not exist"]),
        ("f", "web:/root/missing/", &["'web:/root/missing/'", "no such folder"]),
        ("d", "web:/root/missing/d", &["'web:/root/missing/d'", "does not exist"]),
        ("web:/root/f", "missing/f", &["'missing/f'", "does not exist"]),
        ("web:/root/f", "missing/", &["'missing/'", "no such folder"]),
        ("f/", "web:/root", &["'f/'", "no folder"]),
        ("web:/root/f/", ".", &["'web:/root/f/'", "no folder"]),
        ("f", "web:/root/f/", &["'web:/root/f/'", "no such folder"]),
        ("f", "web:/root/f/x", &["'web:/root/f/x'", "does not exist"]),
        ("d", "web:/root/f", &["'d' to 'web:/root/f'", "place of a file"]),
        ("web:/root/d", "f", &["'web:/root/d' to 'f'", "place of a file"]),
        ("f", "web:/root/over", &["'web:/root/over/f'", "a folder stands there"]),
        ("d", "web:/root/over", &["'web:/root/over/d'", "a file stands where a folder should"]),
        ("f", "web:/root/dangling/x", &["dangling", "does not exist"]),
        ("f", "web:/root/loop", &["loop", "a symbolic link"]),
        ("web:/root/loop/", ".", &["loop", "a symbolic link"]),
        ("closed", "web:/root", &["'closed'", "Permission denied"]),
        ("half", "web:/tmp/half", &["'half/closed'", "Permission denied"]),
        ("web:/root/closed", ".", &["'web:/root/closed'", "Permission denied"]),
        ("web:/root/f", "locked", &["'locked/f'", "Permission denied"]),
        ("f", "web:/usr/f", &["'web:/usr/f'", "read-only file system"]),
        ("d", "web:/usr", &["'web:/usr/d'", "read-only file system"]),
        ("f", long.as_str(), &["nnn", "too long"]),
    ] {
        let output = web.cp([from, to]).output().refused(1, words);
        assert_eq!(output.err().lines().count(), 2, "it helps: {output}");
        assert_eq!(web.sh("cd /root; ls -lR --time-style=+ ."), inside, "{from} to {to}");
        assert_eq!(fs::read_dir(web.scene.work()).unwrap().count(), outside, "{from} to {to}");
    }
    web.cp(["f", "nosuch:/root"]).output().refused(1, &["nosuch"]);
    web.scene.file("empty", "");
    web.cp(["-", "web:/root/missing"])
        .stdin(fs::File::open(web.work("empty")).unwrap())
        .output()
        .refused(1, &["no such folder"]);
    web.cp(["-", "web:/root/f"]).stdin(fs::File::open(web.work("empty")).unwrap()).output().refused(1, &["no folder"]);
    for args in
        [&["f"][..], &["f", "d"], &["web:/a", "web:/b"], &["web:", "f"], &["f", "d", "web:/root"], &["", "web:/"]]
    {
        web.cp(args).output().refused(125, &[]);
    }
}

#[test]
fn what_is_wrong_outside_starts_no_container() {
    let web = Web::with(Scene::new(), &[]);
    web.cp(["missing", "web:/root"]).output().refused(1, &["'missing'"]);
    web.cp(["web:/root", "missing/x"]).output().refused(1, &["'missing/x'"]);
    let status = web.scene.kakuri(["list", "--format", "{{.Status}}"]).output().ok().text();
    assert!(status.starts_with("Created"), "it was never started: {status}");
}

#[test]
fn a_full_disk_keeps_what_was_there_and_no_half() {
    let web = Web::running(&["--tmpfs", "/small:size=1m"]);
    web.sh("mkdir /small/d; echo old >/small/large");
    web.scene.file("large", vec![1; 3 << 20]);
    web.scene.file("tree/a", "a");
    web.scene.file("tree/z/large", vec![1; 3 << 20]);
    web.cp(["large", "web:/small"]).output().refused(1, &["'web:/small/large'", "no space is left", "was removed"]);
    assert_eq!(web.sh("cat /small/large; ls -A /small"), "old\nd\nlarge");
    let output = web.cp(["tree", "web:/small/d"]).output();
    let output = output.refused(1, &["'web:/small/d/tree/z/large'", "no space is left", "1 file or folder, "]);
    assert!(output.err().contains("make room"), "{output}");
    assert_eq!(web.sh("cd /small/d; find . -type f; df /small | tail -1 | tr -s ' ' | cut -d' ' -f3"), "./tree/a\n8");
    crate::need!("tar");
    let tar = "tar -c large | \"$0\" container cp - web:/small/d";
    let output = web.scene.program("sh").args(["-c", tar, super::common::KAKURI]).output();
    output.refused(1, &["'web:/small/d/large'", "no space is left"]);
    // A limit of the caller's own is told as well, instead of a signal.
    let limited = web.cp(["web:/usr/bin/perl", "out"]).rlimit(libc::RLIMIT_FSIZE, 4096).output();
    limited.refused(1, &["'out'", "larger than a file may be"]);
    assert!(!web.work("out").exists());
}

#[test]
fn a_folder_is_not_copied_into_itself() {
    let scene = Scene::new();
    let shared = scene.folder("shared");
    scene.file("shared/f", "f");
    let web = Web::with(scene, &["--bind", &format!("{}:/shared", shared.display())]);
    for (from, to) in [
        ("shared", "web:/shared/new"),
        ("web:/shared", "shared/other"),
        ("shared/.", "web:/shared"),
        ("shared", "web:/shared"),
    ] {
        web.cp([from, to]).output().refused(1, &["into itself"]);
    }
    let files = snapshot(&shared).into_iter().filter(|(name, _)| name.ends_with(b"f")).count();
    assert!(files < 8, "{files}");
}

/// Interrupted, it ends, and so does the container that was started for it.
#[test]
fn an_interrupted_copy_leaves_no_container_running() {
    let web = Web::with(Scene::new(), &[]);
    let script = format!("sleep 60 | {} container cp - web:/root", super::common::KAKURI);
    let mut pty = Pty::start(web.scene.program("sh").args(["-c", &script]));
    let status = || web.scene.kakuri(["list", "--format", "{{.Status}}"]).output().ok().text();
    assert!(super::common::until(super::common::HANG, || status().starts_with("Up")));
    pty.send("\x03");
    assert!(super::common::until(super::common::HANG, || status().starts_with("Exited")), "{}", status());
}
