//! Landlock as a second wall: what the rules allow and deny, the same for every command of a container; and what is said
//! where they cannot hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "landlock/files.rs"]
mod files;
#[path = "landlock/older.rs"]
mod older;

use common::{Output, Scene, skip};

/// Of the running kernel's Landlock; 0 where it has none.
pub fn version() -> i64 {
    // SAFETY: with this flag, LANDLOCK_CREATE_RULESET_VERSION, the call reads nothing.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, 1).max(0) }
}

/// Whether it is at least that one; told where not.
pub fn at_least(wanted: i64, test: &str) -> bool {
    let has = version();
    if has < wanted {
        skip(format_args!("landlock: {test}: takes version {wanted} of Landlock, and this kernel has {has}"));
    }
    has >= wanted
}

/// One line, a hint, nothing on standard output.
#[track_caller]
fn refused(said: Output, code: i32, parts: &[&str]) {
    assert_eq!(said.code(), code, "{said}");
    assert!(said.text().is_empty() && said.err().lines().count() == 2, "{said}");
    for part in parts {
        assert!(said.err().contains(part), "{part}: {said}");
    }
}

const PORTS: &str = "import socket,sys\n\
    def tried(word, act):\n \
      try: act(); print(word)\n \
      except PermissionError: pass\n \
      except ConnectionRefusedError: print(word)\n\
    for port in map(int, sys.argv[1:]):\n \
      tried(f'bound {port}', lambda: socket.socket().bind(('127.0.0.1', port)))\n \
      tried(f'reached {port}', lambda: socket.socket().connect(('127.0.0.1', port)))\n \
      tried(f'sent {port}', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port)))\n";

#[test]
fn ports_are_those_of_the_rules() {
    need!("python3");
    if !at_least(4, "ports") {
        return;
    }
    let scene = Scene::new();
    let seen = |options: &[&str]| {
        let words = [options, &["--", "python3", "-c", PORTS, "80", "8000", "8010", "8011"]].concat();
        let text = scene.kakuri(words).output().ok().text();
        text.lines().filter(|line| !line.starts_with("sent")).map(String::from).collect::<Vec<_>>()
    };
    let all = [80, 8000, 8010, 8011];
    let of = |word: &str, ports: &[i32]| ports.iter().map(|port| format!("{word} {port}")).collect::<Vec<_>>();
    let mut some = seen(&["--landlock-tcp-bind", "8000-8010"]);
    some.sort();
    assert_eq!(some, [of("bound", &all[1..3]), of("reached", &all)].concat());
    assert_eq!(
        seen(&["--landlock-tcp-connect", "80,8011", "--landlock-restrict", "tcp.bind"]),
        of("reached", &[80, 8011])
    );
    // hakoniwa's words.
    assert!(seen(&["--landlock-restrict", "net.tcp.bind,tcp.connect"]).is_empty());
    assert_eq!(seen(&[]).len(), 8);
}

/// Commands of one container, each a domain of its own.
#[test]
fn commands_cannot_reach_each_other() {
    need!("python3");
    if !at_least(6, "scopes") {
        return;
    }
    let scene = Scene::new();
    for (options, reached) in [(&[][..], true), (&["--landlock-scope", "abstract,signals"], false)] {
        let serve = "import socket,time\ns=socket.socket(socket.AF_UNIX); s.bind('\\0name'); s.listen(); open('/tmp/up','w'); time.sleep(1000)";
        let run = [&["run", "-d", "--name", "web", "--rm"], options, &["python3", "-c", serve]].concat();
        scene.program(common::KAKURI).args(run).output().ok();
        let knock = "import os,socket,time\n\
            while not os.path.exists('/tmp/up'): time.sleep(0.01)\n\
            pids=[int(p) for p in os.listdir('/proc') if p.isdigit() and int(p)>1 and int(p)!=os.getpid()]\n\
            def tried(act):\n \
              try: act(); return True\n \
              except PermissionError: return False\n\
            print(tried(lambda: socket.socket(socket.AF_UNIX).connect('\\0name')), tried(lambda: os.kill(min(pids), 0)))";
        let said = scene.program(common::KAKURI).args(["exec", "web", "python3", "-c", knock]).output().ok();
        assert_eq!(said.text(), if reached { "True True" } else { "False False" }, "{options:?}: {said}");
        // Within one command nothing is in the way.
        let own = scene.program(common::KAKURI).args(["exec", "web", "sh", "-c", "sleep 100 & kill $! && echo ended"]);
        assert_eq!(own.output().ok().text(), "ended");
        scene.program(common::KAKURI).args(["remove", "-f", "web"]).output().ok();
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let scene = Scene::new();
    for (line, parts) in [
        ("--landlock-ro= true", &["--landlock-ro", "names no path"][..]),
        ("--landlock-fs-rx /usr::/bin true", &["--landlock-fs-rx", "names no path"]),
        ("--landlock-tcp-bind http true", &["'http'", "no port", "65535"]),
        ("--landlock-tcp-bind 65536 true", &["'65536'", "no port"]),
        ("--landlock-tcp-connect 9-8 true", &["'9-8'", "ends before it begins"]),
        ("--landlock-restrict everything true", &["'everything'", "tcp.bind", "signals"]),
        ("--landlock-restrict fs --nest true", &["--nest", "mount nothing"]),
        ("--landlock-rx", &["needs a value"]),
        ("--landlock-rxx / true", &["unknown option '--landlock-rxx'", "--landlock-rx"]),
    ] {
        refused(scene.say(line).output(), 125, parts);
    }
    // What is stored and what is laid over it, together.
    scene.program(common::KAKURI).args(["create", "--nest", "box"]).output().ok();
    let said = scene.program(common::KAKURI).args(["start", "box", "--landlock-rx", "/", "true"]).output();
    refused(said, 125, &["--nest"]);
}
