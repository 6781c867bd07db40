//! kakuri-init alone: these tests play the front, well and badly. Sessions and their holders are in init/.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "init/constant.rs"]
mod constant;
#[path = "init/front.rs"]
mod front;
#[path = "init/holders.rs"]
mod holders;
#[path = "init/lies.rs"]
mod lies;
#[path = "init/same.rs"]
mod same;
#[path = "init/sessions.rs"]
mod sessions;

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::Command;

use front::{Init, LIMIT, process, setup};
use kakuri_init::{FromInit, Process, Status, ToInit};
use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, Stage};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, document};

#[test]
fn runs_a_command_and_reports_how_it_ended() {
    assert_eq!(Init::run(&["true"]), Ok(Status::Code(0)));
    assert_eq!(Init::run(&["sh", "-c", "exit 255"]), Ok(Status::Code(255)));
    assert_eq!(Init::run(&["sh", "-c", "kill -9 $$"]), Ok(Status::Signal { signal: 9, core: false }));
}

#[test]
fn the_command_has_its_own_names_and_no_way_up() {
    let script = r#"test "$(hostname)" = tried && test "$(id -u)" = 0 && ! unshare -U true 2>/dev/null"#;
    assert_eq!(Init::run(&["sh", "-c", script]), Ok(Status::Code(0)));
}

#[test]
fn a_command_that_cannot_be_run_is_named() {
    let missing = Init::run(&["no-such-program"]).expect_err("nothing of that name");
    assert_eq!((missing.stage, missing.code), (Stage::Command, CODE_NOT_FOUND));
    assert!(missing.to_string().contains("no-such-program"), "{missing}");
    let closed = Init::run(&["/etc/passwd"]).expect_err("not a program");
    assert_eq!((closed.stage, closed.code), (Stage::Command, CODE_NOT_EXECUTABLE));
}

#[test]
fn a_working_folder_that_is_missing_is_named() {
    let (init, _made) = Init::greeted(setup());
    let null = File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    let process = Process { cwd: Bytes::from("/no/such/folder"), ..process(&["true"]) };
    init.start_command(&process, [null.as_fd(); 3]);
    assert!(init.failure().to_string().contains("/no/such/folder"));
}

#[test]
fn orphans_are_collected_and_do_not_end_the_container() {
    // The middle shell ends at once; its child outlives it, becomes PID 1's, and ends before the command.
    let script = "sh -c '(sleep 0.1 & true) &' ; sleep 0.3; test -z \"$(ps -eo stat= | grep ^Z)\"";
    assert_eq!(Init::run(&["sh", "-c", script]), Ok(Status::Code(0)));
}

#[test]
fn a_signal_reaches_the_command() {
    let (init, _made) = Init::greeted(setup());
    let null = File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    init.start_command(&process(&["sleep", "1000"]), [null.as_fd(); 3]);
    assert!(matches!(init.recv().0, FromInit::Started { .. }));
    init.link().send(&ToInit::Signal { session: 0, signal: 15, group: false }, &[]).expect("signal");
    let last = init.recv().0;
    assert!(matches!(last, FromInit::Exited { status: Status::Signal { signal: 15, core: false }, .. }), "{last:?}");
}

#[test]
fn everything_ends_with_the_front() {
    let (mut init, _made) = Init::greeted(setup());
    let null = File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    let (mut read, write) = std::io::pipe().expect("a pipe");
    init.start_command(
        &process(&["sh", "-c", "trap '' TERM HUP INT; sleep 1000 & sleep 1000"]),
        [null.as_fd(), write.as_fd(), null.as_fd()],
    );
    drop(write);
    assert!(matches!(init.recv().0, FromInit::Started { .. }));
    init.link = None;
    // The pipe's end is held by the command and its children alone.
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).expect("the pipe ends");
    assert!(init.ends());
}

#[test]
fn a_front_that_hangs_up_early_leaves_nothing() {
    let mut silent = Init::start();
    silent.link = None;
    assert!(silent.ends(), "hung up before hello");
    let (mut init, _made) = Init::greeted(setup());
    init.link = None;
    assert!(init.ends(), "hung up after ready");
}

#[test]
fn another_build_is_refused() {
    let init = Init::start();
    let own =
        rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty()).expect("pidfd");
    let version = Version { protocol: 0, build: "0.0.0".into() };
    init.link().send(&ToInit::Hello(version, setup()), &[own.as_fd()]).expect("hello");
    let fail = init.failure();
    assert!(fail.to_string().contains("not of one build"), "{fail}");
}

#[test]
fn a_word_out_of_turn_is_refused() {
    let init = Init::start();
    init.link().send(&ToInit::Go, &[]).expect("go");
    assert!(init.failure().to_string().contains("out of turn"));
    let (init, _made) = Init::greeted(setup());
    init.link().send(&ToInit::Go, &[]).expect("go before start");
    assert!(init.failure().to_string().contains("out of turn"));
}

#[test]
fn nonsense_is_refused() {
    let null = File::open("/dev/null").expect("/dev/null");
    let oversized = vec![b' '; kakuri_wire::channel::MAX_MESSAGE + 1];
    let cases: [(&[u8], usize); 5] =
        [(b"garbage", 0), (b"{}", 0), (b"\"Go\"", 1), (b"{\"Hello\":[]}", 1), (&oversized, 0)];
    for (bytes, count) in cases {
        let mut init = Init::start();
        init.link().send_raw(bytes, &vec![null.as_fd(); count]).expect("sent");
        let fail = init.failure();
        assert!(fail.to_string().contains("no message"), "{fail}");
        assert!(init.ends());
    }
}

#[test]
fn a_document_that_is_not_sealed_is_refused() {
    let (init, _made) = Init::greeted(setup());
    let loose = File::open("/etc/passwd").expect("/etc/passwd");
    let null = File::open("/dev/null").expect("/dev/null");
    let fds = [loose.as_fd(), null.as_fd(), null.as_fd(), null.as_fd()];
    init.link().send(&ToInit::Start { inherited: 3, passed: 0 }, &fds).expect("start");
    assert!(init.failure().to_string().contains("not sealed"));
}

#[test]
fn descriptors_that_do_not_fit_the_start_are_refused() {
    let (init, _made) = Init::greeted(setup());
    let document = document::seal(Stage::Front, &process(&["true"])).expect("a document");
    init.link().send(&ToInit::Start { inherited: 0, passed: 0 }, &[document.as_fd()]).expect("start");
    assert!(init.failure().to_string().contains("does not fit"));
}

#[test]
fn a_dead_link_is_seen_by_us_too() {
    // Greeted first: from then on its parent's death is its own.
    let (mut init, _made) = Init::greeted(setup());
    let _ = init.child.kill();
    assert!(init.ends());
    assert!(matches!(init.link().recv_within::<FromInit>(LIMIT), Err(Broken::Closed)));
}

/// By hand it is a plain reaper.
#[test]
fn by_hand() {
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_kakuri-init")).args(words).output().expect("kakuri-init runs")
    };
    assert_eq!(run(&["--", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]).status.code(), Some(137));
    assert_eq!(run(&["--", "no-such-program"]).status.code(), Some(127));
    assert_eq!(run(&["--", "/etc/passwd"]).status.code(), Some(126));
    assert_eq!(run(&[]).status.code(), Some(125));
    let unknown = run(&["--frobnicate"]);
    assert_eq!(unknown.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--frobnicate"));
    assert!(run(&["--version"]).status.success());
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).starts_with("usage: kakuri-init"));
    // A signal to it is a signal to the command.
    let script = format!(
        "{} sh -c 'trap \"exit 9\" TERM; while :; do sleep 0.05; done' & sleep 0.3; kill -TERM $!; wait $!",
        env!("CARGO_BIN_EXE_kakuri-init")
    );
    assert_eq!(Command::new("bash").args(["-c", &script]).status().expect("bash").code(), Some(9));
}
