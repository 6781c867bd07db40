//! What a supervisor keeps of who started it: nothing.

use std::collections::BTreeSet;
use std::fs;

use crate::common::live::lives;
use crate::common::{HANG, Pty, Scene, until};

#[test]
fn no_descriptor_folder_session_or_terminal() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let secret = scene.file("secret", "of the caller");
    let script =
        format!("exec 7<'{}'; '{}' start -d web sleep 1000; echo back", secret.display(), crate::common::KAKURI);
    let mut terminal = Pty::start(scene.program("bash").args(["-c", &script]));
    terminal.expect("back");
    assert_eq!(terminal.wait().code(), Some(0));
    let supervisor = scene.supervisor("web");
    assert!(lives(supervisor));
    let open: BTreeSet<String> = fs::read_dir(format!("/proc/{supervisor}/fd"))
        .unwrap()
        .flatten()
        .map(|entry| fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned())
        .map(|to| to.split(":[").next().unwrap().to_string())
        .collect();
    let log = scene.home().join(".local/kakuri/containers/web/log/log.1");
    let lock = scene.home().join(".local/kakuri/containers/web/lock");
    for to in &open {
        let own = ["socket", "pipe", "/dev/null", "anon_inode"].iter().any(|own| to.starts_with(own));
        let folders = to.starts_with(&*scene.home().join(".local").to_string_lossy())
            || to.starts_with(&*scene.runtime().to_string_lossy());
        assert!(own || folders, "{to} is the caller's: {open:?}");
    }
    assert!(open.contains(&*log.to_string_lossy()) && open.contains(&*lock.to_string_lossy()), "{open:?}");
    assert_eq!(fs::read_link(format!("/proc/{supervisor}/cwd")).unwrap().to_str(), Some("/"));
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!(fields[3], supervisor.to_string(), "it leads a session of its own");
    assert_eq!(fields[4], "0", "it has no terminal");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn the_terminal_it_was_started_at_is_free() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let mut terminal = Pty::start(scene.say("start -d web sleep 1000"));
    assert_eq!(terminal.wait().code(), Some(0));
    let supervisor = scene.supervisor("web");
    // Everything of the container: nobody has the outer terminal open.
    for pid in [supervisor, scene.init("web")] {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let to = fs::read_link(entry.path()).unwrap();
            assert!(!to.to_string_lossy().starts_with("/dev/pts/"), "{pid} holds {to:?}");
        }
    }
    drop(terminal.hang_up());
    assert!(lives(supervisor));
    assert_eq!(scene.state("web"), "running");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_pipe_of_the_callers_is_not_held() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    // Reads to the end of the pipe: it would never come.
    let out = scene.say("start -d web sleep 1000").limit(HANG).output().ok();
    assert_eq!(out.text(), "web");
    scene.say("stop -t0 web").output().ok();
    // The same of one that was started for somebody to enter.
    let mut entered = scene.say("exec web sleep 1000").spawn();
    scene.soon("web", "running");
    let supervisor = scene.supervisor("web");
    let ours: Vec<_> = fs::read_dir(format!("/proc/{supervisor}/fd"))
        .unwrap()
        .flatten()
        // One that it has closed again meanwhile is none it holds.
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("pipe")))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
    entered.kill().unwrap();
    entered.wait().unwrap();
    scene.soon("web", "exited");
}

#[test]
fn a_folder_it_was_started_in_can_go() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let folder = scene.folder("gone");
    scene.say("start -d web sleep 1000").dir(&folder).output().ok();
    fs::remove_dir(&folder).unwrap();
    assert_eq!(scene.say("exec web true").output().code(), 0);
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn the_limit_of_open_files_is_the_callers_inside() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.shell("start -d web", "ulimit -Sn; ulimit -Hn; exec sleep 1000").output().ok();
    let limits = scene.shell("exec web", "ulimit -Sn; ulimit -Hn").output().ok().text();
    let ours = scene.program("sh").args(["-c", "ulimit -Sn; ulimit -Hn"]).output().ok().text();
    assert_eq!(limits, ours);
    assert!(until(HANG, || scene.say("logs web").output().text() == ours));
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_caller_with_few_open_files() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    scene.say("start -d web").rlimit(libc::RLIMIT_NOFILE, 64).output().ok();
    let outs: Vec<_> = (0..40).map(|_| scene.say("exec web sleep 0.5").spawn()).collect();
    let outs: Vec<_> = outs.into_iter().map(crate::common::Output::of).collect();
    for out in outs {
        // Refused by a word that helps, or done.
        assert!(out.code() == 0 || out.err().contains("open files"), "{out}");
    }
    assert_eq!(scene.say("exec web true").output().code(), 0);
    scene.say("stop web").output().ok();
}
