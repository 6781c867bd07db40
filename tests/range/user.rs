//! Who a command is: by number, by the container's own names, and with whose groups.

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::{Pty, Scene};
use crate::tree::{no_memory_layer, plant};
use crate::{RANGE, need, ranged};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:Ada:/home/ada:/bin/ash\n\
                      app:x:101:104:An app:/srv/app:/bin/false\nlost:x:102:102::/nowhere:/bin/sh\nodd:x:70000:0::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\napp:x:104:\nextra:x:55:ada,app\nmore:x:56:app\nfar:x:70000:app\n";

#[test]
fn a_number_owns_its_home_and_nothing_else() {
    ranged!();
    let scene = Scene::new();
    let options = [&RANGE[..], &["-u", "1000:50"]].concat();
    let script = "id -u; id -G; touch ~/x; stat -c %u:%g ~ ~/x; touch /root/x 2>/dev/null || echo closed; \
                  grep -h ^Cap[PEIA] /proc/self/status | sort -u | tr -d '\\n\\t '; echo; kill -0 1 2>/dev/null || echo no";
    let none = "CapAmb:0000000000000000CapEff:0000000000000000CapInh:0000000000000000CapPrm:0000000000000000";
    assert_eq!(scene.inside(&options, script), format!("1000\n50\n1000:50\n1000:50\nclosed\n{none}\nno"));
    assert_eq!(
        scene.inside(&["--userns", "range", "--user"], "id -un; cd; pwd; touch x; stat -c %u x"),
        "user\n/home/user\n1000"
    );
}

#[test]
fn names_are_those_of_the_root() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    fs::create_dir_all(tree.join("srv/app")).unwrap();
    fs::write(tree.join("etc/passwd"), PASSWD).unwrap();
    fs::write(tree.join("etc/group"), GROUP).unwrap();
    let start = |user: &str| {
        let options = [&RANGE[..], &["--rootfs", "tree:ro", "-u", user]].concat();
        scene.kakuri(options.into_iter().chain(["sh", "-c", "id -u; id -g; id -G; echo $HOME $USER; pwd"])).output()
    };
    for (user, said) in [
        ("root", "0\n0\n0\n/root root\n/root"),
        // A group without an id in the range is left out.
        ("app", "101\n104\n104 55 56\n/srv/app app\n/srv/app"),
        ("ada", "1000\n1000\n1000 55\n/home/ada ada\n/home/ada"),
        ("app:extra", "101\n55\n55\n/srv/app app\n/srv/app"),
        ("app:9", "101\n9\n9\n/srv/app app\n/srv/app"),
        ("101:104", "101\n104\n104 55 56\n/srv/app app\n/srv/app"),
        ("7:extra", "7\n55\n55"),
    ] {
        let text = start(user).ok().text();
        assert!(text.starts_with(said), "{user}: {text}");
    }
    start("nobody").refused(125, &["the container has no user 'nobody'"]).hints(&["root, ada, app"]);
    start("app:none").refused(125, &["no group 'none'"]).hints(&["extra"]);
    start("odd").refused(125, &["cannot be user 70000"]).hints(&["--add-subuids"]);
    // With one id the names are the same, and whoever is named is the caller.
    let single =
        scene.kakuri(["--rootfs", "tree:ro", "-u", "app", "sh", "-c", "id -u; id -g; echo $HOME"]).output().ok();
    assert_eq!(single.text(), "101\n104\n/srv/app");
    scene.kakuri(["--rootfs", "tree:ro", "-u", "nobody", "true"]).output().refused(125, &["no user 'nobody'"]);
}

#[test]
fn without_a_root_of_its_own_there_are_few_names() {
    ranged!();
    let scene = Scene::new();
    let own = scene.program("id").arg("-un").output().ok().text();
    for (name, uid) in [
        ("root", "0".to_string()),
        ("user", "1000".into()),
        ("nobody", "65534".into()),
        (own.as_str(), scene.program("id").arg("-u").output().ok().text()),
    ] {
        assert_eq!(scene.inside(&["--userns", "range", "-u", name], "id -u"), uid, "{name}");
    }
    scene.kakuri(["-u", "postgres", "true"]).output().refused(125, &["no user 'postgres'"]).hints(&["root, user"]);
}

#[test]
fn a_hostile_list_of_accounts_leads_nowhere() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    let tree = plant(&scene, "tree");
    let secret = scene.file("secret", "spy:x:0:0::/:/bin/sh\n");
    let passwd = tree.join("etc/passwd");
    let start = |user: &str| {
        scene
            .kakuri([&RANGE[..], &["--rootfs", "tree:ro", "-u", user, "stat", "-L", "-c", "%u", "/proc/self"]].concat())
            .output()
    };
    let plant_one: [(&str, &dyn Fn()); 5] = [
        ("a pipe", &|| drop(scene.program("mkfifo").arg(&passwd).output().ok())),
        ("a link out", &|| symlink(&secret, &passwd).unwrap()),
        ("far too large", &|| fs::write(&passwd, vec![b'x'; 3 << 20]).unwrap()),
        ("a folder", &|| fs::create_dir(&passwd).unwrap()),
        ("nothing", &|| {}),
    ];
    for (what, plant_one) in plant_one {
        let _ = fs::remove_file(&passwd).or_else(|_| fs::remove_dir(&passwd));
        plant_one();
        let said = start("spy").refused(125, &["no user 'spy'"]);
        assert!(!said.err().contains("root,"), "{what}: {said}");
        assert_eq!(start("7").ok().text(), "7", "{what}");
    }
    let _ = fs::remove_dir(&passwd);
    fs::write(&passwd, "e\u{1b}]0;x\u{7}:x:1:1::/:/bin/sh\nok:x:2:2::/:/bin/sh\nspy:x:4294967295:0::/:/bin/sh\n")
        .unwrap();
    let said = start("spy").refused(125, &["no user 'spy'"]).hints(&["it has ok;"]);
    assert!(!said.err().contains('\u{1b}'), "{said}");
}

#[test]
fn the_terminal_is_the_users() {
    ranged!();
    let scene = Scene::new();
    let script = "stat -c %u:%G:%a $(tty) >/tmp/s; cat /tmp/s; echo again >$(tty); echo too >/dev/tty";
    let options = [&RANGE[..], &["-u", "1000:1000", "sh", "-c", script]].concat();
    let mut pty = Pty::start(scene.kakuri(options));
    for shown in ["1000:", ":620", "again", "too"] {
        pty.expect(shown);
    }
    assert!(pty.wait().success(), "{}", pty.shown());
}

#[test]
fn the_log_can_be_opened_by_name() {
    need!("busybox");
    ranged!();
    let scene = Scene::new();
    plant(&scene, "tree");
    let script = "echo out >/dev/stdout; echo err >/dev/stderr; echo end";
    let said = scene
        .kakuri(
            [&["run", "-d", "--name", "box"][..], &RANGE, &["--rootfs", "tree", "-u", "1000", "sh", "-c", script]]
                .concat(),
        )
        .output();
    if no_memory_layer(&said) {
        return;
    }
    said.ok();
    scene.kakuri(["container", "wait", "box"]).output();
    let log = scene.kakuri(["logs", "box"]).output().ok();
    assert_eq!(log.text(), "out\nend", "{log}");
    assert!(log.err().lines().any(|line| line == "err"), "{log}");
}
