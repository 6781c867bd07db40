//! What is missing is named, with the command that mends it; and nothing is looked for that nobody asked for.

use std::fs;

use crate::common::{Output, Scene};
use crate::{RANGE, need, ranged};

fn with_double(scene: &Scene, name: &str, script: &str) -> Output {
    let folder = scene.folder("bin");
    for other in ["newuidmap", "newgidmap"] {
        let _ = fs::remove_file(folder.join(other));
    }
    scene.script(&format!("bin/{name}"), script);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    scene.kakuri(RANGE.iter().chain(&["true"])).env("PATH", path).output()
}

#[test]
fn a_tool_that_fails_says_why() {
    ranged!();
    let scene = Scene::alone();
    let before = scene.before();
    for (name, script, words) in [
        ("newuidmap", "#!/bin/sh\necho 'newuidmap: uid range is odd' >&2\nexit 1\n", "uid range is odd"),
        ("newgidmap", "#!/bin/sh\nexit 3\n", "it exited with code 3"),
        ("newuidmap", "#!/bin/sh\nkill -9 $$\n", "killed by signal 9"),
        ("newgidmap", "not a program", "it exited with code"),
        // A long tale is cut, and drives no terminal.
        (
            "newuidmap",
            "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' '\\033' >&2\nexit 1\n",
            "newuidmap could not map",
        ),
    ] {
        let said = with_double(&scene, name, script).refused(125, &[name, "could not map the container's ids", words]);
        assert!(!said.err().contains('\u{1b}') && said.err().len() < 20_000, "{said}");
    }
    // It claims to have done it.
    let said = with_double(&scene, "newuidmap", "#!/bin/sh\nexit 0\n");
    assert_ne!(said.code(), 0, "{said}");
    fs::remove_dir_all(scene.work().join("bin")).unwrap();
    before.nothing_left();
}

#[test]
fn a_tool_gets_nothing_of_ours() {
    ranged!();
    let scene = Scene::new();
    let out = scene.work().join("seen");
    let script =
        format!("#!/bin/sh\n{{ env; ls -l /proc/$$/fd; }} >{} 2>&1\nexec /usr/bin/newuidmap \"$@\"\n", out.display());
    let folder = scene.folder("bin");
    scene.script("bin/newuidmap", &script);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let run = scene.kakuri(RANGE.iter().chain(&["true"])).env("PATH", path).env("SECRET", "hunter2");
    run.output().ok();
    let seen = fs::read_to_string(out).unwrap();
    assert!(!seen.contains("hunter2") && !seen.contains("HOME="), "{seen}");
    assert!(!seen.contains("socket:") && !seen.contains("pidfd") && !seen.contains("pipe:"), "{seen}");
}

#[test]
fn no_new_privileges_forbid_it() {
    need!("setpriv");
    ranged!();
    let scene = Scene::new();
    let under =
        |words: &[&str]| scene.program("setpriv").args(["--no-new-privs", crate::common::KAKURI]).args(words).output();
    under(&["--userns", "range", "true"])
        .refused(125, &["cannot give the container a range of ids", "no_new_privs"])
        .hints(&["NoNewPrivileges=no"]);
    // Where it need not be, it is done without, and said.
    let said = under(&["--verbose", "--userns", "auto", "cat", "/proc/self/uid_map"]).ok();
    assert!(said.text().trim_end().ends_with(" 1") && said.text().lines().count() == 1, "{said}");
    assert!(said.err().contains("one id only, because no_new_privs"), "{said}");
    under(&["true"]).ok();
    let doctor = under(&["doctor"]);
    assert!(doctor.text().contains("no_new_privs is set"), "{doctor}");
}

#[test]
fn an_outer_container_without_ids_forbids_it() {
    ranged!();
    let scene = Scene::new();
    let said = scene.program("unshare").args(["-Ur", crate::common::KAKURI, "--userns", "range", "true"]).output();
    said.refused(125, &["too few ids itself"]).hints(&["outside the outer container"]);
}

#[test]
fn a_network_of_one_id_is_refused_by_name() {
    ranged!();
    let scene = Scene::new();
    let said = scene.kakuri(["--userns", "range", "--network", "container:box", "true"]).output();
    said.refused(125, &["belongs to a container with one id"]).hints(&["--network nat"]);
}

#[test]
fn words_of_userns() {
    let scene = Scene::new();
    scene.kakuri(["--userns", "many", "true"]).output().refused(125, &["'many'", "--userns"]);
    scene.kakuri(["--userns", "range,many", "true"]).output().refused(125, &["'many'"]);
    scene.kakuri(["--userns", "range,keep-id", "--user", "true"]).output().refused(125, &["keep-id"]);
    assert_eq!(scene.inside(&["--userns", "range", "--userns", "single"], "wc -l </proc/self/uid_map"), "1");
}

/// A plain start pays nothing: no file of it is read, no tool is run, no other process is made.
#[test]
fn who_asks_for_one_id_pays_for_none() {
    need!("strace");
    let scene = Scene::new();
    let count = |options: &[&str]| {
        let log = scene.work().join("trace");
        let said = scene
            .program("strace")
            .args(["-f", "-o"])
            .arg(&log)
            .args(["-e", "trace=open,openat,openat2,execve,execveat", crate::common::KAKURI])
            .args(options)
            .arg("true")
            .output();
        (said, fs::read_to_string(&log).unwrap_or_default())
    };
    let (said, trace) = count(&[]);
    if said.status.code() != Some(0) {
        return crate::common::skip(format_args!("range::refused: strace does not work here: {}", said.err()));
    }
    for word in ["subuid", "subgid", "newuidmap", "newgidmap", "nsswitch", "/proc/self/uid_map"] {
        let by_kakuri = trace.lines().filter(|line| line.contains(word)).filter(|line| !line.contains("O_WRONLY"));
        assert_eq!(by_kakuri.collect::<Vec<_>>(), [""; 0], "{word}");
    }
}
