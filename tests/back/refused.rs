//! Bad input, and originals that somebody else has changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::Scene;
use crate::tree::snapshot;

#[test]
fn misuse_is_named() {
    let scene = Scene::new();
    scene.file("p/file", "f\n");
    let refused = |args: &[&str], code, words: &[&str]| scene.kakuri(args).output().refused(code, words);
    refused(&["--bind", "p/file:cow", "true"], 125, &["'p/file'", "is a file"]).hints(&["folder"]);
    refused(&["--bind", "p:cow,ro", "true"], 125, &["both ro and cow"]);
    refused(&["--bind", "none:cow", "true"], 125, &["'none'"]);
    refused(&["try"], 125, &["needs a command"]);
    refused(&["try", "p", "--"], 125, &["needs a command"]);
    refused(&["try", "git", "--", "x"], 125, &["'git'"]).hints(&["kakuri try -- git"]);
    refused(&["try", "p/file", "--", "true"], 125, &["'p/file'", "is a file"]);
    refused(&["changes"], 1, &["nothing was tried in"]).hints(&["kakuri try"]);
    refused(&["commit"], 1, &["nothing was tried in"]);
    refused(&["commit", "--undo"], 1, &["nothing was tried in"]);
    refused(&["discard"], 1, &["nothing was tried in"]);
    refused(&["changes", "--container", "none"], 1, &["'none'"]);
    refused(&["changes", "--patch", "-z"], 125, &["--patch and -z"]);
    refused(&["changes", "--format", "{{.nonsense}}"], 125, &["nonsense"]);
    refused(&["changes", "--list", "--patch"], 125, &["--list"]);
    // The home holds kakuri's own files.
    let home = scene.kakuri(["try", "true"]).dir(scene.home()).output();
    home.refused(125, &["kakuri keeps there"]).hints(&["name the folders"]);
    scene.kakuri(["try", "touch", "x"]).dir(scene.work().join("p")).output().ok();
    refused(&["commit", "p/file"], 1, &["nothing to commit at 'p/file'"]);
    refused(&["discard", "p/file"], 1, &["nothing to discard at 'p/file'"]);
    scene.kakuri(["run", "-d", "--name", "t", "sleep", "100"]).output().ok();
    refused(&["changes", "--container", "t"], 1, &["'t'", "keeps no files"]);
}

/// What the caller may not write is not written for him, and a commit that fails half-way has done nothing.
#[test]
fn what_belongs_to_others_is_named() {
    let scene = Scene::new();
    if !std::path::Path::new("/usr/share/doc").is_dir() {
        return crate::common::skip("files of others: there is no /usr/share/doc");
    }
    let p = scene.folder("p");
    fs::write(p.join("a"), "old\n").unwrap();
    let script = "touch /usr/share/doc/kakuri-new; echo new >a";
    let said = scene.kakuri(["try", "/usr/share/doc", ".", "--", "sh", "-c", script]).dir(&p).output();
    assert!(said.err().contains("2 changes"), "{said}");
    let before = snapshot(&p);
    scene.kakuri(["commit"]).dir(&p).output().refused(1, &["/usr/share/doc/kakuri-new", "Permission denied"]);
    assert_eq!(snapshot(&p), before);
    scene.kakuri(["commit", "a"]).dir(&p).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"new\n");
    // Inside, what is another user's is not even copied.
    let script = "for f in /usr/share/doc/*/copyright; do echo x >>$f && echo wrote; exit 0; done 2>/dev/null";
    let said = scene.kakuri(["try", "/usr/share/doc", "--", "sh", "-c", script]).output().ok();
    assert_eq!(said.text(), "");
}

/// The host changes something while the command runs; nothing is committed, and each path is named.
#[test]
fn what_the_host_changed_meanwhile_is_in_the_way() {
    let cases: [(&str, &str, &str); 12] = [
        ("echo new >f", "echo host >f", "/f'"),
        ("echo new >f", "rm f", "/f'"),
        ("echo new >f", "chmod 600 f", "/f'"),
        ("echo new >f", "mv f x; echo f >f", "/f'"),
        ("echo new >f", "rm f; mkdir f", "/f'"),
        ("rm f", "echo host >f", "/f'"),
        ("rm -r d", "echo host >d/new", "/d'"),
        ("rm -r d", "echo host >d/in/x", "/d/in/x'"),
        ("echo new >fresh", "echo host >fresh", "/fresh'"),
        ("chmod 600 f", "echo host >f", "/f'"),
        ("ln -sfn b l", "ln -sfn c l", "/l'"),
        ("echo new >d/in/x", "rm -r d", "/d'"),
    ];
    for (inside, outside, named) in cases {
        let scene = Scene::new();
        scene.file("p/f", "old\n");
        scene.file("p/d/in/x", "x\n");
        let p = scene.work().join("p");
        std::os::unix::fs::symlink("a", p.join("l")).unwrap();
        // Both have begun before either goes on.
        let script = format!("echo ready; read go; {inside}");
        let mut child = scene.kakuri(["try", "sh", "-c", &script]).dir(&p).stdin(std::process::Stdio::piped()).spawn();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert_eq!(line, "ready\n");
        // What the container has seen by then it changes; what the host does comes first, or after.
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success(), "{inside}");
        scene.program("sh").args(["-c", outside]).dir(&p).output().ok();
        let before = snapshot(&p);
        let said = scene.kakuri(["commit"]).dir(&p).output();
        assert_eq!(said.code(), 1, "{inside} | {outside}: {said}");
        assert!(
            said.err().contains(named) && said.err().contains("nothing was committed"),
            "{inside} | {outside}: {said}"
        );
        assert_eq!(snapshot(&p), before, "{inside} | {outside}");
        scene.kakuri(["discard"]).dir(&p).output().ok();
        assert_eq!(snapshot(&p), before);
    }
}

/// What was changed before the command began is no conflict, and neither is what it did not touch.
#[test]
fn only_what_was_changed_on_both_sides_counts() {
    let scene = Scene::new();
    for n in 0..20 {
        scene.file("p/f", format!("{n}\n"));
        scene.file("p/other", "o\n");
        let p = scene.work().join("p");
        scene.kakuri(["try", "sh", "-c", "echo more >>f"]).dir(&p).output().ok();
        fs::write(p.join("other"), "host\n").unwrap();
        fs::write(p.join(format!("new{n}")), "host\n").unwrap();
        scene.kakuri(["commit"]).dir(&p).output().ok();
        assert_eq!(fs::read_to_string(p.join("f")).unwrap(), format!("{n}\nmore\n"));
    }
}

#[test]
fn an_undo_does_not_take_later_work_with_it() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    let p = scene.work().join("p");
    scene.kakuri(["try", "sh", "-c", "echo new >a; mkdir d; echo b >d/b; rm -f none"]).dir(&p).output().ok();
    scene.kakuri(["commit"]).dir(&p).output().ok();
    fs::write(p.join("a"), "later\n").unwrap();
    fs::write(p.join("d/mine"), "mine\n").unwrap();
    let before = snapshot(&p);
    let said = scene.kakuri(["commit", "--undo"]).dir(&p).output();
    assert_eq!(said.code(), 1, "{said}");
    for path in ["/p/a': it was changed since", "/p/d': it was changed since", "nothing was taken back"] {
        assert!(said.err().contains(path), "{path}: {said}");
    }
    assert_eq!(snapshot(&p), before);
}

#[test]
fn a_try_that_runs_is_left_alone() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    let p = scene.work().join("p");
    let script = "echo new >a; echo ready; read go";
    let mut child = scene.kakuri(["try", "sh", "-c", script]).dir(&p).stdin(std::process::Stdio::piped()).spawn();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    for verb in ["commit", "discard"] {
        scene.kakuri([verb]).dir(&p).output().refused(1, &["still runs"]);
    }
    assert_eq!(scene.kakuri(["changes", "-z"]).dir(&p).output().ok().text(), "M a\0");
    drop(child.stdin.take());
    child.wait().unwrap();
    scene.kakuri(["commit"]).dir(&p).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"new\n");
}

/// A folder that may not be written is an error before anything is done, and leaves nothing half.
#[test]
fn what_may_not_be_written_is_named() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    scene.file("p/z/b", "b\n");
    let p = scene.work().join("p");
    let before = snapshot(&p);
    scene.kakuri(["try", "sh", "-c", "echo new >a; echo c >z/c; echo new >z/b"]).dir(&p).output().ok();
    // The host closes a folder: that is a change of the folder, and it is ours to open.
    fs::set_permissions(p.join("z"), fs::Permissions::from_mode(0o555)).unwrap();
    scene.kakuri(["commit", "z/c"]).dir(&p).output().ok();
    assert_eq!(fs::metadata(p.join("z")).unwrap().permissions().mode() & 0o7777, 0o555);
    assert_eq!(fs::read(p.join("z/c")).unwrap(), b"c\n");
    scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
    fs::set_permissions(p.join("z"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(snapshot(&p), before);
}
