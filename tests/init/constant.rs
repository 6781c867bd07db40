//! A container lives for long: what PID 1 holds does not grow with the number of sessions it has had.

use std::fs;
use std::os::fd::AsFd;

use kakuri_init::{Event, Process, Status};

use crate::front::{Init, null, process};

/// Descriptors that PID 1 has open. It is not dumpable, and still its user namespace is ours.
fn descriptors(init: &Init) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{}/fd", init.pid())).expect("the owner of S may look at PID 1");
    let name = |entry: fs::DirEntry| fs::read_link(entry.path()).map(|to| to.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| name(entry).ok()).collect();
    names.sort();
    names
}

/// A line of PID 1's /proc/PID/status, in KiB.
fn memory(init: &Init, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", init.pid())).expect("status");
    let line = status.lines().find(|line| line.starts_with(name)).expect("the line");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

/// Everything that may become of a session, seven of them.
fn round(init: &Init, begin: u32) {
    let null = null();
    let quiet = init.open_quiet(begin, &["true"]);
    let terminal = Process { terminal: [true; 3], ..process(&["true"]) };
    let terminal = init.open(begin + 1, &terminal, &[], &[]);
    let passing = Process { pass: vec![3, 8], ..process(&["true"]) };
    let passing = init.open(begin + 2, &passing, &[null.as_fd(); 3], &[null.as_fd(); 2]);
    let missing = init.open_quiet(begin + 3, &["no-such-program"]);
    let unfit = init.open(begin + 4, &process(&["true"]), &[null.as_fd(); 2], &[]);
    drop(init.open_quiet(begin + 5, &["sleep", "1000"]));
    let nonsense = init.open_quiet(begin + 6, &["sleep", "1000"]);
    nonsense.link.send_raw(b"garbage", &[null.as_fd()]).expect("sent");
    for holder in [quiet, terminal, passing] {
        let _master = holder.started();
        assert_eq!(holder.exited(), Status::Code(0));
    }
    missing.failed();
    unfit.failed();
    for number in [begin, begin + 1, begin + 2] {
        assert_eq!(init.ended(number), Status::Code(0));
    }
    for number in [begin + 3, begin + 4] {
        assert!(matches!(init.event(number), Event::Failed(_)));
    }
    for number in [begin + 5, begin + 6] {
        assert_eq!(init.ended(number), Status::Signal { signal: 1, core: false });
    }
}

#[test]
fn the_descriptors_of_pid_1_stay_the_same_over_a_thousand_sessions() {
    let init = Init::hold();
    let before = descriptors(&init);
    assert!(before.iter().any(|name| name.contains("signalfd")), "these are not its descriptors: {before:?}");
    // A session that runs is seen: what is counted can grow.
    let running = init.open_quiet(1, &["sleep", "1000"]);
    running.started();
    assert_eq!(descriptors(&init).len(), before.len() + 2, "a pidfd and a link");
    running.signal(9, false);
    running.exited();
    init.ended(1);
    for n in 0..143 {
        round(&init, 10 + n * 7);
    }
    assert_eq!(descriptors(&init), before);
}

#[test]
fn the_memory_of_pid_1_stays_the_same_over_ten_thousand_sessions() {
    let init = Init::hold();
    // With many words, so that what is kept of each session would show.
    let mut words = vec!["true"];
    words.resize(60, "word");
    let serve = |from: u32, to: u32| {
        for batch in (from..to).step_by(20) {
            let holders: Vec<_> = (batch..batch + 20).map(|number| init.open_quiet(number, &words)).collect();
            for (number, holder) in (batch..).zip(holders) {
                holder.started();
                assert_eq!(holder.exited(), Status::Code(0));
                assert_eq!(init.ended(number), Status::Code(0));
            }
        }
    };
    // Few: an allocator that keeps what it was given fills up, and then looks constant.
    serve(1, 61);
    let before = (memory(&init, "RssAnon"), memory(&init, "VmData"));
    serve(61, 10_061);
    let after = (memory(&init, "RssAnon"), memory(&init, "VmData"));
    // 256 KiB are 26 bytes a session.
    assert!(after.0 <= before.0 + 256 && after.1 <= before.1 + 256, "KiB before {before:?}, after {after:?}");
}

#[test]
fn more_sessions_than_there_are_descriptors_are_refused_by_name() {
    let init = Init::hold_with("ulimit -n 256");
    let holders: Vec<_> = (1..=60).map(|number| init.open_quiet(number, &["sleep", "1000"])).collect();
    let mut refused = 0;
    for (number, holder) in (1..).zip(&holders) {
        match init.event(number) {
            Event::Started { .. } => assert_eq!(refused, 0, "one after the limit was started"),
            Event::Failed(_) => {
                let fail = holder.failed();
                assert!(fail.to_string().contains("ulimit -n"), "{fail}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 12, "(256 - 160) / 2 fit");
    // Room again, for a message of the most descriptors there may be.
    holders[0].signal(9, false);
    assert_eq!(init.exited(1), Status::Signal { signal: 9, core: false });
    let null = null();
    let many = Process { pass: (3..62).collect(), ..process(&["sh", "-c", "test $(ulimit -n) = 256"]) };
    let holder = init.open(61, &many, &[null.as_fd(); 3], &[null.as_fd(); 59]);
    holder.started();
    assert_eq!(holder.exited(), Status::Code(0));
}
