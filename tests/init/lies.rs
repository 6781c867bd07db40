//! A front that speaks out of turn ends its container; a session that is none ends itself alone.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use kakuri_init::{Event, FromInit, Process, Status, ToInit};
use kakuri_wire::fail::Stage;
use kakuri_wire::{Channel, document};

use crate::front::{Init, null, process, setup};

fn out_of_turn(mut init: Init) {
    let fail = init.failure();
    assert!(fail.to_string().contains("out of turn"), "{fail}");
    assert!(init.ends());
}

#[test]
fn a_session_before_go_is_out_of_turn() {
    let (init, _made) = Init::greeted(setup());
    let _holder = init.open_quiet(1, &["true"]);
    out_of_turn(init);
    let (init, _made) = Init::greeted(setup());
    init.say(&ToInit::Hold);
    let _holder = init.open_quiet(1, &["true"]);
    out_of_turn(init);
}

#[test]
fn a_session_beside_a_command_of_its_own_is_out_of_turn() {
    let (init, _made) = Init::greeted(setup());
    let null = null();
    init.start_command(&process(&["sleep", "1000"]), [null.as_fd(); 3]);
    assert!(matches!(init.recv().0, FromInit::Started { .. }));
    let _holder = init.open_quiet(1, &["true"]);
    out_of_turn(init);
}

#[test]
fn a_session_number_of_zero_or_used_before_is_out_of_turn() {
    let init = Init::hold();
    let _holder = init.open_quiet(0, &["true"]);
    out_of_turn(init);
    for number in [5, 4] {
        let init = Init::hold();
        init.still_serves(5);
        let _holder = init.open_quiet(number, &["true"]);
        out_of_turn(init);
    }
    // While it runs as well.
    let init = Init::hold();
    let holder = init.open_quiet(5, &["sleep", "1000"]);
    holder.started();
    assert!(matches!(init.event(5), Event::Started { .. }));
    let _holder = init.open_quiet(5, &["true"]);
    out_of_turn(init);
}

#[test]
fn go_hold_start_and_unknown_signals_while_it_holds_are_out_of_turn() {
    for word in [ToInit::Go, ToInit::Hold, ToInit::Signal { session: 0, signal: 1000, group: false }] {
        let init = Init::hold();
        init.say(&word);
        out_of_turn(init);
    }
    let init = Init::hold();
    let null = null();
    let document = document::seal(Stage::Front, &process(&["true"])).expect("a document");
    let fds = [document.as_fd(), null.as_fd(), null.as_fd(), null.as_fd()];
    init.link().send(&ToInit::Start { inherited: 3, passed: 0 }, &fds).expect("sent");
    out_of_turn(init);
}

#[test]
fn a_session_with_another_number_of_descriptors_than_it_says_ends_the_container() {
    let null = null();
    for (inherited, passed, sent) in [(3, 0, 4), (3, 0, 6), (0, 0, 0), (0, 0, 1), (255, 255, 5)] {
        let mut init = Init::hold();
        let message = ToInit::Session { session: 1, inherited, passed };
        let bytes = serde_json::to_vec(&message).expect("json");
        init.link().send_raw(&bytes, &vec![null.as_fd(); sent]).expect("sent");
        let fail = init.failure();
        assert!(fail.to_string().contains("no message"), "{fail}");
        assert!(init.ends());
    }
}

#[test]
fn a_session_that_does_not_fit_its_document_is_refused_alone() {
    let init = Init::hold();
    let null = null();
    let fds: [BorrowedFd; 4] = [null.as_fd(); 4];
    let with = |terminal, pass: &[i32]| Process { terminal, pass: pass.to_vec(), ..process(&["true"]) };
    let none = [false; 3];
    let cases = [
        (with(none, &[]), 2, 0),
        (with(none, &[]), 4, 0),
        (with(none, &[]), 0, 0),
        (with([true; 3], &[]), 3, 0),
        (with([true, false, false], &[]), 1, 0),
        (with(none, &[]), 3, 1),
        (with(none, &[7]), 3, 0),
        (with(none, &[7, 5]), 3, 2),
        (with(none, &[7, 7]), 3, 2),
        (with(none, &[2]), 3, 1),
        (with(none, &[-1]), 3, 1),
        (with(none, &[i32::MAX]), 3, 1),
    ];
    for (number, (process, inherited, passed)) in (1..).zip(cases) {
        let holder = init.open(number, &process, &fds[..inherited], &fds[..passed]);
        let fail = holder.failed();
        assert!(fail.to_string().contains("does not fit"), "case {number}: {fail}");
        assert_eq!(init.event(number), Event::Failed(fail));
    }
    // One that fits and cannot be: more than a process may have open.
    let holder = init.open(100, &with(none, &[i32::MAX - 1]), &fds[..3], &fds[..1]);
    assert!(holder.failed().to_string().contains("descriptors"));
    init.still_serves(101);
}

#[test]
fn a_document_that_is_none_is_refused_alone() {
    let init = Init::hold();
    let null = null();
    let loose = File::open("/etc/passwd").expect("/etc/passwd");
    let garbage = document::seal_bytes(Stage::Front, b"{\"argv\":[\"true\"]").expect("a document");
    let unknown = document::seal_bytes(Stage::Front, b"{\"surprise\":1}").expect("a document");
    for (number, document) in (1..).zip([loose.as_fd(), null.as_fd(), garbage.as_fd(), unknown.as_fd()]) {
        let (ours, theirs) = Channel::pair().expect("a link");
        init.ask(number, &theirs, document, &[null.as_fd(); 3], &[]);
        drop(theirs);
        let fail = crate::front::Holder { link: ours }.failed();
        assert!(fail.to_string().contains("cannot be trusted"), "{fail}");
        assert_eq!(init.event(number), Event::Failed(fail));
    }
    for (number, document) in (10..).zip([&b""[..], b"{\"argv\":[\"true\"]", b"{\"surprise\":1}", b"\n\n", b"\xff"]) {
        let (ours, theirs) = Channel::pair().expect("a link");
        init.ask_enclosing(number, &theirs, document, &[null.as_fd(); 3]);
        drop(theirs);
        let fail = crate::front::Holder { link: ours }.failed();
        assert!(fail.to_string().contains("cannot be trusted"), "{fail}");
        assert_eq!(init.event(number), Event::Failed(fail));
    }
    init.still_serves(100);
}

#[test]
fn a_document_in_a_message_that_has_none_ends_the_container() {
    let mut init = Init::hold();
    init.link().send_raw(b"{\"Signal\":{\"session\":1,\"signal\":15,\"group\":false}}\n{}", &[]).expect("sent");
    let fail = init.failure();
    assert!(fail.to_string().contains("a document where none belongs"), "{fail}");
    assert!(init.ends());
}

#[test]
fn a_link_that_is_none_is_refused_alone() {
    let init = Init::hold();
    let null = null();
    let (read, write) = std::io::pipe().expect("a pipe");
    let (stream, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let links = [null.as_fd(), read.as_fd(), write.as_fd(), stream.as_fd(), datagrams.as_fd()];
    for (number, link) in (1..).zip(links) {
        let document = document::seal(Stage::Front, &process(&["true"])).expect("a document");
        init.ask(number, link, document, &[null.as_fd(); 3], &[]);
        match init.event(number) {
            Event::Failed(fail) => assert!(fail.to_string().contains("whose link is none"), "{fail}"),
            other => panic!("expected a failure, got {other:?}"),
        }
    }
    init.still_serves(100);
}

#[test]
fn a_link_without_a_near_end_hangs_up_at_once() {
    let init = Init::hold();
    let null = null();
    let (ours, theirs) = Channel::pair().expect("a link");
    drop(ours);
    let document = document::seal(Stage::Front, &process(&["sleep", "1000"])).expect("a document");
    init.ask(1, &theirs, document, &[null.as_fd(); 3], &[]);
    assert_eq!(init.ended(1), Status::Signal { signal: 1, core: false });
    init.still_serves(2);
}
