//! A front that is silent, gone, out of turn, or says what is no message: kakuri-mount answers with an error,
//! ends with 125, and has touched nothing.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use kakuri_mount::{FromMount, Op, PLAN_VERSION, Plan, ToMount};
use kakuri_wire::channel::{Broken, MAX_MESSAGE};
use kakuri_wire::document::{seal, seal_bytes};
use kakuri_wire::handshake::{PROTOCOL, Version};
use kakuri_wire::{Channel, Fail, Kernelfs, Stage};

use crate::front::{LIMIT, PROGRAM, Pid1, plan, start};

fn answer(child: &mut Child, link: &Channel) -> Fail {
    let answer = link.recv_within::<FromMount>(LIMIT);
    assert_eq!(child.wait().expect("it ends").code(), Some(125));
    match answer {
        Ok((FromMount::Failed(fail), _)) => {
            assert_eq!(fail.stage, Stage::Mount);
            fail
        }
        other => panic!("{other:?}"),
    }
}

/// Starts one and tells it only this.
fn told(tell: impl FnOnce(&Channel)) -> String {
    let (mut child, link) = start();
    tell(&link);
    answer(&mut child, &link).to_string()
}

fn null() -> OwnedFd {
    File::open("/dev/null").expect("/dev/null").into()
}

fn document() -> OwnedFd {
    seal(Stage::Front, &plan([])).expect("a document")
}

fn hello() -> ToMount {
    ToMount::Plan(Version::ours())
}

#[test]
fn a_silent_front_is_waited_for_and_a_gone_one_is_not() {
    let (mut child, link) = start();
    std::thread::sleep(Duration::from_millis(50));
    assert!(child.try_wait().expect("asked").is_none(), "it waits");
    drop(link);
    assert_eq!(child.wait().expect("it ends").code(), Some(125));
}

#[test]
fn a_link_that_ends_half_way_ends_it() {
    let (mut child, link) = start();
    link.send(&hello(), &[document().as_fd()]).expect("sent");
    drop(link);
    assert_eq!(child.wait().expect("it ends").code(), Some(125));
}

#[test]
fn nonsense_is_answered() {
    let fd = null();
    let cases: [(&[u8], usize); 7] = [
        (b"garbage", 0),
        (b"{}", 0),
        (b"\"Plan\"", 1),
        (b"{\"Plan\":{\"protocol\":1,\"build\":\"0.1.0\",\"more\":1}}", 0),
        (b"\"Join\"", 0),
        (b"\"Join\"", 2),
        (b"{\"Finish\":[\"proc\"]}", 2),
    ];
    for (bytes, fds) in cases {
        let fds = vec![fd.as_fd(); fds];
        let said = told(|link| link.send_raw(bytes, &fds).expect("sent"));
        assert!(said.starts_with("cannot hear kakuri: "), "{}: {said}", String::from_utf8_lossy(bytes));
    }
    let said = told(|link| link.send_raw(&vec![b' '; MAX_MESSAGE + 1], &[]).expect("sent"));
    assert!(said.starts_with("cannot hear kakuri: "), "{said}");
}

#[test]
fn out_of_turn_is_an_error() {
    let fd = null();
    let said = told(|link| link.send(&ToMount::Join, &[fd.as_fd()]).expect("sent"));
    assert_eq!(said, "kakuri spoke out of turn: it said Join where Plan belongs");
    let said = told(|link| link.send(&ToMount::Finish(vec![]), &[]).expect("sent"));
    assert_eq!(said, "kakuri spoke out of turn: it said Finish where Plan belongs");
    let said = told(|link| {
        link.send(&hello(), &[document().as_fd()]).expect("sent");
        link.send(&hello(), &[document().as_fd()]).expect("sent");
    });
    assert_eq!(said, "kakuri spoke out of turn: it said Plan where Join belongs");
}

#[test]
fn another_build_is_refused() {
    let other = Version { protocol: PROTOCOL + 1, build: "9".into() };
    let said = told(|link| link.send(&ToMount::Plan(other), &[document().as_fd()]).expect("sent"));
    assert!(said.contains("not of one build"), "{said}");
}

#[test]
fn a_document_must_be_sealed_and_a_plan() {
    let tell = |fd: OwnedFd| told(|link| link.send(&hello(), &[fd.as_fd()]).expect("sent"));
    assert!(tell(null()).contains("not sealed"));
    for bytes in [&b""[..], b"{", b"[]", b"{\"version\":1}"] {
        let said = tell(seal_bytes(Stage::Front, bytes).expect("a document"));
        assert!(said.starts_with("received a document that cannot be trusted"), "{said}");
        let said = told(|link| link.send_enclosing(&hello(), Some(bytes), &[]).expect("sent"));
        assert!(said.starts_with("received a document that cannot be trusted"), "{said}");
    }
    let bad = Op::Folder { at: "/a/../../etc".into(), mode: 0o755 };
    let bad = Plan {
        version: PLAN_VERSION,
        root: None,
        size: None,
        read_only: true,
        ops: vec![bad],
        finish: vec![],
        ranged: None,
    };
    let said = tell(seal(Stage::Front, &bad).expect("a document"));
    assert!(said.contains("'/a/../../etc' has a '.' or '..' component"), "{said}");
}

#[test]
fn a_pidfd_must_be_one() {
    let said = told(|link| {
        link.send(&hello(), &[document().as_fd()]).expect("sent");
        link.send(&ToMount::Join, &[null().as_fd()]).expect("sent");
    });
    assert!(said.starts_with("cannot join the container's namespaces"), "{said}");
}

/// What PID 1 made must be what the plan attaches: no more, no less, and mounts.
#[test]
fn what_was_made_must_be_what_is_attached() {
    let attach = |what: Kernelfs| Op::Attach { what, at: format!("/{}", what.name()).into() };
    let proc = vec![attach(Kernelfs::Proc)];
    let cases = [
        (proc.clone(), vec![], "cannot attach proc: PID 1 made none"),
        (proc.clone(), vec![Kernelfs::Sysfs], "cannot attach proc: PID 1 made none"),
        (proc.clone(), vec![Kernelfs::Proc], "cannot attach proc: Invalid argument"),
        (proc, vec![Kernelfs::Proc, Kernelfs::Proc], "cannot attach proc: two came"),
        (vec![], vec![Kernelfs::Proc], "proc belongs nowhere"),
    ];
    for (finish, made, expected) in cases {
        let Some(mut pid1) = Pid1::start() else { return };
        // Without the host's /proc, which a new one would cover.
        let tree =
            Plan { version: PLAN_VERSION, root: None, size: None, read_only: true, ops: vec![], finish, ranged: None };
        let fd = null();
        let said = told(|link| {
            let sealed = seal(Stage::Front, &tree).expect("a document");
            link.send(&hello(), &[sealed.as_fd()]).expect("sent");
            link.send(&ToMount::Join, &[pid1.pidfd().as_fd()]).expect("sent");
            link.send(&ToMount::Finish(made.clone()), &vec![fd.as_fd(); made.len()]).expect("sent");
        });
        assert!(said.starts_with(expected), "{made:?}: {said}");
    }
}

#[test]
fn one_capability_and_only_after_join() {
    let Some(mut pid1) = Pid1::start() else { return };
    let (mut child, link) = start();
    let capabilities = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its status");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a field");
            u64::from_str_radix(line.rsplit('\t').next().expect("a value"), 16).expect("a number")
        };
        ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(field)
    };
    link.send(&hello(), &[document().as_fd()]).expect("sent");
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped in part: root holds capabilities before Join too");
    } else {
        assert_eq!(capabilities(), [0; 4]);
    }
    link.send(&ToMount::Join, &[pid1.pidfd().as_fd()]).expect("sent");
    // It waits for Finish with what it builds with.
    const SYS_ADMIN: u64 = 1 << 21;
    let end = Instant::now() + LIMIT;
    while capabilities() != [0, SYS_ADMIN, SYS_ADMIN, 0] {
        assert!(Instant::now() < end, "{:x?}", capabilities());
        std::thread::sleep(Duration::from_millis(1));
    }
    link.send(&ToMount::Finish(vec![]), &[]).expect("sent");
    assert!(matches!(link.recv_within(LIMIT), Ok((FromMount::Built, _))));
    assert!(matches!(link.recv_within::<FromMount>(LIMIT), Err(Broken::Closed)), "it says one word and ends");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn without_a_link_it_says_so() {
    let out = Command::new(PROGRAM).arg0("kakuri-mount [test]").output().expect("it runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!((out.status.code(), out.stdout.len()), (Some(125), 0));
    assert!(said.starts_with("kakuri-mount: kakuri-mount was started without a link"), "{said}");
}

/// A word of the front's that was never read must not swallow the answer.
#[test]
fn an_answer_arrives_whatever_was_left_unread() {
    for _ in 0..50 {
        let said = told(|link| {
            for _ in 0..5 {
                let _ = link.send(&ToMount::Join, &[null().as_fd()]);
            }
        });
        assert!(said.starts_with("kakuri spoke out of turn"), "{said}");
    }
}
