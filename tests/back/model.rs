//! What a program does to a folder it does to a try of it: the original with the commit equals a copy the same program
//! ran on.

use std::path::{Path, PathBuf};

use crate::common::Scene;
use crate::common::random::Random;
use crate::tree::snapshot;

/// Every kind of change, odd names among them, at two depths.
const KINDS: &str = r#"
printf 'a\nB\nc\n' >text; printf 'bin\0y' >binary; : >emptied; echo more >>grown
rm gone; rm -r folder; mkdir folder; echo y >folder/y          # one that hides what was there
rm opaque/one                                                  # one of two
chmod 755 mode; chmod 700 closed; ln -sfn elsewhere link
rm type; mkdir type; echo in >type/in; rm -r other; echo f >other; rm third; ln -s x third
mkdir -p new/deep/er; echo 1 >new/deep/f; ln new/deep/f new/same; mkfifo pipe; mkdir -p hollow
echo s >'with space'; echo n >"$(printf 'new\nline\377')"; echo d >./-dash; echo u >"$(printf '\346\227\245')"
echo q >'quo"te\'; mv moved renamed; echo over >saved.tmp; mv saved.tmp saved; ln text linked
"#;

fn plant(top: &Path) {
    let script = r#"
mkdir -p "$1" && cd "$1" && mkdir folder opaque closed other moved.d
printf 'a\nb\nc\n' >text; printf 'bin\0x' >binary; echo full >emptied; echo g >grown; echo g >gone
echo x >folder/x; mkdir folder/sub; echo q >folder/sub/q; echo 1 >opaque/one; echo 2 >opaque/two
echo m >mode; echo c >closed/c; ln -s here link; echo t >type; echo o >other/o; echo 3 >third
echo mv >moved; echo s >saved; echo same >untouched
"#;
    let made = std::process::Command::new("sh").args(["-ec", script, "sh"]).arg(top).status().unwrap();
    assert!(made.success());
}

/// The original and the copy, the program tried on the one and run on the other.
fn both(scene: &Scene, script: &str) -> (PathBuf, PathBuf) {
    let (p, copy) = (scene.work().join("p"), scene.work().join("copy"));
    plant(&p);
    plant(&copy);
    let before = snapshot(&p);
    scene.program("sh").args(["-c", script]).dir(&copy).output().ok();
    scene.kakuri(["try", "sh", "-c", script]).dir(&p).output().ok();
    assert_eq!(snapshot(&p), before);
    (p, copy)
}

#[test]
fn every_kind_of_change() {
    let scene = Scene::new();
    let nested = format!("mkdir -p deep && cd deep && {KINDS}");
    for script in [KINDS.to_string(), nested] {
        let (p, copy) = match script.contains("cd deep") {
            false => both(&scene, &script),
            true => {
                let (p, copy) = (scene.work().join("p"), scene.work().join("copy"));
                plant(&p.join("deep"));
                plant(&copy.join("deep"));
                scene.program("sh").args(["-c", &script]).dir(&copy).output().ok();
                scene.kakuri(["try", "sh", "-c", &script]).dir(&p).output().ok();
                (p, copy)
            }
        };
        let before = snapshot(&p);
        scene.kakuri(["commit"]).dir(&p).output().ok();
        assert_eq!(snapshot(&p), snapshot(&copy));
        scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
        assert_eq!(snapshot(&p), before);
        scene.kakuri(["commit"]).dir(&p).output().ok();
        assert_eq!(snapshot(&p), snapshot(&copy));
        std::fs::remove_dir_all(&p).unwrap();
        std::fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn git_apply_takes_the_patch() {
    crate::need!("git");
    let scene = Scene::new();
    // Without what a patch has no words for.
    let script = KINDS.replace("printf 'bin\\0y' >binary;", "").replace("mkfifo pipe; mkdir -p hollow", "");
    let (p, copy) = both(&scene, &format!("{script}\nchmod 755 closed"));
    let said = scene.kakuri(["changes", "--patch"]).dir(&p).output().ok();
    assert_eq!(said.err(), "");
    scene.program("git").args(["init", "-q"]).dir(&p).output().ok();
    scene.program("git").args(["apply", "--whitespace=nowarn", "-"]).dir(&p).input(&said.stdout).output().ok();
    let mut applied = snapshot(&p);
    applied.retain(|path, _| path != b".git" && !path.starts_with(b".git/"));
    // git makes folders for files, with the modes it is used to, and no others.
    let files = |mut all: std::collections::BTreeMap<Vec<u8>, String>| {
        all.retain(|_, told| !told.starts_with("folder"));
        all
    };
    assert_eq!(files(applied), files(snapshot(&copy)));
    // And what it has no words for is counted.
    let other = scene.folder("other");
    scene.kakuri(["try", "sh", "-c", "printf 'a\\0' >b; mkfifo f; echo t >t"]).dir(&other).output().ok();
    let said = scene.kakuri(["changes", "-p"]).dir(&other).output().ok();
    assert!(said.err().contains("2 left out") && said.text().contains("+++ b/t"), "{said}");
}

/// Any part of the changes may be committed, one after the other, and all of it is the whole.
#[test]
fn parts_in_any_order() {
    let scene = Scene::new();
    let mut random = Random::seeded();
    for _ in 0..crate::common::rounds("KAKURI_TEST_ROUNDS", 6) {
        let (p, copy) = both(&scene, KINDS);
        let before = snapshot(&p);
        let mut commits = 0;
        loop {
            let said = scene.kakuri(["changes", "-z"]).dir(&p).output();
            if said.status.code() != Some(0) {
                break;
            }
            let paths: Vec<Vec<u8>> =
                said.stdout.split(|&b| b == 0).filter(|l| !l.is_empty()).map(|l| l[2..].to_vec()).collect();
            let some: Vec<&Vec<u8>> = paths.iter().filter(|_| random.below(3) == 0).collect();
            let Some(first) = some.first().copied().or(paths.first()) else { break };
            let name = |path: &Vec<u8>| {
                use std::os::unix::ffi::OsStringExt;
                std::ffi::OsString::from_vec([b"./", &path[..]].concat())
            };
            let all = some.iter().skip(1).map(|path| name(path)).chain([name(first)]);
            scene.kakuri(["commit", "--"]).args(all).dir(&p).output().ok();
            commits += 1;
            assert!(commits < 200);
        }
        assert_eq!(snapshot(&p), snapshot(&copy));
        for _ in 0..commits {
            scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
        }
        assert_eq!(snapshot(&p), before);
        scene.kakuri(["discard"]).dir(&p).output().ok();
        std::fs::remove_dir_all(&p).unwrap();
        std::fs::remove_dir_all(&copy).unwrap();
    }
}
