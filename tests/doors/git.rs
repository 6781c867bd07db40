//! `--git`: git works in the container, and nothing done there makes git on the host run anything. What was tried inside is
//! looked at from the host: by what is in the files, and by whether a command planted there runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Output, Run, Scene};
use crate::need;

/// A run with who one is, whatever the configuration says.
fn named(run: Run) -> Run {
    let run = run.env("GIT_AUTHOR_NAME", "a").env("GIT_AUTHOR_EMAIL", "a@b").env("GIT_CONFIG_NOSYSTEM", "1");
    run.env("GIT_COMMITTER_NAME", "a").env("GIT_COMMITTER_EMAIL", "a@b")
}

/// On the host.
pub fn git(scene: &Scene, folder: &Path, words: &[&str]) -> Output {
    let more = ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"];
    named(scene.program("git")).dir(folder).args(more).args(words).output()
}

/// A work tree with one commit.
pub fn plant(scene: &Scene, name: &str) -> PathBuf {
    let tree = scene.folder(name);
    git(scene, &tree, &["init", "-q"]).ok();
    fs::write(tree.join("a"), "one\n").unwrap();
    git(scene, &tree, &["add", "a"]).ok();
    git(scene, &tree, &["commit", "-qm", "one"]).ok();
    tree
}

/// In a container that has `--git` and these options.
pub fn inside(scene: &Scene, folder: &Path, options: &[&str], script: &str) -> Output {
    let pass = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    let words = pass.iter().flat_map(|name| ["-e", name]).chain(["--git"]).chain(options.iter().copied());
    named(scene.kakuri(words.chain(["--", "sh", "-c", script]))).dir(folder).output()
}

/// In a script: `r A B` is rename(2), where mv(1) would copy and remove.
pub const RENAME: &str = "r() { perl -e 'exit !rename $ARGV[0], $ARGV[1]' \"$1\" \"$2\"; }\n";

/// Everything that says what git runs, as text.
pub fn said(git: &Path) -> String {
    let mut text = String::new();
    for name in ["config", "config.worktree", "commondir", "hooks/pre-commit"] {
        text += &format!("{name}: {:?}\n", fs::read_to_string(git.join(name)).ok());
    }
    let mut hooks: Vec<_> = fs::read_dir(git.join("hooks")).unwrap().map(|e| e.unwrap().file_name()).collect();
    hooks.sort();
    text + &format!("{hooks:?}")
}

#[test]
fn git_works() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let script = "set -e; git status --short; echo two >> a; git add a; git commit -qm two; git checkout -qb side HEAD~1; \
        echo b > b; git add b; git commit -qm b; git checkout -q main; git rebase -q side; git stash list; git tag t; \
        git branch other; git fetch -q . side:fetched; git pack-refs --all; git gc -q; git fsck; \
        echo three >> a; git stash -q; git stash pop -q; git reset -q --hard; git log --format=%s; git branch --format='%(refname:short)'";
    let done = inside(&scene, &tree, &["--bind", "."], script).ok();
    assert_eq!(done.text(), "two\nb\none\nfetched\nmain\nother\nside");
    // The host finds the same, and its own git goes on with it.
    assert_eq!(git(&scene, &tree, &["log", "--format=%s"]).ok().text(), "two\nb\none");
    assert_eq!(git(&scene, &tree, &["status", "--short"]).ok().text(), "");
    git(&scene, &tree, &["fsck"]).ok();
    git(&scene, &tree, &["config", "of.host", "yes"]).ok();
    git(&scene, &tree, &["commit", "-q", "--allow-empty", "-m", "host"]).ok();
    git(&scene, &scene.work(), &["clone", "-q", "tree", "copy"]).ok();
    assert_eq!(
        inside(&scene, &tree, &["--bind", ".:/w", "-w", "/w"], "git config of.host; git log -1 --format=%s")
            .ok()
            .text(),
        "yes\nhost"
    );
}

/// Each line is one attack; what it would leave on the host runs `touch PWNED` there.
#[test]
fn what_git_runs_cannot_be_changed() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let dot = tree.join(".git");
    // The first start makes what is missing.
    inside(&scene, &tree, &["--bind", "."], "true").ok();
    let before = said(&dot);
    let mark = scene.work().join("PWNED");
    let evil = format!("[core]\\n\\tfsmonitor = touch {}; false\\n", mark.display());
    let hook = format!("#!/bin/sh\\ntouch {}\\n", mark.display());
    let attacks = [
        format!("git config core.fsmonitor 'touch {}'", mark.display()),
        "git remote add x y".into(),
        format!("printf '{evil}' >> .git/config"),
        format!("printf '{evil}' > /tmp/c && mv /tmp/c .git/config"),
        format!("printf '{evil}' > .git/config.worktree"),
        "rm .git/config".into(),
        "mv .git/config .git/old".into(),
        "ln -sf ../evil .git/config".into(),
        "chmod 777 .git/config".into(),
        format!("printf '{hook}' > .git/hooks/pre-commit"),
        "mv .git/hooks .git/old".into(),
        "rmdir .git/hooks".into(),
        "ln -sfn ../hooks .git/hooks && false".into(),
        "mv .git old".into(),
        "echo ../evil > .git/commondir".into(),
        "rm .git/commondir".into(),
        "mv .git/commondir .git/old".into(),
        "python3 -c 'import ctypes,sys; l=ctypes.CDLL(None); sys.exit(l.renameat2(-100,b\".git\",-100,b\"swap\",2)==0 and 0 or 1)'".into(),
        "umount .git/config".into(),
        "mount -o remount,rw .git/config".into(),
        "git config --worktree a.b c".into(),
        "cd .git && printf x > ./../.git/hooks/../config".into(),
    ];
    // A whole repository of evil in the work tree, which a link or a commondir would lead to.
    let script = format!(
        "mkdir -p evil/hooks swap; printf '{evil}' > evil/config; printf '{hook}' > evil/hooks/pre-commit; \
         chmod +x evil/hooks/pre-commit; cp -r evil/* swap; n=0; while read -r line; do n=$((n+1)); \
         ( eval \"$line\" ) 2>/dev/null && echo \"worked: $line\"; done; echo tried $n"
    );
    let text = attacks.join("\n") + "\n";
    for options in [&["--bind", "."][..], &["--bind", ".", "--user"], &["--bind", ".", "--nest"]] {
        let words = ["--git"].iter().chain(options).copied().chain(["--", "sh", "-c", &script]);
        let done = named(scene.kakuri(words)).dir(&tree).input(&text).output().ok();
        let worked: Vec<&str> = done
            .stdout
            .split(|b| *b == b'\n')
            .filter_map(|l| std::str::from_utf8(l).ok())
            .filter(|l| l.starts_with("worked"))
            .collect();
        assert!(done.text().ends_with(&format!("tried {}", attacks.len())), "{done}");
        assert!(worked.is_empty(), "{worked:?}");
        assert_eq!(said(&dot), before, "{options:?}");
        for words in
            [&["status"][..], &["commit", "-q", "--allow-empty", "-m", "x"], &["fetch", "-q", "."], &["gc", "-q"]]
        {
            git(&scene, &tree, words).ok();
        }
        assert!(!mark.exists(), "{options:?}");
    }
}

/// The same repository by another bind, wider and elsewhere.
#[test]
fn every_bind_that_shows_it_is_guarded() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "deep/er/tree");
    let dot = tree.join(".git");
    inside(&scene, &tree, &["--bind", "."], "true").ok();
    let before = said(&dot);
    let wide = format!("{}:/wide", scene.work().display());
    let script = "cd /wide; echo x >> deep/er/tree/.git/config; echo x > deep/er/tree/.git/hooks/x; r deep/er/tree/.git x; \
        r deep/er/tree x; r deep/er x; r deep x; ls; touch /wide/deep/er/new";
    let done = inside(&scene, &tree, &["--bind", ".", "--bind", &wide], &(RENAME.to_owned() + script));
    assert_eq!(done.ok().text(), "deep");
    assert_eq!(said(&dot), before);
    assert!(scene.work().join("deep/er/new").exists(), "all else is writable");
}

/// What the configuration names of the work tree.
#[test]
fn hooks_and_files_that_the_configuration_names() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    git(&scene, &tree, &["config", "core.hooksPath", ".husky/_"]).ok();
    let refused =
        inside(&scene, &tree, &["--bind", "."], "true").refused(125, &["--git", ".husky/_", "core.hookspath"]);
    refused.hints(&["mkdir -p"]);
    fs::create_dir_all(tree.join(".husky/_")).unwrap();
    git(&scene, &tree, &["config", "include.path", "../shared.config"]).ok();
    inside(&scene, &tree, &["--bind", "."], "true").refused(125, &["shared.config", "include.path"]).hints(&["touch"]);
    fs::write(tree.join("shared.config"), "[include]\n\tpath = more.config\n").unwrap();
    fs::write(tree.join("more.config"), "[a]\n\tb = c\n").unwrap();
    let script = "echo x > .husky/_/pre-commit; mv .husky/_ x; mv .husky x; echo x >> shared.config; rm more.config; mv /x more.config; \
        echo ok > .husky/other; git config a.b; ls .husky; ls .husky/_ | wc -l";
    assert_eq!(inside(&scene, &tree, &["--bind", "."], script).ok().text(), "c\n_\nother\n0");
    assert_eq!(fs::read_to_string(tree.join("more.config")).unwrap(), "[a]\n\tb = c\n");
    // A link on the way could be turned elsewhere.
    fs::rename(tree.join(".husky"), tree.join("real")).unwrap();
    std::os::unix::fs::symlink("real", tree.join(".husky")).unwrap();
    inside(&scene, &tree, &["--bind", "."], "true").refused(125, &[".husky", "symbolic link"]);
}

#[test]
fn what_is_missing_is_made_and_told() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    fs::remove_dir_all(tree.join(".git/hooks")).unwrap();
    let words = inside(&scene, &tree, &["--bind", ".", "--explain"], "true").ok().text();
    for word in ["door         git: ", ".git/hooks on the host", ".git/commondir on the host"] {
        assert!(words.contains(word), "{words}");
    }
    assert!(!tree.join(".git/hooks").exists(), "explaining makes nothing");
    inside(&scene, &tree, &["--bind", "."], "! echo x > .git/hooks/pre-commit").ok();
    assert_eq!(fs::read_to_string(tree.join(".git/commondir")).unwrap(), ".\n");
    // A later start finds them; somebody else's is not taken for it.
    inside(&scene, &tree, &["--bind", "."], "git status").ok();
    fs::write(tree.join(".git/commondir"), "../evil\n").unwrap();
    inside(&scene, &tree, &["--bind", "."], "true").refused(125, &[".git/commondir", "elsewhere"]);
}

#[test]
fn where_there_is_nothing_to_guard() {
    need!("git");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let before = said(&tree.join(".git"));
    // A copy takes what is changed.
    let script = "git config a.b c && git config a.b && echo x > .git/hooks/x";
    let copied = inside(&scene, &tree, &["--bind", ".:cow"], script);
    if !copied.err().contains("Linux 6.6") {
        assert_eq!(copied.ok().text(), "c");
    }
    assert_eq!(inside(&scene, &tree, &["--bind", ".:ro"], "git log --format=%s").ok().text(), "one");
    assert_eq!(said(&tree.join(".git")), before, "and nothing was made");
    let folder = scene.folder("plain");
    inside(&scene, &folder, &[], "true")
        .refused(125, &["--git", "none of the bound folders"])
        .hints(&["--bind . --git"]);
    inside(&scene, &folder, &["--bind", "."], "true").refused(125, &["none of the bound folders"]);
    inside(&scene, &scene.folder("tree/sub"), &["--bind", "."], "true").refused(125, &["none of the bound folders"]);
    fs::create_dir(folder.join(".git")).unwrap();
    inside(&scene, &folder, &["--bind", "."], "true").refused(125, &[".git", "is no repository"]);
    fs::remove_dir(folder.join(".git")).unwrap();
    std::os::unix::fs::symlink(tree.join(".git"), folder.join(".git")).unwrap();
    inside(&scene, &folder, &["--bind", "."], "true").refused(125, &[".git", "symbolic link"]);
    for name in ["hooks", "config"] {
        let (path, aside) = (tree.join(".git").join(name), tree.join("aside"));
        fs::rename(&path, &aside).unwrap();
        std::os::unix::fs::symlink("../aside", &path).unwrap();
        inside(&scene, &tree, &["--bind", "."], "true").refused(125, &[name, "symbolic link"]);
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn ranges_names_and_sandboxes_of_others() {
    need!("git", "bwrap");
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let attack =
        "git commit -q --allow-empty -m in; git config a.b c; mv .git x; echo x > .git/hooks/x; git log -1 --format=%s";
    let run = |options: &[&str]| inside(&scene, &tree, options, attack).ok().text();
    assert_eq!(run(&["--bind", "."]), "in");
    let before = said(&tree.join(".git"));
    if crate::common::sub_ids(module_path!()).is_some() {
        assert_eq!(run(&["--bind", ".", "--userns", "range"]), "in");
    }
    let pass = [
        "-e",
        "GIT_COMMITTER_NAME=a",
        "-e",
        "GIT_COMMITTER_EMAIL=a@b",
        "-e",
        "GIT_AUTHOR_NAME=a",
        "-e",
        "GIT_AUTHOR_EMAIL=a@b",
    ];
    let words = ["--dev-bind", "/", "/", "--unshare-user", crate::common::KAKURI, "--git", "--bind", "."];
    let nested = scene.program("bwrap").args(words).args(pass).args(["--", "sh", "-c", attack]).dir(&tree).output();
    assert_eq!(nested.ok().text(), "in");
    let place = tree.display().to_string();
    scene.kakuri(["create", "--bind", &place, "--git"]).args(pass).arg("box").output().ok();
    let entered = scene.kakuri(["exec", "-w", &place, "box", "sh", "-c", attack]).output();
    assert_eq!(entered.ok().text(), "in");
    assert_eq!(said(&tree.join(".git")), before);
}
