//! kakuri-netns alone: by hand, and started as the front starts it, by fronts that behave and fronts that do not.

#![allow(clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use kakuri_netns::{FromNetns, ToNetns};
use kakuri_wire::channel::{Broken, Channel, MAX_MESSAGE};
use kakuri_wire::document::{MAX_DOCUMENT, seal_bytes};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Fail, Stage};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kakuri-netns");
const LIMIT: Duration = Duration::from_secs(60);
const LO: &str = r#"{"version":1,"links":[{"name":"lo","up":true}]}"#;

/// Why tests that make namespaces cannot run here, if so.
fn cannot_make_namespaces() -> Option<String> {
    let tried = Command::new("unshare").args(["-Urn", "true"]).output();
    match tried {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
        Err(e) => Some(format!("unshare(1): {e}")),
    }
}

macro_rules! needs_namespaces {
    () => {
        if let Some(why) = cannot_make_namespaces() {
            eprintln!("skipped: no user namespace here: {why}");
            return;
        }
    };
}

#[path = "netns/byhand.rs"]
mod byhand;

fn ip_program() -> Option<&'static str> {
    let found = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].into_iter().find(|p| Path::new(p).exists());
    if found.is_none() {
        eprintln!("skipped in part: no ip(8) to look with");
    }
    found
}

/// A container as far as this helper is concerned: a process in a user and a network namespace of its own,
/// which runs the lines it is told.
struct Container {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pidfd: OwnedFd,
}

impl Container {
    fn new() -> Container {
        let mut shell = Command::new("unshare")
            .args(["-Urn", "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let (input, output) = (shell.stdin.take().expect("piped"), shell.stdout.take().expect("piped"));
        let pid = rustix::process::Pid::from_raw(shell.id() as i32).expect("a pid");
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd");
        let mut container = Container { shell, input, output: BufReader::new(output), pidfd };
        // Its answer says that it is inside by now.
        assert_eq!(container.run("echo here"), "here\n");
        container
    }

    fn run(&mut self, line: &str) -> String {
        writeln!(self.input, "{{ {line}; }} 2>&1; echo end-of-line").expect("the container takes a line");
        let mut all = String::new();
        while !all.ends_with("end-of-line\n") {
            assert!(self.output.read_line(&mut all).expect("the container answers") > 0, "the container ended: {all}");
        }
        all.trim_end_matches("end-of-line\n").to_string()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// The helper as the front starts it, and the front's end of its link.
struct Helper {
    process: Child,
    link: Option<Channel>,
}

impl Helper {
    fn start() -> Helper {
        let (ours, theirs) = Channel::pair().expect("a link");
        let theirs: OwnedFd = theirs.as_fd().try_clone_to_owned().expect("a copy");
        // bash moves the link from 0 to 3 and names the program, then becomes it: same process.
        let process = Command::new("bash")
            .args(["-c", r#"exec -a 'kakuri-netns [test]' "$0" 3<&0 0</dev/null"#, PROGRAM])
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash starts");
        Helper { process, link: Some(ours) }
    }

    fn link(&self) -> &Channel {
        self.link.as_ref().expect("still held")
    }

    fn plan(&self, json: &str) {
        let document = seal_bytes(Stage::Front, json.as_bytes()).expect("a document");
        self.link().send(&ToNetns::Plan(Version::ours()), &[document.as_fd()]).expect("sent");
    }

    fn join(&self, container: &Container) {
        self.link().send(&ToNetns::Join, &[container.pidfd.as_fd()]).expect("sent");
    }

    fn answer(&self) -> Result<FromNetns, Broken> {
        self.link().recv_within(LIMIT).map(|(message, fds)| {
            assert!(fds.is_empty());
            message
        })
    }

    fn failure(&self) -> Fail {
        match self.answer() {
            Ok(FromNetns::Failed(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    /// Its exit code; it must have said nothing but on its link.
    fn end(self) -> Option<i32> {
        let (code, err) = self.left_alone();
        assert_eq!(err, "");
        code
    }

    /// The front goes: the helper's exit code and what it says on stderr.
    fn left_alone(mut self) -> (Option<i32>, String) {
        self.link = None;
        let status = self.process.wait().expect("it ends");
        let (mut out, mut err) = (String::new(), String::new());
        self.process.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        self.process.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        assert_eq!(out, "");
        (status.code(), err)
    }
}

/// What a lying front does, and words of the answer it gets.
fn lie(words: &str, tell: impl FnOnce(&Helper)) {
    let helper = Helper::start();
    tell(&helper);
    let fail = helper.failure();
    assert_eq!((fail.stage, fail.code), (Stage::Netns, 125));
    assert!(fail.to_string().contains(words), "{fail}");
    assert_eq!(helper.end(), Some(125));
}

#[test]
fn configures_the_container_it_joins_and_says_up() {
    needs_namespaces!();
    let mut container = Container::new();
    let helper = Helper::start();
    helper.plan(
        r#"{"version":1,"links":[{"name":"lo","mtu":1400,"addresses":["127.0.0.1/8","10.0.2.100/24","fd00::5/64"],"up":true}],
        "routes":[{"kind":"unicast","to":"0.0.0.0/0","link":"lo","via":"10.0.2.2"},
        {"kind":"unicast","to":"172.16.0.0/12","link":"lo","metric":4},{"kind":"unicast","to":"fd01::/64","link":"lo"},
        {"kind":"unreachable","to":"::/0"},{"kind":"blackhole","to":"192.168.0.0/16"}]}"#,
    );
    helper.join(&container);
    assert_eq!(helper.answer().expect("an answer"), FromNetns::Up { tun: false });
    assert_eq!(helper.end(), Some(0));

    let Some(ip) = ip_program() else { return };
    let links = container.run(&format!("{ip} addr"));
    for words in [
        "mtu 1400",
        "LOOPBACK,UP",
        "inet 127.0.0.1/8 scope host",
        "inet 10.0.2.100/24 brd 10.0.2.255",
        "inet6 fd00::5/64",
    ] {
        assert!(links.contains(words), "{words}: {links}");
    }
    let routes = container.run(&format!("{ip} route; {ip} -6 route; {ip} -6 route show type unreachable"));
    for words in [
        "default via 10.0.2.2 dev lo",
        "172.16.0.0/12 dev lo proto static scope link metric 4",
        "fd01::/64 dev lo",
        "unreachable default",
        "blackhole 192.168.0.0/16",
    ] {
        assert!(routes.contains(words), "{words}: {routes}");
    }
}

#[test]
fn renames_links_and_keeps_the_kernel_from_giving_them_addresses() {
    needs_namespaces!();
    let Some(ip) = ip_program() else { return };
    let mut container = Container::new();
    let made = container.run(&format!("{ip} link add a type veth peer name b"));
    if !made.is_empty() {
        eprintln!("skipped: no veth here: {made}");
        return;
    }
    let helper = Helper::start();
    helper.plan(
        r#"{"version":1,"links":[{"name":"a","rename":"wg0","mtu":1420,"no_own_address":true,
        "addresses":["10.0.0.2/32","fd00::2/128"],"up":true},{"name":"b","up":true}],
        "routes":[{"kind":"unicast","to":"0.0.0.0/0","link":"wg0"},{"kind":"unicast","to":"::/0","link":"wg0"}]}"#,
    );
    helper.join(&container);
    assert_eq!(helper.answer().expect("an answer"), FromNetns::Up { tun: false });
    assert_eq!(helper.end(), Some(0));
    let link = container.run(&format!("{ip} addr show wg0"));
    assert!(link.contains("mtu 1420") && link.contains("10.0.0.2/32") && link.contains("fd00::2/128"), "{link}");
    assert!(!link.contains("fe80"), "{link}");
    assert!(container.run(&format!("{ip} route; {ip} -6 route")).matches("default dev wg0").count() == 2);
}

#[test]
fn what_the_kernel_refuses_comes_back_in_its_words() {
    needs_namespaces!();
    let container = Container::new();
    for (plan, words) in [
        (r#"{"version":1,"links":[{"name":"nosuch0","up":true}]}"#, "link 'nosuch0': No such device"),
        (
            r#"{"version":1,"links":[{"name":"lo","up":true}],
            "routes":[{"kind":"unicast","to":"10.0.0.0/8","link":"lo","via":"192.0.2.1"}]}"#,
            "Nexthop has invalid gateway",
        ),
    ] {
        lie(words, |helper| {
            helper.plan(plan);
            helper.join(&container);
        });
    }
}

/// The plan is checked before the join: the refusal comes though no Join was ever sent.
#[test]
fn an_unsound_plan_is_refused_before_any_power() {
    lie("at most", |h| {
        let links: Vec<_> = (0..65).map(|i| format!(r#"{{"name":"l{i}","up":true}}"#)).collect();
        h.plan(&format!(r#"{{"version":1,"links":[{}]}}"#, links.join(",")));
    });
    lie("version 7", |h| h.plan(r#"{"version":7,"links":[]}"#));
    lie("cannot be trusted", |h| h.plan("garbage"));
    lie("cannot be trusted", |h| h.plan(r#"{"version":1,"links":[],"surprise":0}"#));
    lie("cannot be trusted", |h| h.plan(&" ".repeat(MAX_DOCUMENT as usize + 1)));
}

#[test]
fn a_document_that_could_still_change_is_refused() {
    let file = std::fs::File::open("/dev/null").expect("opens");
    lie("not sealed", |h| h.link().send(&ToNetns::Plan(Version::ours()), &[file.as_fd()]).expect("sent"));
}

#[test]
fn a_front_of_another_build_is_named() {
    let document = seal_bytes(Stage::Front, LO.as_bytes()).expect("a document");
    let other = Version { protocol: 999, build: "9.9.9".into() };
    lie("kakuri is 9.9.9 (protocol 999)", |h| {
        h.link().send(&ToNetns::Plan(other), &[document.as_fd()]).expect("sent");
    });
}

#[test]
fn a_front_that_speaks_nonsense() {
    let null = std::fs::File::open("/dev/null").expect("opens");
    let null = null.as_fd();
    let tell = |words: &str, bytes: &[u8], fds: &[BorrowedFd]| {
        lie(words, |h| h.link().send_raw(bytes, fds).expect("sent"));
    };
    tell("what is no message", b"\x00\xff garbage", &[]);
    tell("what is no message", br#"{"Finish":[]}"#, &[null]);
    tell("0 descriptors where 1", br#""Join""#, &[]);
    tell("2 descriptors where 1", br#""Join""#, &[null, null]);
    tell("64 descriptors where 1", br#""Join""#, &[null; 64]);
    tell("more than 65536", &vec![b' '; MAX_MESSAGE + 1], &[]);
}

#[test]
fn a_front_that_speaks_out_of_turn() {
    let null = std::fs::File::open("/dev/null").expect("opens");
    lie("expected Plan", |h| h.link().send(&ToNetns::Join, &[null.as_fd()]).expect("sent"));
    lie("expected Join", |h| {
        h.plan(LO);
        h.plan(LO);
    });
}

#[test]
fn a_join_to_what_is_no_container() {
    let null = std::fs::File::open("/dev/null").expect("opens");
    lie("cannot join the container's namespaces", |h| {
        h.plan(LO);
        h.link().send(&ToNetns::Join, &[null.as_fd()]).expect("sent");
    });
    // A process of the host's own namespaces: joining them is no way to gain power.
    let own = rustix::process::getpid();
    let own = rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty()).expect("a pidfd");
    lie("cannot join the container's namespaces", |h| {
        h.plan(LO);
        h.link().send(&ToNetns::Join, &[own.as_fd()]).expect("sent");
    });
}

#[test]
fn a_front_that_is_gone_is_seen() {
    // Both may happen before the helper's first look at its link, which it has only stderr to tell about.
    let seen = |(code, said): (Option<i32>, String)| {
        assert_eq!(code, Some(125));
        assert!(said.is_empty() || said == "kakuri-netns: kakuri ended before its helper started\n", "{said}");
    };
    seen(Helper::start().left_alone());
    let helper = Helper::start();
    helper.plan(LO);
    seen(helper.left_alone());
}

#[test]
fn a_silent_front_is_waited_for_and_its_end_seen() {
    let helper = Helper::start();
    assert!(matches!(helper.link().recv_within::<FromNetns>(Duration::from_millis(300)), Err(Broken::Late)));
    assert_eq!(helper.end(), Some(125));
}

/// Nothing but a link makes it serve: a person who types the name gets a sentence.
#[test]
fn without_a_link_it_says_so() {
    let out = Command::new("bash")
        .args(["-c", r#"exec -a 'kakuri-netns [test]' "$0" 3<&-"#, PROGRAM])
        .output()
        .expect("bash starts");
    assert_eq!(out.status.code(), Some(125));
    assert!(text(&out.stderr).contains("started without a link"), "{out:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// While it works it holds CAP_NET_ADMIN over the container and nothing else; before, nothing at all.
#[test]
fn its_capabilities_at_each_call() {
    needs_namespaces!();
    let strace = Command::new("strace").arg("--version").output();
    if !strace.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: no strace here");
        return;
    }
    let container = Container::new();
    let (ours, theirs) = Channel::pair().expect("a link");
    let mut process = Command::new("bash")
        .args(["-c", r#"exec strace -e trace=capset,setns,sendto,memfd_create bash -c 'exec -a "kakuri-netns [test]" "$0" 3<&0 0</dev/null' "$0""#, PROGRAM])
        .stdin(Stdio::from(theirs.as_fd().try_clone_to_owned().expect("a copy")))
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash starts");
    drop(theirs);
    let document = seal_bytes(Stage::Front, LO.as_bytes()).expect("a document");
    ours.send(&ToNetns::Plan(Version::ours()), &[document.as_fd()]).expect("sent");
    ours.send(&ToNetns::Join, &[container.pidfd.as_fd()]).expect("sent");
    let mut trace = String::new();
    process.stderr.take().expect("piped").read_to_string(&mut trace).expect("text");
    process.wait().expect("ends");
    let order = [
        "effective=0, permitted=0, inheritable=0",
        "setns(",
        "effective=1<<CAP_NET_ADMIN, permitted=1<<CAP_NET_ADMIN",
        "sendto(",
    ];
    let places: Vec<_> = order.iter().map(|words| trace.find(words)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{trace}");
}
