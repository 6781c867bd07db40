//! A session's command finds what the first command of a container finds: confinement, limits, environment, groups,
//! descriptors, keyring, signals. One report, taken both ways.

use std::fs;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;

use kakuri_init::{FromInit, Limit, Process};
use kakuri_wire::Bytes;

use crate::front::{Init, null, process, setup};

/// The session keyring's serial number: keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, do not create).
fn keyring() -> i64 {
    // SAFETY: integers only.
    unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) }
}

/// Not a test: the command whose report is compared, this very program inside the container.
#[test]
#[ignore = "the command of the test below"]
fn report() {
    let status = fs::read_to_string("/proc/thread-self/status").expect("status");
    let told = ["Umask", "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp", "Sig", "Shd"];
    for line in status.lines().filter(|line| told.iter().any(|name| line.starts_with(name))) {
        match line.strip_prefix("SigIgn:\t").and_then(|set| u64::from_str_radix(set, 16).ok()) {
            // But for SIGXFSZ, which another thread of the caller's may ignore at that moment to write a document.
            Some(set) => println!("SigIgn {:x}", set & !(1 << (libc::SIGXFSZ - 1))),
            None => println!("{line}"),
        }
    }
    println!("{}", fs::read_to_string("/proc/self/limits").expect("limits"));
    println!("{}", fs::read_to_string("/proc/self/uid_map").expect("map"));
    println!("{:?}", std::env::vars_os().collect::<Vec<_>>());
    println!("{:?}", std::env::current_dir());
    let (pid, group) = (rustix::process::getpid(), rustix::process::getpgrp());
    println!("leads its session {}", rustix::process::getsid(None).is_ok_and(|leader| leader == pid && group == pid));
    println!("terminal {}", fs::File::open("/dev/tty").is_ok());
    let mut open: Vec<_> = fs::read_dir("/proc/self/fd").expect("fd").flatten().map(|entry| entry.path()).collect();
    open.sort();
    for path in open {
        // Pipes differ in their number alone.
        println!(
            "{path:?} {:?}",
            fs::read_link(&path).map(|to| to.to_string_lossy().split(':').next().map(String::from))
        );
    }
    println!("keyring={}", keyring());
    println!("userns={:?}", fs::read_link("/proc/self/ns/user").expect("link"));
}

// musl declares them as another integer type than glibc.
#[allow(clippy::unnecessary_cast)]
const CORE: u32 = libc::RLIMIT_CORE as u32;
#[allow(clippy::unnecessary_cast)]
const FSIZE: u32 = libc::RLIMIT_FSIZE as u32;

fn reporter() -> Process {
    let program = std::env::current_exe().expect("our own path");
    let limit = |resource, soft, hard| Limit { resource, soft: Some(soft), hard: Some(hard) };
    Process {
        env: vec![Bytes::from("PATH=/usr/bin:/bin"), Bytes::from("EXTRA=one two")],
        cwd: Bytes::from("/usr"),
        bounding: 0x21,
        limits: vec![limit(CORE, 0, 0), limit(FSIZE, 1 << 20, 1 << 30)],
        pass: vec![],
        ..process(&[
            program.to_str().expect("UTF-8"),
            "--exact",
            "same::report",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
            "--format=terse",
        ])
    }
}

/// The report without what differs between any two runs, and the keyring and namespace apart.
fn read(mut output: PipeReader) -> (String, String, String) {
    let mut text = String::new();
    output.read_to_string(&mut text).expect("the pipe ends");
    let apart = |name: &str| text.lines().find(|l| l.starts_with(name)).unwrap_or_default().to_string();
    let rest = text.lines().filter(|l| !["keyring", "userns", "test result"].iter().any(|name| l.starts_with(name)));
    (rest.collect::<Vec<_>>().join("\n"), apart("keyring"), apart("userns"))
}

#[test]
fn a_session_finds_what_the_first_command_finds() {
    let (process, null) = (reporter(), null());
    let (first, _made) = Init::greeted(setup());
    let (output, write) = std::io::pipe().expect("a pipe");
    first.start_command(&process, [null.as_fd(), write.as_fd(), null.as_fd()]);
    drop(write);
    assert!(matches!(first.recv().0, FromInit::Started { .. }));
    let (wanted, ..) = read(output);
    for fact in
        ["CapBnd:\t0000000000000021", "NoNewPrivs:\t1", "EXTRA", "\"/usr\"", "leads its session true", "terminal false"]
    {
        assert!(wanted.contains(fact), "no '{fact}' in\n{wanted}");
    }

    let init = Init::hold();
    let reports: Vec<_> = (1..=3)
        .map(|number| {
            let (output, write) = std::io::pipe().expect("a pipe");
            let holder = init.open(number, &process, &[null.as_fd(), write.as_fd(), null.as_fd()], &[]);
            drop(write);
            holder.started();
            read(output)
        })
        .collect();
    let own = fs::read_link("/proc/self/ns/user").expect("link");
    for (report, keyring_inside, namespace) in &reports {
        assert_eq!(*report, wanted);
        assert_ne!(*keyring_inside, format!("keyring={}", keyring()), "it has the caller's keyring");
        assert!(keyring_inside.len() > "keyring=".len());
        assert_ne!(*namespace, format!("userns={own:?}"));
        // One container: all of them in one namespace, with one keyring.
        assert_eq!((keyring_inside, namespace), (&reports[0].1, &reports[0].2));
    }
}
