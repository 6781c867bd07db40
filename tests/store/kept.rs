//! What a container with a name keeps, and what is new at each start.

use std::fs;
use std::os::unix::fs::symlink;

use super::common::{Output, Scene};
use super::{containers, create};

fn start(scene: &Scene, options: &[&str], name: &str, script: &str) -> Output {
    let args = [&["start"], options, &[name, "sh", "-c", script]].concat();
    scene.kakuri(args).output()
}

#[test]
fn files_stay_where_they_are_kept_and_nowhere_else() {
    let scene = Scene::new();
    create(&scene, "web");
    let places = "$HOME /root /var /var/tmp /srv /home /tmp /run /run/lock";
    let text = start(&scene, &[], "web", &format!("for f in {places}; do echo $f >$f/kept-test; done")).ok();
    assert_eq!(text.err(), "");
    let seen =
        start(&scene, &[], "web", &format!("for f in {places}; do ls $f/kept-test; done 2>/dev/null; true")).ok();
    let home = scene.home();
    let kept = ["/root", "/var", "/var/tmp", "/srv", "/home"].map(|f| format!("{f}/kept-test"));
    assert_eq!(seen.text(), [&[format!("{}/kept-test", home.display())], &kept[..]].concat().join("\n"));
    assert!(!home.join("kept-test").exists(), "nothing is written to the host");
    // Two containers share nothing.
    create(&scene, "other");
    assert_eq!(start(&scene, &[], "other", "ls /srv; ls -d /var/kept-test").text(), "");
}

#[test]
fn the_home_is_one_to_log_in_to() {
    let scene = Scene::new();
    create(&scene, "web");
    let home = scene.home();
    let text = start(&scene, &[], "web", "cd && pwd && bash -lc 'echo $HOME' && stat -c %a ~").ok().text();
    assert_eq!(text, format!("{0}\n{0}\n700", home.display()));
    for name in super::names(std::path::Path::new("/etc/skel")) {
        let same = format!("cmp /etc/skel/{name} ~/{name} || test -d /etc/skel/{name}");
        start(&scene, &[], "web", &same).ok();
    }
    // A user of another name has one beside it, made when it is first needed, and kept too.
    let text = start(&scene, &["--user"], "web", "echo x >~/mine; echo ~; ls -d ~/.profile").ok().text();
    let skeleton = std::path::Path::new("/etc/skel/.profile").exists();
    assert_eq!(text, if skeleton { "/home/user\n/home/user/.profile" } else { "/home/user" });
    assert_eq!(start(&scene, &["--user"], "web", "cat ~/mine").ok().text(), "x");
}

#[test]
fn var_leads_into_the_containers_own_run() {
    let scene = Scene::new();
    create(&scene, "web");
    let text =
        start(&scene, &[], "web", "echo 1 >/var/run/pid; cat /run/pid; echo 2 >/var/lock/l; cat /run/lock/l").ok();
    assert_eq!(text.text(), "1\n2");
    scene.file("p/f", "bound");
    let text = start(&scene, &["--bind", "p:/var/run/p"], "web", "cat /run/p/f").ok();
    assert_eq!(text.text(), "bound");
}

#[test]
fn what_is_kept_holds_no_power() {
    let scene = Scene::new();
    create(&scene, "web");
    let mounts = start(&scene, &[], "web", "grep -E ' (/srv|/var|/home|/root) ' /proc/self/mounts").ok().text();
    assert_eq!(mounts.lines().count(), 4, "{mounts}");
    assert!(mounts.lines().all(|l| l.contains("nosuid") && l.contains("nodev")), "{mounts}");
    let text = start(&scene, &["--read-only"], "web", "touch /srv/x ~/x /var/x /tmp/x; ls /srv").ok();
    assert_eq!((text.text().as_str(), text.err().matches("Read-only").count()), ("", 4), "{text}");
    // The container's own folder is not to be seen in what is bound of the host.
    let home = scene.home();
    let bind = format!("{}:/mnt", home.display());
    let text = start(&scene, &["--bind", &bind], "web", "ls -A /mnt/.local/kakuri/containers; touch /srv/there").ok();
    assert_eq!(text.text(), "");
    assert!(containers(&scene).join("web/root/srv/there").exists());
}

#[test]
fn binds_below_what_is_kept_get_their_place_there() {
    let scene = Scene::new();
    scene.file("site/index", "page");
    scene.file("one", "1");
    let options = ["create", "--bind", "site:/var/www/html", "--bind", "one:/srv/a/b", "--tmpfs", "/home/t/u", "web"];
    scene.kakuri(options).output().ok();
    let seen = "cat /var/www/html/index /srv/a/b; touch /home/t/u/x; ls /home/t/u";
    for _ in 0..2 {
        assert_eq!(start(&scene, &[], "web", seen).ok().text(), "page1x");
    }
    let root = containers(&scene).join("web/root");
    assert!(root.join("var/www/html").is_dir() && fs::read(root.join("srv/a/b")).unwrap().is_empty());
    assert!(super::names(&root.join("home/t/u")).is_empty(), "what is written there goes to the tmpfs");
    // And at the start alone.
    let bind = ["--bind", "site:/srv/late"];
    assert_eq!(start(&scene, &bind, "web", "cat /srv/late/index").ok().text(), "page");
    assert_eq!(start(&scene, &[], "web", "ls -A /srv/late").ok().text(), "");
    // What the user binds replaces what is kept.
    create(&scene, "plain");
    assert_eq!(start(&scene, &["--bind", "site:/srv"], "plain", "ls /srv").ok().text(), "index");
}

#[test]
fn links_the_container_has_planted_lead_nowhere() {
    let scene = Scene::new();
    create(&scene, "web");
    let victim = scene.folder("victim");
    scene.file("p/f", "x");
    let root = containers(&scene).join("web/root");
    for (n, to) in [victim.to_str().unwrap(), "/etc", "..", "/srv", "loop"].iter().enumerate() {
        let link = root.join("srv").join(if *to == "loop" { "loop".into() } else { format!("l{n}") });
        symlink(to, &link).unwrap();
        let at = format!("p:/srv/{}/made/here", link.file_name().unwrap().to_str().unwrap());
        let output = start(&scene, &["--bind", &at], "web", "true");
        output.refused(125, &["cannot bind 'p' at '/srv/l", "is a symbolic link in the container's own files"]);
    }
    assert!(super::names(&victim).is_empty(), "nothing was made through the link");
    // The home, too, may be anything by now: it starts all the same, or says what is in the way.
    start(&scene, &[], "web", "mv ~ ~.old && ln -s /etc ~; true");
    assert!(super::names(&victim).is_empty());
}

#[test]
fn without_the_hosts_programs_the_home_alone_is_kept() {
    let scene = Scene::new();
    let usr =
        ["--bind", "/usr:/usr:ro", "--bind", "/bin:/bin:ro", "--bind", "/lib:/lib:ro", "--bind", "/lib64:/lib64:ro"];
    scene.kakuri([&["create", "--base", "none"], &usr[..], &["bare"]].concat()).output().ok();
    assert_eq!(super::names(&containers(&scene).join("bare/root")).len(), 1);
    start(&scene, &[], "bare", "echo x >~/f; test ! -e /srv; test ! -e /var").ok();
    assert_eq!(start(&scene, &[], "bare", "cat ~/f").ok().text(), "x");
}

#[test]
fn arguments_that_are_files_are_not_bound() {
    let scene = Scene::new();
    create(&scene, "web");
    scene.file("f", "secret");
    assert_ne!(scene.kakuri(["start", "web", "cat", "f"]).output().code(), 0);
    let path = scene.work().join("f");
    assert_ne!(
        scene.kakuri([std::ffi::OsStr::new("start"), "web".as_ref(), "cat".as_ref(), path.as_ref()]).output().code(),
        0
    );
}

#[test]
fn the_note_says_where_programs_can_be_installed() {
    let scene = Scene::new();
    let quiet = scene.kakuri(["create", "a"]).output().ok();
    assert_eq!(quiet.err(), "");
    let told = scene.kakuri(["create", "--verbose", "b"]).output().ok();
    assert!(told.err().contains("apt") && told.err().contains("--image"), "{told}");
}
