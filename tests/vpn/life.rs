//! A container's own copy: made, changed, shown, taken away, and never missing without a word.

use std::ffi::CString;
use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakuri::store::{State, Store};

use crate::common::live::let_go;
use crate::common::{Output, Scene};
use crate::{at_home, conf, good};

fn copy(scene: &Scene, name: &str) -> PathBuf {
    scene.home().join(".local/kakuri/containers").join(name).join("vpn.conf")
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// What inspect says of its VPN.
fn inspected(scene: &Scene, name: &str, what: &str) -> String {
    scene.kakuri(["inspect", "-f", &format!("{{{{.{what}}}}}"), name]).output().ok().text()
}

#[test]
fn a_container_keeps_a_copy_of_its_own() {
    let scene = Scene::new();
    let original = conf(&scene, "wg.conf", &format!("# mine\n{}", good()));
    scene.say("create --vpn ./wg.conf web").output().ok();
    let copy = copy(&scene, "web");
    assert_eq!(fs::read(&copy).unwrap(), fs::read(&original).unwrap(), "byte for byte");
    assert_eq!(mode(&copy), 0o600);
    fs::remove_file(&original).unwrap();
    assert!(scene.say("vpn show web").output().ok().text().contains("Address = 10.7.0.2/24"));
    assert_eq!(inspected(&scene, "web", "vpn.label"), "vpn wg");
    assert_eq!(inspected(&scene, "web", "vpn.stored"), "true");
    assert_eq!(inspected(&scene, "web", "vpn.config"), original.to_string_lossy());
    assert!(inspected(&scene, "web", "vpn.endpoints").contains("192.0.2.1:51820"));
    assert_eq!(inspected(&scene, "web", "network"), "vpn wg");
    assert!(scene.say("list").output().ok().text().contains("vpn wg"));
    scene.say("create plain").output().ok();
    assert_eq!(scene.kakuri(["inspect", "plain"]).output().ok().text().matches("\"vpn\": null").count(), 1);
    // By name, and from a folder where the file is not.
    at_home(&scene, ".config/wireguard/work.conf", &good());
    scene.say("create --vpn work db").output().ok();
    assert_eq!(inspected(&scene, "db", "vpn.label"), "vpn work");
    // What cannot be made leaves nothing: a name that is taken keeps what it has.
    conf(&scene, "other.conf", &good().replace("10.7.0.2", "10.7.0.9"));
    scene.say("create --vpn ./other.conf web").output().refused(1, &["'web' already"]);
    assert!(fs::read_to_string(&copy).unwrap().contains("10.7.0.2"));
    scene.say("create --replace --vpn ./other.conf web").output().ok();
    assert!(fs::read_to_string(&copy).unwrap().contains("10.7.0.9"));
    scene.say("remove web").output().ok();
    assert!(!copy.exists());
}

#[test]
fn set_show_remove() {
    let scene = Scene::new();
    conf(&scene, "a.conf", &good());
    at_home(&scene, ".wireguard/b.conf", &good().replace("10.7.0.2", "10.7.0.9"));
    scene.say("create web").output().ok();
    scene.say("vpn show web").output().refused(1, &["'web' has no VPN"]).hints(&["kakuri vpn set web"]);
    scene.say("vpn remove web").output().refused(1, &["'web' has no VPN"]).hints(&["kakuri vpn set web"]);
    scene.say("vpn status web").output().refused(1, &["'web' has no VPN"]).hints(&["kakuri vpn set web"]);
    scene.say("vpn set web ./none.conf").output().refused(1, &["'./none.conf'"]);
    let set = scene.say("vpn set web ./a.conf").output().ok();
    assert_eq!((set.text(), set.err()), (String::new(), String::new()));
    assert_eq!(mode(&copy(&scene, "web")), 0o600);
    assert!(scene.say("vpn show web").output().ok().text().contains("10.7.0.2/24"));
    scene.say("vpn status web").output().refused(1, &["'web' is not running"]).hints(&["kakuri start web"]);
    // A prefix of its name will do, and the new one takes the place of the old.
    scene.say("vpn set we b --vpn-on-failure block").output().ok();
    let json = scene.say("vpn show --json web").output().ok().text();
    for words in
        ["\"10.7.0.9/24\"", "\"label\": \"vpn b\"", "\"on_failure\": \"block\"", "\"private_key\": \"(hidden)\""]
    {
        assert!(json.contains(words), "{json}");
    }
    assert_eq!(json, scene.say("vpn show --format json web").output().ok().text());
    scene.say("vpn remove web").output().ok();
    assert!(!copy(&scene, "web").exists());
    assert_eq!(inspected(&scene, "web", "network"), "none");
    scene.say("vpn remove web").output().refused(1, &["'web' has no VPN"]);
    scene.say("vpn set nobody ./a.conf").output().refused(1, &["nobody"]);
}

/// It is the whole network, from the next start on.
#[test]
fn a_vpn_takes_the_place_of_any_network() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    scene.say("create --allow-network web").output().ok();
    let set = scene.say("vpn set web ./wg.conf").output().ok();
    assert!(set.err().contains("takes the place of --network host"), "{set}");
    assert_eq!(inspected(&scene, "web", "network"), "vpn wg");
    scene.say("vpn remove web").output().ok();
    assert_eq!(inspected(&scene, "web", "network"), "none", "and not the host's again");
    // A start may name another VPN, and nothing beside it.
    scene.say("create --allow-network host").output().ok();
    scene.say("start host --vpn ./none.conf true").output().refused(125, &["'./none.conf'"]);
    for line in [
        "start host --vpn ./wg.conf --allow-network true",
        "--vpn ./wg.conf --network nat true",
        "--vpn ./wg.conf --dns 9.9.9.9 true",
    ] {
        scene.say(line).output().refused(125, &["--vpn with"]);
    }
    scene.say("--vpn ./wg.conf -p 80:80 true").output().refused(125, &["cannot publish 80:80 with --vpn"]);
    scene.say("--vpn-ignore-hooks true").output().refused(125, &["no VPN"]).hints(&["--vpn CONF"]);
}

#[test]
fn a_container_with_a_vpn_never_starts_without_it() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    scene.say("create --vpn ./wg.conf web").output().ok();
    for options in ["--allow-network", "--network none", "--network host", "--share net"] {
        let output = scene.say(&format!("start {options} web true")).output();
        output.refused(125, &["'web' has a VPN"]).hints(&["kakuri vpn remove web"]);
    }
    scene.say("start -p 8080:80 web true").output().refused(125, &["8080:80", "--vpn"]);
    fs::remove_file(copy(&scene, "web")).unwrap();
    let every_way = [
        "start web true",
        "start -d web",
        "exec web true",
        "shell web",
        "restart web",
        "start web --vpn-on-failure block true",
    ];
    let gone = |why: &str| {
        for line in every_way {
            let output = scene.say(line).output();
            assert!(output.code() != 0 && output.text().is_empty(), "{line}: {output}");
            assert!(
                output.err().contains("container's copy of the VPN configuration 'wg'") && output.err().contains(why),
                "{line}: {output}"
            );
            assert!(output.err().contains("kakuri vpn set"), "{line}: {output}");
        }
    };
    gone("No such file");
    // What somebody else put there is not taken for it.
    std::os::unix::fs::symlink(scene.work().join("wg.conf"), copy(&scene, "web")).unwrap();
    gone("symbolic link");
    fs::remove_file(copy(&scene, "web")).unwrap();
    fs::create_dir(copy(&scene, "web")).unwrap();
    gone("folder");
    fs::remove_dir(copy(&scene, "web")).unwrap();
    fs::write(copy(&scene, "web"), "[Interface]\n").unwrap();
    for line in every_way {
        let output = scene.say(line).output();
        assert!(output.code() != 0 && output.err().contains("has no PrivateKey"), "{line}: {output}");
    }
    // Another one for this run is read, and mended it is whole again.
    scene.say("start web --vpn ./none.conf true").output().refused(125, &["'./none.conf'"]);
    scene.say("vpn set web ./wg.conf").output().ok();
    assert!(scene.say("vpn show web").output().ok().text().contains("10.7.0.2/24"));
}

#[test]
fn a_running_one_is_what_it_was_until_it_ends() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    scene.say("create web").output().ok();
    scene.say("start -d web").output().ok();
    let set = scene.say("vpn set web ./wg.conf").output().ok();
    assert!(set.err().contains("'web' is running") && set.err().contains("next start"), "{set}");
    assert_eq!(inspected(&scene, "web", "network"), "none");
    scene.say("vpn status web").output().refused(1, &["'web' has no VPN tunnel"]);
    let removed = scene.say("vpn remove web").output().ok();
    assert!(removed.err().contains("'web' is running"), "{removed}");
    scene.say("vpn set web ./wg.conf").output().ok();
    scene.say("stop --time 0 web").output().ok();
    assert_eq!(inspected(&scene, "web", "network"), "vpn wg");
}

/// Waits for a file to be opened by somebody.
struct Opened(fs::File);

impl Opened {
    fn watch(file: &Path) -> Opened {
        let path = CString::new(file.as_os_str().as_bytes()).unwrap();
        // SAFETY: a path that outlives the call, and a descriptor the kernel has just given us.
        unsafe {
            let fd = OwnedFd::from_raw_fd(libc::inotify_init1(libc::IN_CLOEXEC));
            assert!(libc::inotify_add_watch(fd.as_raw_fd(), path.as_ptr(), libc::IN_OPEN) >= 0);
            Opened(fd.into())
        }
    }

    fn wait(mut self) {
        assert!(self.0.read(&mut [0; 4096]).unwrap() > 0);
    }
}

/// Who has read its record is overtaken by a `vpn set` before he has the lock.
#[test]
fn one_that_was_given_a_vpn_meanwhile_does_not_start_without_it() {
    let scene = Scene::new();
    conf(&scene, "wg.conf", &good());
    scene.say("create web").output().ok();
    let folder = copy(&scene, "web").parent().unwrap().to_path_buf();
    let entry = Store { dir: folder.parent().unwrap().to_path_buf() }.find("web").unwrap();
    for line in ["start web true", "start -d web", "start -d web sleep 9"] {
        let lock = entry.lock(Duration::ZERO).unwrap();
        let opened = Opened::watch(&folder.join("lock"));
        let starting = scene.say(line).spawn();
        // He wants the lock, so the record is known to him.
        opened.wait();
        scene.say("vpn set web ./wg.conf").output().ok();
        let_go(lock);
        Output::of(starting).refused(1, &["'web' was changed meanwhile"]).hints(&["try again"]);
        assert_eq!(entry.state(), State::Stopped, "{line}");
        scene.say("vpn remove web").output().ok();
    }
    scene.say("start web true").output().ok();
}

/// Two at once: one of them wins, and record and copy are whole.
#[test]
fn two_who_set_it_at_once() {
    let scene = Scene::new();
    let text = |n: usize| good().replace("10.7.0.2/24", &format!("10.7.{n}.2/24")) + &"# filler\n".repeat(n * 500);
    for n in 0..4 {
        conf(&scene, &format!("c{n}.conf"), &text(n));
    }
    scene.say("create web").output().ok();
    for _ in 0..5 {
        let running: Vec<_> = (0..4).map(|n| scene.say(&format!("vpn set web ./c{n}.conf")).spawn()).collect();
        for child in running {
            crate::common::Output::of(child).ok();
        }
        let now = fs::read_to_string(copy(&scene, "web")).unwrap();
        let which = (0..4).find(|n| text(*n) == now).expect("one of them, whole");
        assert_eq!(inspected(&scene, "web", "vpn.label"), format!("vpn c{which}"));
    }
    let folder = copy(&scene, "web").parent().unwrap().to_path_buf();
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .filter(|n| n.to_string_lossy().ends_with(".new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    fs::set_permissions(copy(&scene, "web"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(scene.say("vpn show web").output().ok().err().contains("chmod 600"));
}
