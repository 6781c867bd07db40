//! A commit that is cut off: by a kill at each of its system calls, and by a disk that is full.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Scene, have, rounds, skip, trace};
use crate::tree::snapshot;

const SCRIPT: &str = "echo new >a; rm gone; mkdir -p n/d; echo f >n/d/f; ln n/d/f n/g; chmod 700 mode; \
                      rm -r folder; ln -sfn b link; rm was; mkdir was; chmod 500 shut; echo z >shut/z";

fn plant(p: &Path) {
    fs::create_dir_all(p.join("folder/in")).unwrap();
    for (name, text) in [("a", "old\n"), ("gone", "g\n"), ("mode", "m\n"), ("folder/in/x", "x\n"), ("was", "w\n")] {
        fs::write(p.join(name), text).unwrap();
    }
    fs::create_dir(p.join("shut")).unwrap();
    std::os::unix::fs::symlink("a", p.join("link")).unwrap();
}

/// What a commit does to a disk.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "mkdirat",
    "mkdir",
    "unlinkat",
    "renameat",
    "renameat2",
    "rename",
    "linkat",
    "symlinkat",
    "fchmodat",
    "utimensat",
    "ftruncate",
    "pwrite64",
    "write",
    "fsync",
    "syncfs",
    "ioctl",
    "fcntl",
];

#[test]
fn killed_at_any_call_it_is_finished_by_the_next() {
    let scene = Scene::new();
    if !trace::usable(&scene, "kill of a commit") {
        return;
    }
    let p = scene.work().join("p");
    let again = |committed: bool| {
        let kept = scene.home().join(".local");
        for folder in [&kept, &p].into_iter().filter(|folder| folder.exists()) {
            scene.program("chmod").args(["-R", "u+rwx"]).arg(folder).output().ok();
            fs::remove_dir_all(folder).unwrap();
        }
        plant(&p);
        let dir = p.display();
        scene.kakuri(["try", "p", "--", "sh", "-c", &format!("cd {dir} && {SCRIPT}")]).output().ok();
        if committed {
            scene.kakuri(["commit", "p"]).output().ok();
        }
    };
    let turns = rounds("KAKURI_TEST_TURNS", 3);
    for (undo, verb) in [(false, &["commit", "p"][..]), (true, &["commit", "--undo", "p"])] {
        again(undo);
        let from = snapshot(&p);
        let calls = trace::calls(&scene, verb);
        let to = snapshot(&p);
        assert_ne!(from, to);
        for call in CALLS {
            let count = calls.get(*call).copied().unwrap_or(0);
            // All of them where there are few, else some spread over all.
            let step = count.div_ceil(turns).max(1);
            for turn in (1..=count).step_by(step) {
                again(undo);
                let fault = format!("{call}:signal=KILL:when={turn}");
                let said = trace::inject(&scene, &fault, verb).unwrap();
                half(&snapshot(&p), &from, &to, &fault);
                if said.status.code() == Some(0) {
                    continue;
                }
                // Whichever verb is next; and what had not begun begins anew.
                let looked = scene.kakuri(["changes", "p"]).output();
                let then = snapshot(&p);
                if then != from && then != to && undo {
                    // All was committed, and the try is not among those that changes looks for.
                    scene.kakuri(["commit", "--undo", "p"]).output();
                }
                let then = snapshot(&p);
                assert!(then == from || then == to, "{fault}: {looked:?}\n{then:?}");
                if then == from {
                    scene.kakuri(verb).output().ok();
                }
                assert_eq!(snapshot(&p), to, "{fault}");
                let back: &[&str] = if undo { &["commit", "p"] } else { &["commit", "--undo", "p"] };
                scene.kakuri(back).output().ok();
                assert_eq!(snapshot(&p), from, "{fault}");
            }
        }
    }
}

/// Each file is the old one or the new one, or on its way between a folder and something else.
fn half(
    now: &BTreeMap<Vec<u8>, String>,
    old: &BTreeMap<Vec<u8>, String>,
    new: &BTreeMap<Vec<u8>, String>,
    fault: &str,
) {
    for (path, told) in now {
        let of_ours = path.split(|&b| b == b'/').any(|name| name.starts_with(b".kakuri-"));
        let known = old.get(path) == Some(told) || new.get(path) == Some(told);
        assert!(known || of_ours || told.starts_with("folder"), "{fault}: {:?} {told}", String::from_utf8_lossy(path));
    }
    for (path, told) in old {
        let stays = new.get(path) == Some(told);
        assert!(!stays || now.get(path) == Some(told), "{fault}: {:?}", String::from_utf8_lossy(path));
    }
    assert!(now.get(&b"a"[..]).is_some(), "{fault}");
}

/// Both the disk of the originals and that of kakuri's own files.
#[test]
fn a_full_disk_leaves_the_originals_as_they_were() {
    if !have("unshare") || !have("mount") {
        return skip("full disk: unshare or mount is not installed");
    }
    let scene = Scene::new();
    scene.folder("p");
    let (home, p) = (scene.home(), scene.work().join("p"));
    fs::create_dir_all(home.join(".local/kakuri/tries")).unwrap();
    let fill = "head -c 1500000 /dev/zero";
    let script = format!(
        r#"
        mount -t tmpfs -o size=4m,mode=755 t "$1" || exit 77
        cd "$2" && {fill} | tr '\0' o >big && echo a >a && echo b >b
        "$3" try sh -c 'echo new >a; rm b; {fill} | tr "\0" n >big; echo c >c' || exit 78
        {fill} >"$1"/filler 2>/dev/null; {fill} >>"$1"/filler 2>/dev/null; cat /dev/zero >>"$1"/filler 2>/dev/null
        "$3" commit; echo "code $?"
        cat a b; [ ! -e c ] && head -c 3 big && ls -A | tr '\n' ' '
        rm "$1"/filler
        "$3" commit 2>/dev/null; echo "code $?"
        cat a c; [ ! -e b ] && head -c 3 big
        "#
    );
    for full in [home.join(".local/kakuri/tries"), p.clone()] {
        let said = scene
            .program("unshare")
            .args(["-Urm", "sh", "-c", &script, "sh"])
            .args([full.as_os_str(), p.as_os_str(), crate::common::KAKURI.as_ref()])
            .output();
        if said.status.code() == Some(77) {
            return skip(format_args!("full disk: nothing may be mounted here: {}", said.err().trim()));
        }
        let name = if full == p { "filler " } else { "" };
        let want = format!("code 1\na\nb\noooa b big {name}code 0\nnew\nc\nnnn");
        assert_eq!(said.text(), want, "{} {said}", full.display());
        assert!(said.err().contains("No space left"), "{said}");
        for entry in fs::read_dir(&p).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

/// What a try has changed by the time it is killed with kakuri is there to be decided.
#[test]
fn a_try_that_is_killed_has_changed_what_it_has() {
    let scene = Scene::new();
    scene.file("p/a", "old\n");
    let p = scene.work().join("p");
    let mut child = scene.kakuri(["try", "sh", "-c", "echo new >a; echo ready; sleep 1000"]).dir(&p).spawn();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"old\n");
    let state = || scene.kakuri(["changes", "--list", "--format", "{{.state}}"]).output().ok().text();
    assert!(crate::common::until(crate::common::GONE, || state() == "killed"), "{}", state());
    // One that was killed while it was being made is swept.
    fs::create_dir(scene.home().join(".local/kakuri/tries/.new-0badcafe")).unwrap();
    assert_eq!(scene.kakuri(["changes", "-z"]).dir(&p).output().ok().text(), "M a\0");
    assert!(!scene.home().join(".local/kakuri/tries/.new-0badcafe").exists());
    scene.kakuri(["commit"]).dir(&p).output().ok();
    assert_eq!(fs::read(p.join("a")).unwrap(), b"new\n");
}
