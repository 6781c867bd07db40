//! `--git` where `.git` is a file: linked work trees and submodules, honest ones and those that a container wrote.

use std::fs;

use crate::common::Scene;
use crate::git::{RENAME, git, inside, plant, said};
use crate::need;

#[test]
fn a_linked_work_tree_brings_its_repository() {
    need!("git");
    let scene = Scene::new();
    let main = plant(&scene, "main");
    git(&scene, &main, &["worktree", "add", "-q", "../one", "-b", "one"]).ok();
    git(&scene, &main, &["worktree", "add", "-q", "../two", "-b", "two"]).ok();
    let (one, dot) = (scene.work().join("one"), main.join(".git"));
    inside(&scene, &one, &["--bind", "."], "true").ok();
    let before = said(&dot);
    let own = dot.join("worktrees/one");
    let files = |name: &str| fs::read_to_string(own.join(name)).ok();
    let links = [files("commondir"), files("gitdir"), fs::read_to_string(one.join(".git")).ok()];
    for options in [&["--bind", "."][..], &["--bind", ".:/elsewhere", "-w", "/elsewhere"]] {
        let script = "echo more >> a; git commit -qam inside; git log -1 --format=%s; d=$(git rev-parse --git-dir); \
            git config a.b c; echo x > .git; r .git x; echo /x > $d/commondir; echo /x > $d/gitdir; r $d $d.x; \
            echo x > $d/config.worktree; r $d/../../hooks /tmp/x; echo x > $d/../../hooks/x; echo x > $d/../two/HEAD; \
            echo x > $d/../../commondir; r $d/.. $d/../../w; ls ../main 2>/dev/null; git status --short";
        let done = inside(&scene, &one, options, &(RENAME.to_owned() + script));
        assert_eq!(done.ok().text(), "inside", "{options:?}");
        assert_eq!(said(&dot), before, "{options:?}");
        assert_eq!([files("commondir"), files("gitdir"), fs::read_to_string(one.join(".git")).ok()], links);
        assert_eq!(git(&scene, &one, &["log", "-1", "--format=%s"]).ok().text(), "inside");
        assert_eq!(git(&scene, &scene.work().join("two"), &["log", "-1", "--format=%s"]).ok().text(), "one");
    }
    // Read-only it is shown and no more.
    assert_eq!(
        inside(&scene, &one, &["--bind", ".:ro"], "git log -1 --format=%s; ! echo > ../main/.git/x").ok().text(),
        "inside"
    );
    // Both at a time.
    let main = main.display().to_string();
    let script =
        "git log -1 --format=%s && echo x >> a && git commit -qam again && echo x > ../main/.git/worktrees/two/HEAD";
    let done = inside(&scene, &one, &["--bind", ".", "--bind", &main], script);
    assert_eq!((done.code(), done.text()), (2, "inside".into()), "{done}");
}

#[test]
fn submodules() {
    need!("git");
    let scene = Scene::new();
    let (main, _) = (plant(&scene, "main"), plant(&scene, "library"));
    git(&scene, &main, &["submodule", "-q", "add", "../library", "lib/sub"]).ok();
    git(&scene, &main, &["commit", "-qm", "with"]).ok();
    let sub = main.join("lib/sub");
    let dot = main.join(".git/modules/lib/sub");
    inside(&scene, &main, &["--bind", "."], "true").ok();
    let before = [said(&main.join(".git")), said(&dot)];
    // From the top, which shows its folder in .git.
    let script = "cd lib/sub; echo more >> a; git commit -qam from-top; git config a.b c; git log -1 --format=%s; cd ../..; \
        echo x > .git/modules/lib/sub/hooks/x; echo x >> .git/modules/lib/sub/config; r .git/modules x; r .git/modules/lib x; \
        r .git/modules/lib/sub x; git submodule status | wc -l; git add lib/sub; git commit -qm bump";
    assert_eq!(inside(&scene, &main, &["--bind", "."], &(RENAME.to_owned() + script)).ok().text(), "from-top\n1");
    // And by itself, at its place and at another.
    for options in [&["--bind", "."][..], &["--bind", ".:/p/lib/sub", "-w", "/p/lib/sub"]] {
        let script = "echo more >> a; git commit -qam alone; git config a.b c; echo x > .git; \
            echo x > $(git rev-parse --git-dir)/hooks/x; git log -1 --format=%s";
        assert_eq!(inside(&scene, &sub, options, script).ok().text(), "alone", "{options:?}");
    }
    assert_eq!([said(&main.join(".git")), said(&dot)], before);
    assert_eq!(git(&scene, &sub, &["log", "-1", "--format=%s"]).ok().text(), "alone");
    assert_eq!(git(&scene, &main, &["log", "-1", "--format=%s"]).ok().text(), "bump");
    git(&scene, &main, &["status"]).ok();
}

/// The file lies where a container may write: it opens nothing that does not know it.
#[test]
fn a_link_that_a_container_wrote_leads_nowhere() {
    need!("git");
    let scene = Scene::new();
    let main = plant(&scene, "main");
    git(&scene, &main, &["worktree", "add", "-q", "../one", "-b", "one"]).ok();
    let evil = scene.folder("evil");
    let secret = scene.folder("secret");
    fs::write(secret.join("key"), "secret").unwrap();
    // It has all the looks of a repository, and belongs to nobody's work tree.
    for folder in ["secret/objects", "secret/refs", "evil/git/objects", "evil/git/refs"] {
        scene.folder(folder);
    }
    for file in ["secret/HEAD", "evil/git/HEAD"] {
        scene.file(file, "ref: refs/heads/main\n");
    }
    let own = evil.join("git");
    scene.file("evil/git/config", format!("[core]\n\tworktree = {}\n", evil.display()));
    let inner = format!("{}\n", evil.join(".git").display());
    scene.file("evil/git/worktrees/x/gitdir", &inner);
    scene.file("evil/git/worktrees/x/commondir", format!("{}\n", secret.display()));
    let x = own.join("worktrees/x");
    for (text, words) in [
        (format!("gitdir: {}", secret.display()), "core.worktree"),
        (format!("gitdir: {}/.git", main.display()), "core.worktree"),
        (format!("gitdir: {}/.git/worktrees/one", main.display()), "another folder"),
        (format!("gitdir: {}", own.display()), "in the work tree itself"),
        (format!("gitdir: {}", x.display()), "in the work tree itself"),
        ("gitdir: .".into(), "in the work tree itself"),
        ("gitdir: /nonexistent".into(), "not there"),
        ("gitdir:".into(), "neither a folder nor a link"),
        ("something".into(), "neither a folder nor a link"),
        (String::new(), "neither a folder nor a link"),
    ] {
        fs::write(evil.join(".git"), &text).unwrap();
        inside(&scene, &evil, &["--bind", "."], "true").refused(125, &["--git", "evil/.git", words]);
    }
    // The same with what lies in another bound folder of the container's.
    let other = scene.folder("other");
    fs::rename(own.join("worktrees"), other.join("worktrees")).unwrap();
    fs::write(evil.join(".git"), format!("gitdir: {}/worktrees/x", other.display())).unwrap();
    let bind = other.display().to_string();
    inside(&scene, &evil, &["--bind", ".", "--bind", &bind], "true").refused(125, &["no work tree of a repository"]);
    fs::remove_file(evil.join(".git")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(evil.join(".git")).status().unwrap().success());
    inside(&scene, &evil, &["--bind", "."], "true").refused(125, &["cannot read"]);
}
