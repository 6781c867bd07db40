//! A link whose other end lies, breaks off, says nothing or says too much. Every refusal must close every
//! descriptor that came with the message.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use kakuri_wire::channel::{Broken, Channel, MAX_DESCRIPTORS, MAX_MESSAGE, Message};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Word {
    Plain,
    Text(String),
    Carries(usize),
    /// The first of the descriptors is a document.
    Brings(usize),
}

impl Message for Word {
    fn descriptors(&self) -> usize {
        match self {
            Word::Carries(n) | Word::Brings(n) => *n,
            _ => 0,
        }
    }

    fn has_document(&self) -> bool {
        matches!(self, Word::Brings(_))
    }
}

/// Descriptors belong to the whole process, so the tests of this file take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What a lying peer sends: these bytes with these descriptors, past every check of ours.
fn lie(channel: &Channel, bytes: &[u8], fds: &[BorrowedFd]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds)));
    sendmsg(channel, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
}

/// Receives and asserts that it is refused as nonsense, in words that contain `why`, and that nothing stays open.
fn refused(receiver: &Channel, why: &str) {
    let before = open_descriptors();
    match receiver.recv::<Word>() {
        Err(Broken::Nonsense(said)) => assert!(said.contains(why), "refused because '{said}', not because of '{why}'"),
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(open_descriptors(), before, "descriptors of a refused message stayed open");
}

#[test]
fn messages_and_their_borders_arrive_as_sent() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    a.send(&Word::Plain, &[]).unwrap();
    a.send(&Word::Text("second".into()), &[]).unwrap();
    assert_eq!(b.recv::<Word>().unwrap().0, Word::Plain);
    assert_eq!(b.recv::<Word>().unwrap().0, Word::Text("second".into()));
}

#[test]
fn a_document_arrives_with_its_message_byte_for_byte() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    for document in [&b"{\"a\":1}"[..], b"\n\n\xff\0 lines\n", b"", &[b'x'; 16 * 1024]] {
        a.send_enclosing(&Word::Brings(2), Some(document), &[null.as_fd()]).unwrap();
        let received = b.recv_enclosing::<Word>().unwrap();
        assert_eq!((&received.message, received.fds.len()), (&Word::Brings(2), 1));
        assert_eq!(received.enclosed.as_deref(), Some(document));
    }
    a.send_enclosing_now(&Word::Brings(2), None, &[null.as_fd(), null.as_fd()]).unwrap();
    let received = b.recv_enclosing_now::<Word>().unwrap();
    assert_eq!((received.enclosed, received.fds.len()), (None, 2));
    assert!(matches!(b.recv_enclosing_now::<Word>(), Err(Broken::Late)));
}

#[test]
fn a_document_that_does_not_belong_is_neither_sent_nor_believed() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    let two = [null.as_fd(), null.as_fd()];
    assert!(a.send_enclosing(&Word::Plain, Some(b"{}"), &[]).is_err());
    assert!(a.send_enclosing(&Word::Brings(0), Some(b"{}"), &[]).is_err());
    assert!(a.send_enclosing(&Word::Brings(2), Some(b"{}"), &two).is_err());
    assert!(a.send_enclosing(&Word::Brings(1), Some(&[b'x'; MAX_MESSAGE]), &[]).is_err());
    assert!(matches!(b.recv_now::<Word>(), Err(Broken::Late)), "something was sent");
    for (bytes, count) in [
        (&b"\"Plain\"\n{}"[..], 0),
        (b"\"Plain\"\n", 0),
        (b"{\"Carries\":2}\n{}", 2),
        (b"{\"Brings\":2}\n{}", 2),
        (b"{\"Brings\":1}", 0),
        (b"{\"Brings\":0}\n", 0),
    ] {
        lie(&a, bytes, &two[..count]);
        let before = open_descriptors();
        assert!(matches!(b.recv_enclosing::<Word>(), Err(Broken::Nonsense(_))), "{bytes:?}");
        assert_eq!(open_descriptors(), before, "descriptors of a refused message stayed open");
    }
    lie(&a, b"{\"Brings\":2}\n{}", &two[..1]);
    refused(&b, "a document where none is expected");
}

#[test]
fn descriptors_arrive_in_order_and_close_on_exec() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let files: Vec<File> =
        ["/dev/null", "/dev/zero", "/dev/full"].iter().map(|p| File::options().read(true).open(p).unwrap()).collect();
    for file in &files {
        rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty()).unwrap();
    }
    let fds: Vec<BorrowedFd> = files.iter().map(|f| f.as_fd()).collect();
    a.send(&Word::Carries(3), &fds).unwrap();
    let (_, received) = b.recv::<Word>().unwrap();
    let devices = |fd: BorrowedFd| rustix::fs::fstat(fd).unwrap().st_rdev;
    assert_eq!(
        received.iter().map(|f| devices(f.as_fd())).collect::<Vec<_>>(),
        fds.iter().map(|&f| devices(f)).collect::<Vec<_>>()
    );
    for fd in &received {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn both_ends_of_a_new_link_are_close_on_exec() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    for end in [&a, &b] {
        assert!(rustix::io::fcntl_getfd(end).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn the_most_descriptors_a_message_may_carry_arrive() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    a.send(&Word::Carries(MAX_DESCRIPTORS), &vec![null.as_fd(); MAX_DESCRIPTORS]).unwrap();
    assert_eq!(b.recv::<Word>().unwrap().1.len(), MAX_DESCRIPTORS);
}

#[test]
fn a_descriptor_too_few_too_many_or_none_is_refused() {
    let _turn = turn();
    let null = File::open("/dev/null").unwrap();
    for (spoken, sent) in [(2, 1), (2, 3), (1, 0), (0, 1), (0, MAX_DESCRIPTORS), (MAX_DESCRIPTORS, 0)] {
        let (a, b) = Channel::pair().unwrap();
        let text = serde_json::to_vec(&Word::Carries(spoken)).unwrap();
        lie(&a, &text, &vec![null.as_fd(); sent]);
        refused(&b, "descriptors");
    }
}

#[test]
fn more_descriptors_than_any_message_carries_are_refused() {
    let _turn = turn();
    let null = File::open("/dev/null").unwrap();
    for sent in [MAX_DESCRIPTORS + 1, MAX_DESCRIPTORS + 2, MAX_DESCRIPTORS + 3, 100, 253] {
        let (a, b) = Channel::pair().unwrap();
        // Even when the message itself speaks of so many.
        let text = serde_json::to_vec(&Word::Carries(sent)).unwrap();
        lie(&a, &text, &vec![null.as_fd(); sent]);
        refused(&b, "descriptors");
    }
}

#[test]
fn descriptors_with_an_empty_packet_are_closed() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    lie(&a, b"", &[null.as_fd(), null.as_fd()]);
    let before = open_descriptors();
    assert!(b.recv::<Word>().is_err());
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_receiver_out_of_descriptors_refuses_the_message_and_keeps_none_of_it() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    lie(&a, &serde_json::to_vec(&Word::Carries(5)).unwrap(), &[null.as_fd(); 5]);
    // Room for two more numbers, not for five: the kernel then delivers a part and says so.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let probe = File::open("/dev/null").unwrap();
    let lowered = rustix::process::Rlimit { current: Some(probe.as_raw_fd() as u64 + 2), maximum: limit.maximum };
    drop(probe);
    let before = open_descriptors();
    rustix::process::setrlimit(rustix::process::Resource::Nofile, lowered).unwrap();
    let result = b.recv::<Word>();
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    assert!(matches!(result, Err(Broken::Nonsense(_))), "{result:?}");
    assert_eq!(open_descriptors(), before);
}

#[test]
fn garbage_is_refused_with_its_descriptors() {
    let _turn = turn();
    let null = File::open("/dev/null").unwrap();
    let deep = "[".repeat(60_000);
    let garbage: [&[u8]; 9] = [
        b"\0",
        b"\xff\xfe\xfd",
        b"not json",
        b"{}",
        b"[]",
        b"\"Unknown\"",
        b"{\"Carries\":-1}",
        b"\"Plain\" \"Plain\"",
        deep.as_bytes(),
    ];
    for bytes in garbage {
        let (a, b) = Channel::pair().unwrap();
        lie(&a, bytes, &[null.as_fd(), null.as_fd()]);
        refused(&b, "");
    }
}

#[test]
fn an_oversized_message_is_refused_on_both_sides() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    // Exactly at the limit it passes: the rest of the JSON is `{"Text":""}`, eleven bytes.
    let most = "x".repeat(MAX_MESSAGE - 11);
    a.send(&Word::Text(most.clone()), &[]).unwrap();
    assert_eq!(b.recv::<Word>().unwrap().0, Word::Text(most.clone()));

    assert!(matches!(a.send(&Word::Text(most.clone() + "x"), &[]), Err(Broken::Nonsense(_))));
    for extra in [1, 2, 50_000] {
        let text = serde_json::to_vec(&Word::Text(most.clone() + &"x".repeat(extra))).unwrap();
        lie(&a, &text, &[null.as_fd()]);
        refused(&b, "more than");
    }
    // The packet after it is whole: nothing of the oversized one is left over.
    a.send(&Word::Plain, &[]).unwrap();
    assert_eq!(b.recv::<Word>().unwrap().0, Word::Plain);
}

#[test]
fn a_sender_must_count_its_descriptors_too() {
    let _turn = turn();
    let (a, _b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(a.send(&Word::Carries(2), &[null.as_fd()]), Err(Broken::Nonsense(_))));
    assert!(matches!(a.send(&Word::Plain, &[null.as_fd()]), Err(Broken::Nonsense(_))));
    let many = MAX_DESCRIPTORS + 1;
    assert!(matches!(a.send(&Word::Carries(many), &vec![null.as_fd(); many]), Err(Broken::Nonsense(_))));
}

#[test]
fn a_silent_peer_is_late() {
    let _turn = turn();
    let (_a, b) = Channel::pair().unwrap();
    let begun = Instant::now();
    let limit = Duration::from_millis(20);
    assert!(matches!(b.recv_within::<Word>(limit), Err(Broken::Late)));
    assert!(begun.elapsed() >= limit, "gave up early");
}

#[test]
fn what_came_in_time_is_not_late() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    a.send(&Word::Plain, &[]).unwrap();
    assert_eq!(b.recv_within::<Word>(Duration::ZERO).unwrap().0, Word::Plain);
}

#[test]
fn who_does_not_wait_is_late_where_there_is_nothing_or_no_room() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(b.recv_now::<Word>(), Err(Broken::Late)));
    let before = open_descriptors();
    let mut sent = 0;
    let refused = loop {
        match a.send_now(&Word::Carries(1), &[null.as_fd()]) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 100_000, "there is room for ever");
    };
    assert!(matches!(refused, Broken::Late), "{refused:?}");
    // What found room is whole, and what did not has left nothing.
    for _ in 0..sent {
        assert_eq!(b.recv_now::<Word>().unwrap().0, Word::Carries(1));
    }
    assert!(matches!(b.recv_now::<Word>(), Err(Broken::Late)));
    assert_eq!(open_descriptors(), before);
    a.send_now(&Word::Plain, &[]).unwrap();
    drop(a);
    assert_eq!(b.recv_now::<Word>().unwrap().0, Word::Plain);
    assert!(matches!(b.recv_now::<Word>(), Err(Broken::Closed)));
    assert!(matches!(b.send_now(&Word::Plain, &[]), Err(Broken::Closed)));
}

#[test]
fn a_closed_peer_is_seen_at_once_and_after_its_last_words() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    assert!(!b.hung_up());
    a.send(&Word::Plain, &[]).unwrap();
    drop(a);
    assert!(b.hung_up());
    assert_eq!(b.recv::<Word>().unwrap().0, Word::Plain);
    assert!(matches!(b.recv::<Word>(), Err(Broken::Closed)));
    assert!(matches!(b.recv_within::<Word>(Duration::from_secs(60)), Err(Broken::Closed)));
}

#[test]
fn a_peer_that_closed_without_reading_is_seen_as_closed() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    // The kernel reports unread words as a reset rather than as an end.
    b.send(&Word::Plain, &[]).unwrap();
    drop(a);
    assert!(matches!(b.recv::<Word>(), Err(Broken::Closed)));
}

#[test]
fn speaking_to_a_closed_peer_is_an_error_and_no_signal() {
    let _turn = turn();
    let (a, b) = Channel::pair().unwrap();
    drop(b);
    assert!(matches!(a.send(&Word::Plain, &[]), Err(Broken::Closed)));
}

#[test]
fn descriptors_in_a_message_nobody_reads_vanish_with_the_link() {
    let _turn = turn();
    let before = open_descriptors();
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let (a, b) = Channel::pair().unwrap();
    a.send(&Word::Carries(1), &[writer.as_fd()]).unwrap();
    drop((a, b, writer));
    let mut byte = [0_u8; 1];
    // Blocks for ever if the packet's copy of the pipe still lived.
    assert_eq!(rustix::io::read(&reader, &mut byte[..]).unwrap(), 0);
    drop(reader);
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_descriptor_that_is_no_link_is_an_error_not_a_hang() {
    let _turn = turn();
    let null: OwnedFd = File::open("/dev/null").unwrap().into();
    assert!(matches!(Channel::from(null).recv::<Word>(), Err(Broken::System(_))));
}
