//! run, exec and shell: the same ids, the same rights, the same namespaces.

use std::fs;

use crate::common::Scene;
use crate::tree::plant;
use crate::{need, ranged};

/// All the kernel says of who a process is and what it may.
const RIGHTS: &str = "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|NStgid):' /proc/self/status | grep -v NStgid; \
                      readlink /proc/self/ns/user /proc/self/ns/mnt; cat /proc/self/uid_map /proc/self/gid_map; ulimit -a";

#[test]
fn every_way_in_gives_the_same() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    fs::write(tree.join("etc/group"), "root:x:0:\nextra:x:55:ada\n").unwrap();
    for (user, options) in [(None, &[][..]), (Some("ada"), &["-u", "ada"]), (Some("5:6"), &["-u", "5:6"])] {
        let name = format!("box-{}", user.unwrap_or("root").replace(':', "-"));
        let create = [&["create", "--userns", "range", "--rootfs", "tree"], options, &[&name]].concat();
        scene.kakuri(create).output().ok();
        // The container is held by the first, so that the namespaces are one.
        let script = format!("{RIGHTS}; echo ---; echo up; read wait; true");
        let mut child = scene.kakuri(["start", &name, "sh", "-c", &script]).stdin(std::process::Stdio::piped()).spawn();
        use std::io::{BufRead, BufReader};
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut started = String::new();
        while !started.ends_with("---\nup\n") {
            assert_ne!(reader.read_line(&mut started).unwrap(), 0, "{started}");
        }
        let started = started.trim_end_matches("---\nup\n").trim_end();
        let exec =
            |more: &[&str]| scene.kakuri([&["exec"], more, &[&name, "sh", "-c", RIGHTS]].concat()).output().ok().text();
        assert_eq!(exec(&[]), started, "{name}");
        if let Some(user) = user {
            assert_eq!(exec(&["-u", user]), started, "{name}");
        }
        let shell = scene.kakuri(["shell", &name]).input(format!("{RIGHTS}\n")).output().ok().text();
        assert_eq!(shell, started, "{name}");
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn exec_becomes_whoever_is_named_now() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    scene.kakuri(["create", "--userns", "range", "--rootfs", "tree", "box"]).output().ok();
    let exec = |options: &[&str], script: &str| {
        scene.kakuri([&["exec"], options, &["box", "sh", "-c", script]].concat()).output()
    };
    // Made in the container, and known to the next command.
    exec(&[], "echo 'new:x:77:78::/home/new:/bin/sh' >>/etc/passwd; mkdir -p /home/new; chown 77:78 /home/new; echo x:x:9:new >/etc/group").ok();
    let said =
        exec(&["-u", "new"], "id -u; id -G; pwd; echo $HOME $USER $LOGNAME; touch f; stat -c %u:%g f").ok().text();
    assert_eq!(said, "77\n78 9\n/home/new\n/home/new new new\n77:78");
    assert_eq!(exec(&["-u", "ada"], "id -u; pwd").ok().text(), "1000\n/home/ada");
    // Without an account there is nobody's home to be in.
    assert_eq!(exec(&["-u", "4242:3", "-w", "/"], "id -u; id -G").ok().text(), "4242\n3");
    assert_eq!(exec(&["-u", "new", "-e", "HOME=/tmp"], "echo $HOME").ok().text(), "/tmp");
    exec(&["-u", "gone"], "true").refused(125, &["no user 'gone'"]).hints(&["new"]);
    exec(&["-u", "66000000"], "true").refused(125, &["cannot be user 66000000"]);
    // A list that is none: nothing outside is read, and numbers go on working.
    exec(&[], "rm /etc/passwd; ln -s /proc/1/root/etc/shadow /etc/passwd").ok();
    exec(&["-u", "root"], "true").refused(125, &["no user 'root'"]);
    exec(&[], "rm /etc/passwd; mkfifo /etc/passwd 2>/dev/null || busybox mkfifo /etc/passwd").ok();
    exec(&["-u", "new"], "true").refused(125, &["no user 'new'"]);
    // The list is not asked inside either: busybox would wait for it.
    assert_eq!(exec(&["-u", "12:13", "-w", "/"], "stat -L -c %u /proc/self").ok().text(), "12");
    exec(&[], "rm /etc/passwd").ok();
}

#[test]
fn with_one_id_another_is_refused_and_told_of_a_range() {
    let scene = Scene::new();
    scene.kakuri(["create", "box"]).output().ok();
    let said = scene.kakuri(["exec", "-u", "77", "box", "true"]).output();
    said.refused(125, &["cannot be user 77", "one id"]).hints(&["--userns range"]);
    assert_eq!(scene.kakuri(["exec", "-u", "root", "box", "id", "-u"]).output().ok().text(), "0");
}
