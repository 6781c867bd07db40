//! `--dbus`: a bus of the test's own, somebody on it, and xdg-dbus-proxy between.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::live::signal;
use crate::common::{HANG, Output, Run, Scene, until};
use crate::need;

/// Says `pong` to every call, by the names it is given; the bus's address is that of the environment. D-Bus specification,
/// "Message Format".
const SERVICE: &str = r#"
import os, socket, struct, sys
address = os.environ['DBUS_SESSION_BUS_ADDRESS'].split(',')[0]
s = socket.socket(socket.AF_UNIX); s.connect(address[len('unix:path='):])
s.sendall(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n')
f = s.makefile('rb')
assert f.readline().startswith(b'OK')
s.sendall(b'BEGIN\r\n')
number = 0
def string(text): return struct.pack('<I', len(text)) + text.encode() + b'\0'
def send(kind, fields, body=b''):
    global number
    number += 1
    out = b''
    for code, sign, value in fields:
        out += b'\0' * (-len(out) % 8) + bytes([code, 1]) + sign.encode() + b'\0'
        if sign == 'u': out += struct.pack('<I', value)
        elif sign == 'g': out += bytes([len(value)]) + value.encode() + b'\0'
        else: out += string(value)
    head = struct.pack('<cBBBIII', b'l', kind, 0, 1, len(body), number, len(out))
    s.sendall(head + out + b'\0' * (-len(out) % 8) + body)
def receive():
    _, kind, _, _, size, serial, length = struct.unpack('<cBBBIII', f.read(16))
    text = f.read(length + -length % 8)
    body = f.read(size)
    sender, at = None, 0
    while at < length:
        at += -at % 8
        code, sign = text[at], chr(text[at + 2])
        at += 4
        if sign == 'u': at += 4
        elif sign == 'g': at += text[at] + 2
        else:
            n = struct.unpack('<I', text[at:at + 4])[0]
            if code == 7: sender = text[at + 4:at + 4 + n].decode()
            at += 4 + n + 1
    return kind, serial, sender, body
def call(member, more=[], body=b''):
    bus = 'org.freedesktop.DBus'
    send(1, [(1, 'o', '/org/freedesktop/DBus'), (2, 's', bus), (3, 's', member), (6, 's', bus)] + more, body)
    while True:
        kind, _, _, body = receive()
        if kind == 3: sys.exit('refused')
        if kind == 2: return
call('Hello')
for name in sys.argv[1:]:
    body = string(name)
    call('RequestName', [(8, 'g', 'su')], body + b'\0' * (-len(body) % 4) + struct.pack('<I', 0))
print('ready', flush=True)
while True:
    kind, serial, sender, _ = receive()
    if kind == 1: send(2, [(5, 'u', serial), (6, 's', sender), (8, 'g', 's')], string('pong'))
"#;

/// A process of the test's, ended with it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bus {
    address: String,
    _service: Ends,
    _daemon: Ends,
}

impl Bus {
    fn start(scene: &Scene) -> Bus {
        let path = scene.work().join("session bus");
        let address = format!("unix:path={}", path.display());
        let escaped = address.replace(' ', "%20");
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--nosyslog", &format!("--address={escaped}")])
            .env("XDG_RUNTIME_DIR", scene.work())
            .env("HOME", scene.home())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Ends(daemon);
        assert!(until(HANG, || path.exists()));
        let script = scene.file("service.py", SERVICE);
        let service = Command::new("/usr/bin/python3")
            .arg(script)
            .args(["org.example.Echo", "org.example.Other"])
            .env("DBUS_SESSION_BUS_ADDRESS", address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut service = Ends(service);
        assert_eq!(line(&mut service.0), "ready");
        Bus { address: escaped, _service: service, _daemon: daemon }
    }

    fn kakuri(&self, scene: &Scene, words: &[&str]) -> Run {
        scene.kakuri(words).env("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }
}

/// The next line a child prints; its output stays open.
fn line(child: &mut Child) -> String {
    let mut text = String::new();
    let mut output = BufReader::with_capacity(1, child.stdout.take().unwrap());
    output.read_line(&mut text).unwrap();
    child.stdout = Some(output.into_inner());
    text.trim_end().to_string()
}

/// What is called by its name.
fn ping(name: &str) -> Vec<String> {
    let call = format!("{name}.Ping");
    ["dbus-send", "--session", "--print-reply", &format!("--dest={name}"), "/", &call].map(String::from).to_vec()
}

fn asked(bus: &Bus, scene: &Scene, options: &[&str], name: &str) -> Output {
    bus.kakuri(scene, options).args(ping(name)).output()
}

/// What the runtime folder has of a start's.
fn folders(scene: &Scene) -> Vec<PathBuf> {
    let names = fs::read_dir(scene.runtime()).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("kakuri-bus")).collect()
}

/// The proxy of a front or a supervisor.
fn proxy(parent: u32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let is_proxy =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.starts_with("xdg-dbus-proxy"));
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_proxy)
}

#[test]
fn the_names_that_were_given_and_no_others() {
    need!("xdg-dbus-proxy", "dbus-daemon", "dbus-send", "python3");
    let scene = Scene::new();
    let bus = Bus::start(&scene);
    let one = ["--dbus", "org.example.Echo"];
    assert!(asked(&bus, &scene, &one, "org.example.Echo").ok().text().contains("pong"));
    let other = asked(&bus, &scene, &one, "org.example.Other");
    assert!(other.code() == 1 && other.err().contains("ServiceUnknown"), "{other}");
    for both in [&["--dbus", "org.example.Echo,org.example.Other"][..], &["--dbus", "org.example.*"]] {
        assert!(asked(&bus, &scene, both, "org.example.Other").ok().text().contains("pong"), "{both:?}");
    }
    // Nor is it told who else is there.
    let list = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/",
        "org.freedesktop.DBus.ListNames",
    ];
    let names = bus.kakuri(&scene, &one).args(list).output().ok().text();
    assert!(names.contains("org.example.Echo") && !names.contains("org.example.Other"), "{names}");
    assert!(folders(&scene).is_empty());
}

#[test]
fn a_container_may_be_a_name_where_it_was_allowed() {
    need!("xdg-dbus-proxy", "dbus-daemon", "dbus-send", "python3");
    let scene = Scene::new();
    let bus = Bus::start(&scene);
    let service =
        |door: &str| bus.kakuri(&scene, &["--dbus", door, "/usr/bin/python3", "service.py", "org.example.Mine"]);
    let said = service("org.example.Mine").output();
    assert!(said.code() == 1 && said.err().contains("refused"), "{said}");
    let mut inside = Ends(service("own:org.example.Mine").spawn());
    assert_eq!(line(&mut inside.0), "ready");
    let words = ping("org.example.Mine");
    let said = scene.program(&words[0]).args(&words[1..]).env("DBUS_SESSION_BUS_ADDRESS", &bus.address).output();
    assert!(said.ok().text().contains("pong"));
}

/// The bus is told who one is, and the container's user says what is true outside.
#[test]
fn inside_one_is_oneself() {
    need!("xdg-dbus-proxy", "dbus-daemon", "python3");
    let scene = Scene::new();
    let bus = Bus::start(&scene);
    // SAFETY: always succeeds.
    let uid = unsafe { libc::getuid() };
    let script = "id -u; echo $DBUS_SESSION_BUS_ADDRESS; ls -A /run/user/*";
    let said = bus.kakuri(&scene, &["--dbus", "a.b", "sh", "-c", script]).output().ok().text();
    assert_eq!(said, format!("{uid}\nunix:path=/run/user/{uid}/bus\nbus"));
    let words = bus.kakuri(&scene, &["--dbus", "a.b,own:c.d", "--explain", "-u", "5", "true"]).output().ok().text();
    assert!(words.contains("dbus: a.b, own:c.d of your session bus at /run/user/5/bus"), "{words}");
    assert!(words.contains("--userns keep-id"), "{words}");
}

#[test]
fn nothing_is_left_however_it_ends() {
    need!("xdg-dbus-proxy", "dbus-daemon", "python3");
    let scene = Scene::alone();
    let bus = Bus::start(&scene);
    let start = || {
        let command = ["--dbus", "org.example.Echo", "sh", "-c", "echo up; exec sleep 1000"];
        let mut front = Ends(bus.kakuri(&scene, &command).spawn());
        assert_eq!(line(&mut front.0), "up");
        let proxy = proxy(front.0.id());
        (front, proxy.expect("a proxy"))
    };
    let gone = |pid: i32| until(HANG, || !crate::common::live::lives(pid));
    for how in [libc::SIGTERM, libc::SIGKILL] {
        let (mut front, proxy) = start();
        // The front hears of the command a moment after it began.
        assert!(until(HANG, || folders(&scene).is_empty()), "its socket has a name still");
        signal(front.0.id() as i32, how);
        front.0.wait().unwrap();
        assert!(gone(proxy), "after signal {how}");
    }
    // What a start that was killed in between has left goes with the next; what another start holds does not.
    let stale = scene.runtime().join("kakuri-bus-0123");
    fs::create_dir(&stale).unwrap();
    fs::set_permissions(&stale, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    drop(std::os::unix::net::UnixListener::bind(stale.join("bus")).unwrap());
    bus.kakuri(&scene, &["--dbus", "a.b", "true"]).output().ok();
    assert!(folders(&scene).is_empty());
}

#[test]
fn a_proxy_that_dies_is_told_once_and_the_container_goes_on() {
    need!("xdg-dbus-proxy", "dbus-daemon", "dbus-send", "python3");
    let scene = Scene::alone();
    let bus = Bus::start(&scene);
    let script = "echo up; read word; dbus-send --session --print-reply --dest=org.example.Echo / org.example.Echo.Ping || echo lost; echo $word";
    let run = bus.kakuri(&scene, &["--dbus", "org.example.Echo", "sh", "-c", script]);
    let mut front = run.stdin(Stdio::piped()).spawn();
    assert_eq!(line(&mut front), "up");
    let pid = proxy(front.id()).expect("a proxy");
    signal(pid, libc::SIGKILL);
    assert!(until(HANG, || proxy(front.id()).is_none()));
    std::io::Write::write_all(&mut front.stdin.take().unwrap(), b"on\n").unwrap();
    let said = Output::of(front).ok();
    assert_eq!(said.text(), "lost\non");
    assert_eq!(said.err().matches("has lost the session bus").count(), 1, "{said}");
}

#[test]
fn a_container_with_a_name_has_one_as_long_as_it_runs() {
    need!("xdg-dbus-proxy", "dbus-daemon", "dbus-send", "python3");
    let scene = Scene::alone();
    let bus = Bus::start(&scene);
    bus.kakuri(&scene, &["create", "--dbus", "org.example.Echo", "box"]).output().ok();
    for how in ["stop", "kill"] {
        bus.kakuri(&scene, &["start", "-d", "box"]).output().ok();
        let said = scene.kakuri(["exec", "box"]).args(ping("org.example.Echo")).output();
        assert!(said.ok().text().contains("pong"));
        let supervisor = scene.supervisor("box");
        let pid = proxy(supervisor as u32).expect("a proxy");
        match how {
            "stop" => drop(scene.kakuri(["stop", "-t", "1", "box"]).output().ok()),
            _ => signal(supervisor, libc::SIGKILL),
        }
        assert!(until(HANG, || !crate::common::live::lives(pid)), "after {how}");
        assert!(folders(&scene).is_empty());
    }
    assert!(until(HANG, || scene.state("box") != "running"));
    // One that ends is told in the log, and the container goes on.
    bus.kakuri(&scene, &["start", "-d", "box"]).output().ok();
    signal(proxy(scene.supervisor("box") as u32).expect("a proxy"), libc::SIGKILL);
    let told = || scene.kakuri(["inspect", "box"]).output().ok().text().contains("has lost the session bus");
    assert!(until(HANG, told));
    assert_eq!(scene.kakuri(["exec", "box", "echo", "on"]).output().ok().text(), "on");
    scene.kakuri(["stop", "-t", "1", "box"]).output().ok();
}

#[test]
fn a_bus_that_is_none_is_refused() {
    let scene = Scene::new();
    let run = |address: &str| scene.kakuri(["--dbus", "a.b", "true"]).env("DBUS_SESSION_BUS_ADDRESS", address).output();
    scene.kakuri(["--dbus", "a.b", "true"]).output().refused(125, &["--dbus", "DBUS_SESSION_BUS_ADDRESS is not set"]);
    run("tcp:host=localhost,port=1").refused(125, &["--dbus", "tcp:", "no socket of this machine"]);
    run("autolaunch:").refused(125, &["--dbus", "autolaunch:"]);
    run("unix:path=/nonexistent").refused(125, &["/nonexistent", "DBUS_SESSION_BUS_ADDRESS"]);
    for name in ["org", "*", ":1.2", "own:", "a.b,", "a b.c"] {
        scene.kakuri(["--dbus", name, "true"]).output().refused(125, &["--dbus"]);
    }
}

/// Without the filter there is no bus at all.
#[test]
fn without_the_proxy_it_is_refused() {
    need!("bwrap", "xdg-dbus-proxy");
    let scene = Scene::new();
    let _bus = crate::echo::listen(&scene.runtime().join("bus"));
    let hidden = ["--dev-bind", "/", "/", "--bind", "/dev/null", "/usr/bin/xdg-dbus-proxy"];
    let said = scene.program("bwrap").args(hidden).args([crate::common::KAKURI, "--dbus", "a.b", "true"]).output();
    said.refused(125, &["--dbus", "xdg-dbus-proxy is not installed"]).hints(&["apt install xdg-dbus-proxy"]);
    // One that does not run, or says nothing.
    let script = scene.script("broken", "#!/bin/sh\necho it is broken >&2\nexit 3\n");
    let replaced = ["--dev-bind", "/", "/", "--bind"];
    let run = scene.program("bwrap").args(replaced).arg(script).arg("/usr/bin/xdg-dbus-proxy");
    let said = run.args([crate::common::KAKURI, "--dbus", "a.b", "true"]).output();
    said.refused(125, &["cannot start xdg-dbus-proxy", "it is broken"]);
    assert!(folders(&scene).is_empty());
}
