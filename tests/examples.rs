//! The library's examples, run as an ordinary user, each in a scene of its own, and what they print.
//!
//! Each is part of this program, which runs itself once more for it ([`an_example`]): so it is the example as it is now.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::oci::{Entry, Oci, busybox, tar};
use common::{HANG, KAKURI, Output, Run, Scene, have, skip};

/// Which one this process is to be.
const EXAMPLE: &str = "KAKURI_TEST_EXAMPLE";

macro_rules! examples {
    ($($name:ident)+) => {
        $(mod $name {
            #![allow(dead_code)]
            include!(concat!("../kakuri/examples/", stringify!($name), ".rs"));
            pub fn run() -> std::process::ExitCode {
                std::process::Termination::report(main())
            }
        })+

        /// Runs the example this process was started for.
        #[test]
        fn an_example() {
            let Ok(wanted) = std::env::var(EXAMPLE) else { return };
            let code = match wanted.as_str() {
                $(stringify!($name) => $name::run(),)+
                other => panic!("there is no example {other}"),
            };
            let failed = format!("{code:?}") != format!("{:?}", std::process::ExitCode::SUCCESS);
            std::process::exit(i32::from(failed));
        }

        const ALL: &[&str] = &[$(stringify!($name)),+];
    };
}

examples! { build commit exec judge layer nat persistent pipes pool root seccomp shell timeouts usage }

/// Every file of the examples' folder is one of them. Two read arguments of their own, and are run as programs.
#[test]
fn every_example_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kakuri/examples");
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string();
        assert!(ALL.contains(&&*name) || ["image", "vpn"].contains(&&*name), "nobody runs the example {name}");
    }
}

fn example(scene: &Scene, name: &str) -> Run {
    scene
        .program(std::env::current_exe().unwrap())
        .args(["an_example", "--exact", "--nocapture", "--test-threads", "2"])
        .env(EXAMPLE, name)
        .env("KAKURI", KAKURI)
        .env("TMPDIR", scene.work())
        .limit(HANG)
}

/// What it printed, without the harness's own words.
fn printed(output: &Output) -> String {
    let text = output.text();
    text.split_once("running 1 test\n").map_or(text.clone(), |(_, rest)| rest.trim().to_string())
}

fn prints(name: &str, wanted: &str) {
    let scene = Scene::alone();
    let before = scene.before();
    let output = example(&scene, name).output().ok();
    assert_eq!(printed(&output), wanted.trim(), "{output}");
    before.nothing_left();
}

#[test]
fn a_build_sandbox() {
    need!("make", "bash");
    prints("build", "make: exit code 0\nbuilt: hello, world\nchanging a source: refused\ncalling home: refused");
}

#[test]
fn changes_that_are_carried_over() {
    let scene = Scene::new();
    let output = example(&scene, "commit").output().ok();
    let wanted =
        "untouched: bread\nAdded junk\nModified list\nDeleted old\ncarried over: bread cheese junk: false, old: false";
    assert_eq!(printed(&output), wanted, "{output}");
}

#[test]
fn a_layer_of_a_container() {
    let scene = Scene::new();
    let output = example(&scene, "layer").output().ok();
    let text = printed(&output);
    assert!(text.starts_with("diff --git a/more b/more\nnew file mode 100644\n"), "{output}");
    assert!(text.ends_with("+two\ncarried over: true\nnow: one two \ntaken back: one"), "{output}");
}

#[test]
fn commands_in_a_running_container() {
    let scene = Scene::new();
    let output = example(&scene, "exec").output().ok();
    let wanted = "ready\nanother command sees: sleep\na third one: exit code 3\nthe first one: signal 15";
    assert_eq!(printed(&output), wanted, "{output}");
    assert_eq!(scene.kakuri(["list", "-q"]).output().ok().text(), "");
}

#[test]
fn a_judge() {
    need!("python3");
    let verdicts = "right: accepted\nwrong: wrong answer\nslow: time limit exceeded\n\
        greedy: runtime error\nforking: runtime error\nnosy: runtime error";
    prints("judge", verdicts);
}

#[test]
fn a_published_port() {
    need!("python3");
    if !have("pasta") && !have("slirp4netns") {
        return skip("a_published_port: neither pasta nor slirp4netns is installed");
    }
    prints("nat", "hello from inside");
}

#[test]
fn a_container_that_stays() {
    let scene = Scene::new();
    let output = example(&scene, "persistent").output().ok();
    let wanted = "made: true\nrunning: true\nrunning: false\nkept: chisel, sharpened\nmade: false";
    assert_eq!(printed(&output), wanted, "{output}");
}

#[test]
fn a_pipeline() {
    prints("pipes", "2 milk\n1 salt\n3 tea\nexit code 0, exit code 0");
}

#[test]
fn a_pool_of_a_hundred() {
    prints("pool", "the sum of the squares below 100 is 328350");
}

#[test]
fn a_root_from_nothing() {
    let scene = Scene::new();
    let output = example(&scene, "root").output().ok();
    let text = printed(&output);
    let (first, rest) = text.split_once('\n').expect("several lines");
    for folder in ["/bin", "/usr", "/scratch", "/proc", "/dev"] {
        assert!(first.split(' ').any(|word| word == folder), "no {folder}: {first}");
    }
    assert!(!first.contains("/opt") && !first.contains("/home/"), "{first}");
    assert_eq!(rest, "welcome\n1234\nusr/bin\n700\nx", "{output}");
}

#[test]
fn a_profile_of_ones_own() {
    let wanted = "without: exit code 0\nwith: mkdir: cannot create directory '/tmp/folder': Read-only file system\n\
        a bad one is the error of Container::seccomp(Json(..))";
    prints("seccomp", wanted);
}

#[test]
fn the_shell_of_the_readme() {
    let scene = Scene::alone();
    let before = scene.before();
    let output = example(&scene, "shell").input("echo $((6 * 7)); hostname >&2; echo ~\n").output().ok();
    assert!(printed(&output).starts_with("42\n"), "{output}");
    before.nothing_left();
}

#[test]
fn times_that_are_over() {
    let wanted =
        "the limit: its time was over\nthe wait: None\nthe descriptor: 0 ready\nkilled: its container was ended";
    prints("timeouts", wanted);
}

#[test]
fn what_a_command_used() {
    need!("sort", "head");
    let scene = Scene::new();
    let output = example(&scene, "usage").output().ok();
    let text = printed(&output);
    let peak: u64 = text.rsplit_once("peak ").unwrap().1.trim_end_matches(" MiB").parse().unwrap();
    // sort had the fifty megabytes at a time, or nearly.
    assert!((30..400).contains(&peak), "{output}");
}

/// Those with arguments are programs of their own, which cargo builds beside the tests.
fn with_arguments(scene: &Scene, name: &str) -> Option<Run> {
    let built = Path::new(KAKURI).parent().unwrap().join("examples").join(name);
    if !built.exists() {
        skip(format_args!("the example {name} is not built: cargo build --examples"));
        return None;
    }
    Some(scene.program(built).env("KAKURI", KAKURI).limit(HANG))
}

#[test]
fn a_container_from_an_image() {
    let scene = Scene::new();
    let mut oci = Oci::new(&scene.work().join("oci"));
    let greeting = tar(&[Entry::File("greeting", 0o644, b"from the image\n")]);
    let config = serde_json::json!({ "Cmd": ["cat", "/greeting"], "Env": ["PATH=/bin"] });
    oci.put("1", &[busybox(), greeting], &config);
    let Some(run) = with_arguments(&scene, "image") else { return };
    let output = run.arg(oci.name("1")).output().ok();
    assert_eq!(output.text(), "from the image\nexit code 0", "{output}");
    let Some(run) = with_arguments(&scene, "image") else { return };
    let output = run.args([&*oci.name("1"), "sh", "-c", "echo mine; exit 4"]).output().ok();
    assert_eq!(output.text(), "mine\nexit code 4", "{output}");
}

/// A server of wireguard-go's and a web server behind it, in a network of the test's.
const SERVER: &str = r#"
set -e
mount -t tmpfs none /run
ip link set lo up
WG_PROCESS_FOREGROUND=1 wireguard-go wgs >/dev/null 2>&1 &
for i in $(seq 200); do test -S /run/wireguard/wgs.sock && break; sleep 0.05; done
wg genkey >server; wg genkey >client; wg pubkey <server >server.pub; wg pubkey <client >client.pub
wg set wgs private-key server listen-port 51820 peer "$(cat client.pub)" allowed-ips 10.9.0.2/32
ip addr add 10.9.0.1/24 dev wgs
ip link set wgs up
printf '[Interface]\nPrivateKey = %s\nAddress = 10.9.0.2/24\nDNS = 10.9.0.1\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\nEndpoint = 127.0.0.1:51820\n' \
    "$(cat client)" "$(cat server.pub)" >wg.conf
chmod 600 wg.conf
mkdir web; printf 'through the tunnel' >web/file
python3 -m http.server --bind 10.9.0.1 --directory web 8000 >/dev/null 2>&1 &
for i in $(seq 200); do python3 -c 'import socket; socket.create_connection(("10.9.0.1", 8000))' 2>/dev/null && break; sleep 0.05; done
code=0
"$0" wg.conf http://10.9.0.1:8000/file || code=$?
exit $code
"#;

#[test]
fn a_download_through_a_vpn() {
    need!("unshare", "ip", "wg", "wireguard-go", "curl", "python3", "seq");
    let scene = Scene::new();
    if let Err(e) = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        return skip(format_args!("a_download_through_a_vpn: /dev/net/tun: {e}"));
    }
    let Some(_) = with_arguments(&scene, "vpn") else { return };
    let built = Path::new(KAKURI).parent().unwrap().join("examples/vpn");
    // Its processes end with their namespace's first.
    let options = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let run = scene.program("unshare").args(options).args(["sh", "-c", SERVER]).arg(&built).env("KAKURI", KAKURI);
    let output = run.limit(HANG).output().ok();
    assert_eq!(output.text(), "exit code 0: 18 bytes", "{output}");
}

#[test]
fn a_vpn_that_is_none_is_the_error_of_its_call() {
    let scene = Scene::new();
    let Some(run) = with_arguments(&scene, "vpn") else { return };
    let output = run.args(["./none.conf", "http://192.0.2.1/"]).output();
    assert!(output.text().starts_with("Container::vpn(\"./none.conf\"): "), "{output}");
    assert_eq!(output.err(), "", "kakuri itself says nothing: {output}");
}
