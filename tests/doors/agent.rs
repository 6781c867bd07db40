//! `--ssh-agent`, and what all doors of one socket have in common.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use crate::common::{HANG, Run, Scene, until};
use crate::echo::{ANSWER, hello, listen};
use crate::{need, tree};

const VARIABLE: &str = "SSH_AUTH_SOCK";

/// Says hello to the agent; `options` come before.
fn greet(scene: &Scene, options: &[&str]) -> Run {
    let words = options.iter().copied().chain(["--ssh-agent", "--", "sh", "-c"]);
    scene.kakuri(words).arg(hello("\"$SSH_AUTH_SOCK\"")).env(VARIABLE, scene.runtime().join("agent"))
}

#[test]
fn every_kind_of_container_reaches_it() {
    need!("python3");
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    let none = ["--base", "none", "--bind", "/usr:ro", "--bind", "/lib:ro", "--bind", "/lib64:ro", "--bind", "/bin:ro"];
    for options in [
        &[][..],
        &["--user"],
        &["-u", "4711:4712"],
        &["--userns", "keep-id"],
        &["--read-only"],
        &["--nest"],
        &["--share", "ipc,uts,cgroup"],
        &["--tmpfs", "/run/user"],
        &none,
    ] {
        assert_eq!(greet(&scene, options).output().ok().text(), ANSWER, "{options:?}");
    }
}

#[test]
fn a_root_of_its_own_has_the_socket_and_nothing_beside_it() {
    need!("busybox");
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    let root = tree::plant(&scene, "tree");
    fs::create_dir(root.join("run")).unwrap();
    let script = "test -S $SSH_AUTH_SOCK && ls -A /run/user/0 && stat -c %a /run/user/0 && echo $XDG_RUNTIME_DIR";
    for root in ["tree", "tree:ro"] {
        let said = scene
            .kakuri(["--rootfs", root, "--ssh-agent", "sh", "-c", script])
            .env(VARIABLE, scene.runtime().join("agent"))
            .output();
        if root == "tree" && tree::no_memory_layer(&said) {
            continue;
        }
        assert_eq!(said.ok().text(), "ssh-agent\n700\n/run/user/0", "{root}");
    }
}

/// The kernel asks who may write to the socket, and of a range of ids that is the caller alone.
#[test]
fn of_a_range_only_who_is_the_caller() {
    need!("python3");
    if crate::common::sub_ids(module_path!()).is_none() {
        return;
    }
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    for ids in ["range", "range,keep-id"] {
        assert_eq!(greet(&scene, &["--userns", ids]).output().ok().text(), ANSWER, "{ids}");
    }
    let own = [
        "--userns",
        "range,keep-id",
        "--ssh-agent",
        "sh",
        "-c",
        "touch $XDG_RUNTIME_DIR/x && stat -c '%a %u' $XDG_RUNTIME_DIR",
    ];
    let said = scene.kakuri(own).env(VARIABLE, scene.runtime().join("agent")).output().ok().text();
    // SAFETY: always succeeds.
    assert_eq!(said, format!("700 {}", unsafe { libc::getuid() }));
    greet(&scene, &["--userns", "range", "-u", "1000"])
        .output()
        .refused(125, &["--ssh-agent", "user 1000", "sub-ids"])
        .hints(&["range,keep-id"]);
}

#[test]
fn a_container_with_a_name_and_what_enters_it() {
    need!("python3");
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    let agent = scene.runtime().join("agent");
    let run = |words: &[&str]| scene.kakuri(words).env(VARIABLE, &agent);
    run(&["create", "--ssh-agent", "box"]).output().ok();
    run(&["start", "-d", "box"]).output().ok();
    // Who enters need know nothing of it.
    let entered = scene.kakuri(["exec", "box", "sh", "-c"]).arg(hello("$SSH_AUTH_SOCK")).output();
    assert_eq!(entered.ok().text(), ANSWER);
    let doors = scene.kakuri(["inspect", "box", "--format", "{{json .doors}}"]).output().ok().text();
    assert_eq!(doors, "[\"ssh-agent\"]");
    run(&["stop", "box"]).output().ok();
    // It is asked for at each start anew.
    scene.kakuri(["start", "-d", "box"]).output().refused(125, &["--ssh-agent", "SSH_AUTH_SOCK is not set"]);
    // Without it in the record, for one run.
    scene.kakuri(["create", "plain"]).output().ok();
    let once = run(&["start", "--ssh-agent", "plain", "sh", "-c"]).arg(hello("$SSH_AUTH_SOCK")).output();
    assert_eq!(once.ok().text(), ANSWER);
    assert_eq!(scene.kakuri(["exec", "plain", "sh", "-c", "echo ${SSH_AUTH_SOCK-none}"]).output().ok().text(), "none");
}

#[test]
fn in_a_sandbox_of_somebody_elses() {
    need!("python3", "bwrap");
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    let mut run = scene.program("bwrap").args(["--dev-bind", "/", "/", "--unshare-user", crate::common::KAKURI]);
    run = run.args(["--ssh-agent", "--", "sh", "-c"]).arg(hello("$SSH_AUTH_SOCK"));
    assert_eq!(run.env(VARIABLE, scene.runtime().join("agent")).output().ok().text(), ANSWER);
}

/// Inside, its owner is the user: the mount keeps it as it is.
#[test]
fn the_socket_itself_stays_as_it_is() {
    let scene = Scene::new();
    let path = scene.runtime().join("agent");
    let _agent = listen(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let script = "chmod 777 $SSH_AUTH_SOCK; touch -t 200001010000 $SSH_AUTH_SOCK; rm $SSH_AUTH_SOCK; \
                  mv $SSH_AUTH_SOCK /run/x; mv /run/user/0 /run/y; ls /run/user/0";
    let said = scene.kakuri(["--ssh-agent", "sh", "-c", script]).env(VARIABLE, &path).output();
    assert_eq!(said.text(), "ssh-agent");
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert!(meta.modified().unwrap().elapsed().unwrap().as_secs() < 3600);
}

#[test]
fn what_the_user_sets_wins() {
    let scene = Scene::new();
    let _agent = listen(&scene.runtime().join("agent"));
    let run = |options: &[&str]| {
        let words = options.iter().copied().chain(["--ssh-agent", "--", "sh", "-c", "echo $SSH_AUTH_SOCK"]);
        scene.kakuri(words).env(VARIABLE, scene.runtime().join("agent")).output().ok().text()
    };
    assert_eq!(run(&["-e", "SSH_AUTH_SOCK=/mine"]), "/mine");
    assert_eq!(run(&["--env-host"]), "/run/user/0/ssh-agent");
}

#[test]
fn one_that_leads_nowhere_is_refused() {
    let scene = Scene::new();
    let file = scene.file("file", "");
    let pipe = scene.work().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let marker = scene.work().join("made");
    let bind = format!("{}:create", marker.display());
    let run = || scene.kakuri(["--ssh-agent", "--bind", &bind, "true"]);
    run().output().refused(125, &["--ssh-agent", "SSH_AUTH_SOCK is not set"]).hints(&["ssh-agent"]);
    run().env(VARIABLE, "").output().refused(125, &["SSH_AUTH_SOCK is not set"]);
    run().env(VARIABLE, "relative").output().refused(125, &["'relative'", "no path of a socket"]);
    run().env(VARIABLE, scene.work().join("gone")).output().refused(125, &["there is no", "gone", VARIABLE]);
    run().env(VARIABLE, &file).output().refused(125, &["file", "is not a socket"]);
    run().env(VARIABLE, &pipe).output().refused(125, &["pipe", "is not a socket"]);
    run().env(VARIABLE, scene.work()).output().refused(125, &["is not a socket"]);
    assert!(!marker.exists(), "nothing is made before");
}

/// OpenSSH's own.
#[test]
fn a_real_agent_lists_its_keys() {
    need!("ssh-agent", "ssh-add", "ssh-keygen");
    struct Agent(Child);
    impl Drop for Agent {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let scene = Scene::alone();
    let path = scene.runtime().join("real");
    let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&path).stdout(Stdio::null()).spawn().unwrap();
    let _agent = Agent(child);
    assert!(until(HANG, || path.exists()));
    let key = scene.work().join("key");
    scene
        .program("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "of-the-test", "-f"])
        .arg(&key)
        .output()
        .ok();
    scene.program("ssh-add").arg("-q").arg(&key).env(VARIABLE, &path).output().ok();
    let said = scene.kakuri(["--ssh-agent", "ssh-add", "-l"]).env(VARIABLE, &path).output().ok().text();
    assert!(said.contains("of-the-test"), "{said}");
}
