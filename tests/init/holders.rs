//! Those who hold sessions: hang-up, silence, nonsense. None of it concerns anybody else.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;

use kakuri_init::{Event, FromSession, Status, Usage};
use kakuri_wire::channel::{Broken, wait};
use kakuri_wire::fail::Stage;
use kakuri_wire::{Channel, document};
use rustix::event::PollFlags;

use crate::front::{Holder, Init, LIMIT, null, process, until};

const HANGUP: Status = Status::Signal { signal: 1, core: false };
const ENDED: FromSession =
    FromSession::Exited { status: Status::Code(0), usage: Usage { user_us: 0, system_us: 0, peak_kib: 0 } };

/// A session that has said it is ready, after its first command has run.
fn ready(init: &Init, number: u32, script: &str) -> (Holder, PipeReader) {
    let (holder, mut output) = init.open_piped(number, &["sh", "-c", script]);
    holder.started();
    assert!(matches!(init.event(number), Event::Started { .. }));
    let mut word = [0; 6];
    output.read_exact(&mut word).expect("the command writes");
    assert_eq!(&word, b"ready\n");
    (holder, output)
}

#[test]
fn a_hang_up_reaches_the_whole_group() {
    let init = Init::hold();
    let (holder, output) = ready(&init, 1, "sleep 1000 & echo ready; wait");
    drop(holder);
    assert_eq!(init.exited(1), HANGUP);
    // Only if the child is gone too.
    assert!(wait(&output, PollFlags::IN, LIMIT).expect("poll"), "its child has outlived the hang-up");
    init.still_serves(2);
}

#[test]
fn what_is_stopped_hears_a_hang_up_too() {
    let init = Init::hold();
    let holder = init.open_quiet(1, &["sleep", "1000"]);
    holder.started();
    holder.signal(libc::SIGSTOP, false);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", init.pid())).expect("children");
    let stat = format!("/proc/{}/stat", children.trim());
    // Before it has stopped, the hang-up would overtake the stop.
    assert!(until(|| std::fs::read_to_string(&stat).expect("it lives").contains(") T ")), "it does not stop");
    drop(holder);
    assert_eq!(init.ended(1), HANGUP);
}

#[test]
fn what_ignores_a_hang_up_lives_on_and_is_told_of_at_its_end() {
    let init = Init::hold();
    let (holder, mut output) = ready(&init, 1, "trap '' HUP; echo ready; read x; sleep 0.3; echo done; exit 7");
    drop(holder);
    init.still_serves(2);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the pipe ends");
    assert_eq!(rest, "done\n", "it was ended");
    assert_eq!(init.exited(1), Status::Code(7));
}

#[test]
fn a_hang_up_comes_once() {
    let init = Init::hold();
    let script =
        "n=0; trap 'n=$((n+1))' HUP; echo ready; i=0; while [ $i -lt 20 ]; do sleep 0.02; i=$((i+1)); done; exit $n";
    let (holder, _output) = ready(&init, 1, script);
    drop(holder);
    assert_eq!(init.exited(1), Status::Code(1));
}

#[test]
fn nonsense_hangs_up() {
    let init = Init::hold();
    let null = null();
    let oversized = vec![b' '; kakuri_wire::channel::MAX_MESSAGE + 1];
    let cases: [(&[u8], usize); 7] = [
        (b"garbage", 0),
        (b"", 0),
        (b"{\"Signal\":{\"signal\":0,\"group\":false}}", 0),
        (b"{\"Signal\":{\"signal\":-9,\"group\":true}}", 0),
        (b"{\"Signal\":{\"signal\":9,\"group\":false}}", 1),
        (b"{\"Exited\":{\"code\":0}}", 0),
        (&oversized, 0),
    ];
    for (number, (bytes, count)) in (1..).zip(cases) {
        let holder = init.open_quiet(number, &["sleep", "1000"]);
        holder.started();
        holder.link.send_raw(bytes, &vec![null.as_fd(); count]).expect("sent");
        assert_eq!(init.ended(number), HANGUP, "case {number}");
        let after = holder.link.recv::<FromSession>();
        assert!(matches!(after, Err(Broken::Closed)), "case {number}: {after:?}");
    }
    init.still_serves(100);
}

/// Both ends of a link whose far end has no room for a word to the near one.
fn filled() -> (Channel, Channel) {
    let (ours, theirs) = Channel::pair().expect("a link");
    while theirs.send_now(&ENDED, &[]).is_ok() {}
    (ours, theirs)
}

#[test]
fn a_holder_that_never_reads_stops_nobody() {
    let init = Init::hold();
    let null = null();
    let document = document::seal(Stage::Front, &process(&["sleep", "1000"])).expect("a document");
    let (_silent, theirs) = filled();
    init.ask(1, &theirs, document, &[null.as_fd(); 3], &[]);
    drop(theirs);
    // It could not be told that it started, so it is as good as gone.
    assert_eq!(init.ended(1), HANGUP);
    // One that can neither be told why there is none.
    let document = document::seal(Stage::Front, &process(&["no-such-program"])).expect("a document");
    let (_silent, theirs) = filled();
    init.ask(2, &theirs, document, &[null.as_fd(); 3], &[]);
    assert!(matches!(init.event(2), Event::Failed(_)));
    init.still_serves(3);
}

#[test]
fn a_link_that_fills_up_later_stops_nobody() {
    let init = Init::hold();
    let null = null();
    let (ours, theirs) = Channel::pair().expect("a link");
    let document = document::seal(Stage::Front, &process(&["sh", "-c", "sleep 0.2; exit 6"])).expect("a document");
    init.ask(1, &theirs, document, &[null.as_fd(); 3], &[]);
    assert!(matches!(init.event(1), Event::Started { .. }));
    // We kept a copy of PID 1's end, which no honest front does.
    while theirs.send_now(&ENDED, &[]).is_ok() {}
    assert_eq!(init.exited(1), Status::Code(6));
    drop(ours);
    init.still_serves(2);
}

#[test]
fn a_holder_that_leaves_before_the_start_hangs_up() {
    let init = Init::hold();
    for number in 1..20 {
        drop(init.open_quiet(number, &["sleep", "1000"]));
    }
    for number in 1..20 {
        assert_eq!(init.ended(number), HANGUP);
    }
    init.still_serves(20);
}

#[test]
fn words_sent_before_the_start_count() {
    let init = Init::hold();
    let holder = init.open_quiet(1, &["sleep", "1000"]);
    holder.signal(libc::SIGKILL, false);
    holder.started();
    assert_eq!(holder.exited(), Status::Signal { signal: 9, core: false });
}
