//! What `--explain`, `inspect --security` and `--require` call enforced, is: each guarantee of the table is attacked, by the
//! first command and by a later one; and with its wall opened the same attack succeeds, and the table says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "guarantees/outside.rs"]
mod outside;
#[path = "guarantees/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use common::{GONE, Pty, Scene, until};
use outside::Outside;

type Attack = (&'static str, fn(&str));
type Opened = (&'static str, &'static [&'static str], &'static str);

/// Every guarantee, and how it is attacked.
const ATTACKED: [Attack; 25] = [
    ("identity", identity),
    ("privileges", tried),
    ("capabilities", tried),
    ("set-id", tried),
    ("files", tried),
    ("devices", tried),
    ("mounts", tried),
    ("settings", tried),
    ("processes", tried),
    ("ipc", tried),
    ("hostname", tried),
    ("cgroups", tried),
    ("network", tried),
    ("vpn", vpn),
    ("terminal", terminal),
    ("sockets", sockets),
    ("descriptors", descriptors),
    ("environment", environment),
    ("keyrings", tried),
    ("nesting", tried),
    ("system-calls", tried),
    ("landlock", landlock),
    ("limits", limits),
    ("lifetime", lifetime),
    ("exec", exec),
];

/// Options that open a wall, and what the table then says.
const OPENED: [Opened; 16] = [
    ("set-id", &["--security-opt", "seccomp=unconfined"], "absent"),
    ("processes", &["--proc", "host"], "weaker"),
    ("ipc", &["--share", "ipc"], "absent"),
    ("hostname", &["--share", "uts"], "absent"),
    ("network", &["--allow-network"], "absent"),
    ("environment", &["--env-host"], "absent"),
    ("keyrings", &["--security-opt", "seccomp=unconfined"], "weaker"),
    ("nesting", &["--nest"], "absent"),
    ("system-calls", &["--security-opt", "seccomp=unconfined"], "absent"),
    ("capabilities", &["--cap-add", "NET_ADMIN"], "weaker"),
    ("devices", &["--device", "/dev/full:/dev/other"], "weaker"),
    ("mounts", &["--nest"], "weaker"),
    ("cgroups", &["--share", "cgroup"], "absent"),
    ("cgroups", &["--allow-network"], "weaker"),
    ("limits", &["--ulimit", "as=8589934592"], "weaker"),
    ("terminal", &["-T"], "weaker"),
];

/// Name and state of each row of `--emit security`.
fn judged(scene: &Scene, options: &[&str]) -> BTreeMap<String, String> {
    let words = [&["--emit", "security"], options, &["true"]].concat();
    let text = scene.kakuri(words).output().ok().text();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let field = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_string();
    rows.iter().map(|row| (field(row, "name"), field(row, "state"))).collect()
}

#[test]
fn what_is_called_enforced_is() {
    need!("python3");
    let scene = Scene::new();
    let told = judged(&scene, &[]);
    let names: Vec<&str> = ATTACKED.iter().map(|attack| attack.0).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(told.keys().map(String::as_str).collect::<Vec<_>>(), sorted, "a guarantee nobody attacks");
    for (name, attack) in ATTACKED {
        let opt_in = ["vpn", "landlock"].contains(&name);
        assert_eq!(told[name], if opt_in { "absent" } else { "enforced" }, "{name}");
        attack(name);
    }
}

/// The attack, as the first command and as a later one: neither has anything to tell.
fn tried(name: &str) {
    with(name, &[]);
}

fn with(name: &str, options: &[&str]) {
    let outside = Outside::new(Scene::new());
    assert_eq!(judged(&outside.scene, options)[name], "enforced", "{name}");
    outside.holds(outside.first(name, options), name);
    outside.holds(outside.later(name, options), name);
    outside.stands();
}

fn identity(name: &str) {
    with(name, &[]);
    let outside = Outside::new(Scene::new());
    outside.first(name, &[]).output().ok();
    let made = fs::metadata(outside.given().join("made")).unwrap();
    let own = fs::metadata(outside.given()).unwrap();
    assert_eq!((made.uid(), made.gid()), (own.uid(), own.gid()));
}

/// With somebody listening in the runtime folder, and the caller's variable that says so.
fn sockets(name: &str) {
    let outside = Outside::new(Scene::new());
    let agent = outside.scene.runtime().join("agent");
    let _listener = std::os::unix::net::UnixListener::bind(&agent).unwrap();
    outside.holds(outside.first(name, &[]).env("SSH_AUTH_SOCK", &agent), name);
    outside.holds(outside.later(name, &[]).env("SSH_AUTH_SOCK", &agent), name);
    // Opened, it is found.
    let found = outside.first(name, &["--ssh-agent"]).env("SSH_AUTH_SOCK", &agent).output().ok();
    assert!(found.text().contains("connected to /run/user/0/"), "{found}");
    let told = outside.scene.kakuri(["--emit", "security", "--ssh-agent", "true"]).env("SSH_AUTH_SOCK", &agent);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&told.output().ok().text()).unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row["state"], "weaker", "{row}");
    assert!(row["reason"].as_str().unwrap().contains("--ssh-agent"), "{row}");
}

fn descriptors(name: &str) {
    let outside = Outside::new(Scene::new());
    let secret = fs::File::open(&outside.treasure).unwrap();
    let copies: Vec<_> = (0..10).map(|_| outside::inherited(&secret)).collect();
    outside.holds(outside.first(name, &[]), name);
    outside.holds(outside.later(name, &[]), name);
    let said = outside.passed(name).output().ok();
    assert_eq!(said.text(), "has 7", "one that was named");
    drop(copies);
}

fn environment(name: &str) {
    let outside = Outside::new(Scene::new());
    let with = |run: common::Run| run.env("SECRET_TOKEN", "x").env("SSH_AUTH_SOCK", "/x").env("LD_AUDIT", "");
    assert_eq!(with(outside.first(name, &[])).output().ok().text(), "");
    assert_eq!(with(outside.later(name, &[])).output().ok().text(), "");
}

fn terminal(name: &str) {
    let outside = Outside::new(Scene::new());
    // With the terminal's own device and number, which only its other end knows.
    let script = "TERMINAL=$(stat -L -c %d:%i /dev/stdin) exec \"$@\"";
    let words = outside.words(name, &["-e", "TERMINAL"]);
    let shell = ["-c", script, "sh", common::KAKURI];
    let run = outside.scene.program("sh").args(shell).args(&words).args(["--", "sh", "-c"]);
    let run = run.arg(format!("python3 -I /attack.py {name} && echo all''done"));
    let mut terminal = Pty::start(run);
    terminal.expect("alldone");
    terminal.wait();
    let shown = terminal.shown();
    assert!(!shown.contains("typed into") && !shown.contains("has the caller's"), "{shown}");
}

fn limits(name: &str) {
    with(name, &["--ulimit", "nproc=32"]);
}

fn landlock(name: &str) {
    if !outside::has_landlock("guarantees: landlock") {
        return;
    }
    let rules = [
        "--landlock-rx",
        "/usr:/bin:/lib:/lib64:/attack.py",
        "--landlock-ro",
        "/shown:/etc/ld.so.cache",
        "--landlock-rw",
        "/given:/dev/null",
        "--landlock-tcp-bind",
        "8080",
        "--require",
        "landlock",
    ];
    with(name, &rules);
}

/// The tunnel's device and loopback, and nothing of the host's in reach.
fn vpn(name: &str) {
    let outside = Outside::new(Scene::new());
    if fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        common::skip("guarantees: vpn: no /dev/net/tun");
        return;
    }
    let conf = outside.tunnel();
    let options = ["--vpn", &conf, "--require", "vpn", "-e", "DEVICES=lo wg0"];
    outside.holds(outside.first(name, &options), name);
    outside.holds(outside.later(name, &options), name);
    assert!(outside.nothing_came(), "a packet went round the tunnel");
}

/// A kill that nobody can answer.
fn lifetime(_: &str) {
    let outside = Outside::new(Scene::new());
    let mark = format!("{}.5", 100_000 + std::process::id());
    let mut front = outside.scene.kakuri(["sh", "-c", &format!("sleep {mark} & setsid sleep {mark} & wait")]).spawn();
    assert!(until(GONE, || outside::running(&mark) >= 2), "it never ran");
    front.kill().unwrap();
    front.wait().unwrap();
    assert!(until(GONE, || outside::running(&mark) == 0), "something outlived kakuri");
}

/// What the kernel says of the first process and of a later one.
fn exec(_: &str) {
    let outside = Outside::new(Scene::new());
    let report = "grep -E '^(Cap|NoNew|Seccomp:|Uid|Gid|Groups|Sig(Q|B|I|C))' /proc/self/status; ulimit -a; ulimit -Ha; \
                  cat /proc/self/uid_map /proc/self/limits; readlink /proc/self/ns/*; umask";
    let scene = &outside.scene;
    scene.program(common::KAKURI).args(["create", "same"]).output().ok();
    let said = |verb: &str| scene.program(common::KAKURI).args([verb, "same", "sh", "-c", report]).output().ok().text();
    let steady = |text: String| text.lines().filter(|line| !line.contains(":[")).collect::<Vec<_>>().join("\n");
    assert_eq!(steady(said("start")), steady(said("exec")));
}

#[test]
fn with_a_wall_opened_the_attack_succeeds_and_the_table_says_so() {
    need!("python3");
    for (name, options, state) in OPENED {
        let outside = Outside::new(Scene::new());
        assert_eq!(judged(&outside.scene, options)[name], state, "{name}");
        let refused = outside.first(name, &[options, &["--require", name]].concat()).output();
        assert_eq!(refused.code(), 125, "{name}: {refused}");
        assert!(refused.err().contains(&format!("'{name}' is {state}")), "{name}: {refused}");
        assert!(refused.err().lines().count() == 2 && refused.err().contains("hint: "), "{name}: {refused}");
        let grouped = fs::read_dir("/sys/fs/cgroup").is_ok_and(|mut all| all.next().is_some());
        if ["terminal", "limits", "mounts"].contains(&name) || (options == ["--allow-network"] && !grouped) {
            // What is weaker there is no failure of this attack's.
            continue;
        }
        let run = outside.first(name, options).env("SECRET_TOKEN", "x");
        let run = if options == ["--share", "cgroup"] {
            outside.first(name, &[options, &["-e", "SAME=1"]].concat())
        } else {
            run
        };
        assert_ne!(run.output().text(), "", "{name}: the attack cannot fail");
    }
}
