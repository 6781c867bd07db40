//! Sessions of a container that holds, as they should be: start, codes, terminals, signals, ends.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;

use kakuri_init::{Event, FromInit, Process, Status, ToInit, Window};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{CODE_FAILED, CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, Stage};

use crate::front::{Holder, Init, null, process, until};

#[test]
fn a_container_holds_without_a_command() {
    let mut init = Init::hold();
    assert!(init.child.try_wait().expect("our child").is_none());
    init.still_serves(1);
    init.still_serves(2);
    init.link = None;
    assert!(init.ends());
}

#[test]
fn a_session_is_told_of_on_both_links() {
    let init = Init::hold();
    let (holder, mut output) = init.open_piped(7, &["sh", "-c", "echo $$; exit 3"]);
    let (pid, master) = holder.started();
    assert!(master.is_none(), "it has no terminal");
    assert_eq!(init.event(7), Event::Started { pid });
    assert_eq!(holder.exited(), Status::Code(3));
    assert_eq!(init.exited(7), Status::Code(3));
    let mut said = String::new();
    // Ends only if nobody else, PID 1 above all, kept a copy of the pipe.
    output.read_to_string(&mut said).expect("the pipe ends");
    assert_eq!(said.trim(), pid.to_string(), "the pid is the one inside");
}

#[test]
fn a_pipe_ends_when_the_command_closes_it() {
    let init = Init::hold();
    let (holder, mut output) = init.open_piped(1, &["sh", "-c", "echo all; exec >&-; sleep 1000"]);
    holder.started();
    let mut said = String::new();
    output.read_to_string(&mut said).expect("the pipe ends");
    assert_eq!(said, "all\n");
}

#[test]
fn passed_descriptors_appear_at_their_numbers() {
    let init = Init::hold();
    let null = null();
    let (mut read, write) = std::io::pipe().expect("a pipe");
    let process =
        Process { pass: vec![5, 9], ..process(&["sh", "-c", "echo five >&5; echo nine >&9; ls /proc/self/fd >&9"]) };
    let holder = init.open(1, &process, &[null.as_fd(); 3], &[write.as_fd(), write.as_fd()]);
    drop(write);
    holder.started();
    let mut said = String::new();
    read.read_to_string(&mut said).expect("the pipe ends");
    // 3 is the folder that ls reads.
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["five", "nine", "0", "1", "2", "3", "5", "9"]);
}

/// What a command at a terminal writes until its end.
fn shown(master: OwnedFd) -> String {
    let (mut file, mut all) = (std::fs::File::from(master), Vec::new());
    // EIO is how a master tells that nobody has the slave open any more.
    let mut bytes = [0; 1024];
    while let Ok(n @ 1..) = file.read(&mut bytes) {
        all.extend_from_slice(&bytes[..n]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn at_terminal(init: &Init, session: u32, script: &str) -> (Holder, OwnedFd) {
    let window = Some(Window { rows: 33, columns: 77, modes: None });
    let process = Process { terminal: [true; 3], window, ..process(&["sh", "-c", script]) };
    let holder = init.open(session, &process, &[], &[]);
    let master = holder.started().1.expect("the master of its terminal");
    (holder, master)
}

#[test]
fn sessions_have_terminals_of_their_own() {
    let init = Init::hold();
    let script = "tty; stty size; (: </dev/tty) && echo controlling; exit 4";
    let (first, one) = at_terminal(&init, 1, script);
    let (second, two) = at_terminal(&init, 2, script);
    let (one, two) = (shown(one), shown(two));
    for text in [&one, &two] {
        assert!(text.contains("/dev/pts/") && text.contains("33 77") && text.contains("controlling"), "{text}");
    }
    assert_ne!(one.lines().next(), two.lines().next(), "both have one terminal");
    assert_eq!((first.exited(), second.exited()), (Status::Code(4), Status::Code(4)));
}

#[test]
fn a_terminal_that_goes_away_hangs_up() {
    let init = Init::hold();
    let (holder, master) = at_terminal(&init, 1, "echo ready; sleep 1000");
    drop(master);
    assert_eq!(holder.exited(), Status::Signal { signal: 1, core: false });
}

#[test]
fn a_terminal_does_not_depend_on_what_is_at_dev_pts_later() {
    let init = Init::hold();
    let covered = Command::new("nsenter")
        .args(["--target", &init.pid().to_string(), "--user", "--mount", "--preserve-credentials"])
        .args(["mount", "-t", "tmpfs", "none", "/dev/pts"])
        .status()
        .expect("nsenter runs");
    assert!(covered.success(), "/dev/pts could not be covered");
    let (holder, master) = at_terminal(&init, 1, "test -t 0 && ! ls /dev/pts | grep . && echo of the old one");
    let text = shown(master);
    assert!(text.contains("of the old one"), "{text}");
    assert_eq!(holder.exited(), Status::Code(0));
}

#[test]
fn many_at_once_end_with_their_own_codes() {
    let init = Init::hold();
    let mut code = 0;
    for batch in 0..6_u32 {
        let holders: Vec<(u32, i32, Holder)> = (1..=50)
            .map(|n| {
                let script = format!("read x </proc/self/stat; sleep 0.0{}; exit {code}", code % 7);
                let number = batch * 100 + n;
                let holder = (number, code, init.open_quiet(number, &["sh", "-c", &script]));
                code = (code + 1) % 256;
                holder
            })
            .collect();
        for (number, code, holder) in holders {
            holder.started();
            let wanted = Status::Code(code as u8);
            assert_eq!(holder.exited(), wanted, "session {number}");
            assert_eq!(init.ended(number), wanted, "session {number}");
        }
    }
}

#[test]
fn ends_by_signal_are_told_exactly() {
    let init = Init::hold();
    // Not those that stop, go on, or are passed over by default; nor SIGXFSZ, which another thread of this test ignores
    // while it writes a document, and whoever is started in that moment with it.
    let fatal = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 26, 27, 29, 30, 31];
    for signal in fatal {
        let number = signal as u32;
        let process = Process {
            limits: vec![kakuri_init::Limit { resource: kakuri::plan::limit::CORE, soft: Some(0), hard: Some(0) }],
            ..process(&["sleep", "1000"])
        };
        let null = null();
        let holder = init.open(number, &process, &[null.as_fd(); 3], &[]);
        holder.started();
        holder.signal(signal, false);
        assert_eq!(holder.exited(), Status::Signal { signal, core: false });
        assert_eq!(init.ended(number), Status::Signal { signal, core: false });
    }
}

#[test]
fn what_cannot_be_run_is_told_on_both_links_and_nothing_ends() {
    let init = Init::hold();
    let null = null();
    let long = "x".repeat(100_000);
    let cases: [(Process, Stage, u8, &str); 6] = [
        (process(&["no-such-program"]), Stage::Command, CODE_NOT_FOUND, "no-such-program"),
        (process(&["/etc/passwd"]), Stage::Command, CODE_NOT_EXECUTABLE, "/etc/passwd"),
        (process(&[&long]), Stage::Command, CODE_NOT_EXECUTABLE, "xxxxx"),
        (process(&[]), Stage::Command, CODE_FAILED, "no command"),
        (process(&["a\0b"]), Stage::Command, CODE_FAILED, "NUL"),
        (Process { cwd: Bytes::from("/no/such"), ..process(&["true"]) }, Stage::Init, CODE_FAILED, "/no/such"),
    ];
    for (number, (process, stage, code, word)) in (1..).zip(cases) {
        let holder = init.open(number, &process, &[null.as_fd(); 3], &[]);
        let fail = holder.failed();
        assert_eq!((fail.stage, fail.code), (stage, code), "{fail}");
        assert!(fail.to_string().contains(word), "{fail}");
        assert_eq!(init.event(number), Event::Failed(fail));
    }
    init.still_serves(100);
}

#[test]
fn a_signal_reaches_the_command_or_all_of_its_group() {
    let init = Init::hold();
    let script = "sleep 1000 & echo ready; wait";
    for (number, by_front, group) in [(1, false, true), (2, true, true), (3, false, false), (4, true, false)] {
        let (holder, mut output) = init.open_piped(number, &["sh", "-c", script]);
        holder.started();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).expect("the command writes");
        match by_front {
            true => init.say(&ToInit::Signal { session: number, signal: 15, group }),
            false => holder.signal(15, group),
        }
        assert_eq!(holder.exited(), Status::Signal { signal: 15, core: false });
        let ends = |within| kakuri_wire::channel::wait(&output, rustix::event::PollFlags::IN, within).expect("poll");
        if group {
            assert!(ends(crate::front::LIMIT), "its child has outlived a signal to the group");
        } else {
            assert!(!ends(std::time::Duration::from_millis(100)), "its child was reached too");
        }
    }
}

#[test]
fn a_signal_for_a_session_that_is_not_there_is_passed_over() {
    let init = Init::hold();
    init.still_serves(5);
    let running = init.open_quiet(6, &["sleep", "1000"]);
    running.started();
    for session in [0, 5, 99] {
        init.say(&ToInit::Signal { session, signal: 9, group: true });
    }
    init.still_serves(7);
    init.say(&ToInit::Signal { session: 6, signal: 9, group: true });
    assert_eq!(running.exited(), Status::Signal { signal: 9, core: false });
}

#[test]
fn orphans_of_sessions_are_collected_in_silence() {
    let init = Init::hold();
    let holder = init.open_quiet(1, &["sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; exit 0"]);
    holder.started();
    assert_eq!(holder.exited(), Status::Code(0));
    assert_eq!(init.ended(1), Status::Code(0));
    let children = format!("/proc/{0}/task/{0}/children", init.pid());
    let left = || std::fs::read_to_string(&children).expect("PID 1 lives");
    assert!(until(|| left().is_empty()), "never collected: {}", left());
    // Nothing was said of them: the next word is of the next session.
    let next = init.open_quiet(2, &["true"]);
    next.started();
    assert!(matches!(init.recv().0, FromInit::Session { session: 2, .. }));
}

#[test]
fn nothing_below_pid_1_leads_anywhere() {
    let init = Init::hold();
    let script = "readlink /proc/self/exe && ! readlink /proc/1/exe && ! readlink /proc/1/fd/0 && ! ls /proc/1/root/";
    let holder = init.open_quiet(1, &["sh", "-c", script]);
    holder.started();
    assert_eq!(holder.exited(), Status::Code(0));
}

#[test]
fn every_session_ends_with_the_front() {
    let mut init = Init::hold();
    let script = "trap '' TERM HUP INT; sleep 1000 & sleep 1000";
    let (holder, mut output) = init.open_piped(1, &["sh", "-c", script]);
    holder.started();
    init.link = None;
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).expect("the pipe ends");
    assert!(init.ends());
}
