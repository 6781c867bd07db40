//! Against a manager of the test's own behind a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;

use super::*;
use crate::store::name::random;

/// What it is asked in the end, and what it answers with. The rest is the protocol.
struct Fake {
    path: PathBuf,
    served: JoinHandle<Vec<u8>>,
}

const JOB: &str = "/org/freedesktop/systemd1/job/7";

fn answer(kind: u8, to: u32, signature: &str, name: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes.extend([b'l', kind, 0, 1]);
    out.u32(body.len() as u32);
    out.u32(99);
    out.array(8, |fields| {
        if kind != 4 {
            fields.bytes.push(5);
            fields.signature("u");
            fields.u32(to);
        }
        if let Some(name) = name {
            fields.align(8);
            fields.bytes.push(if kind == 4 { 3 } else { 4 });
            fields.signature("s");
            fields.string(name);
        }
        fields.align(8);
        fields.bytes.push(8);
        fields.signature("g");
        fields.signature(signature);
    });
    out.align(8);
    out.bytes.extend(body);
    out.bytes
}

fn returned(to: u32) -> Vec<u8> {
    let mut body = Writer::default();
    body.string(JOB);
    answer(2, to, "o", None, &body.bytes)
}

fn removed(job: &str, result: &str) -> Vec<u8> {
    let mut body = Writer::default();
    body.u32(7);
    body.string(job);
    body.string("x.scope");
    body.string(result);
    answer(4, 0, "uoss", Some("JobRemoved"), &body.bytes)
}

fn refused(to: u32) -> Vec<u8> {
    let mut body = Writer::default();
    body.string("no \x1b[2J");
    answer(3, to, "s", Some("org.freedesktop.systemd1.UnitExists"), &body.bytes)
}

fn next(stream: &mut impl Read) -> (u32, Vec<u8>) {
    let mut bytes = vec![0; 16];
    stream.read_exact(&mut bytes).expect("a head");
    let length = message::length(&bytes).expect("a message").expect("its length");
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[16..]).expect("the rest");
    (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]), bytes)
}

/// Takes one caller; `bus`: who says Hello and AddMatch first.
fn fake(bus: bool, greeting: &'static str, answers: impl FnOnce(u32) -> Vec<Vec<u8>> + Send + 'static) -> Fake {
    let path = std::env::temp_dir().join(format!("kakuri-bus-{}", random(8).expect("random")));
    let listener = UnixListener::bind(&path).expect("binds");
    let served = std::thread::spawn(move || {
        let (mut stream, _): (UnixStream, _) = listener.accept().expect("accepts");
        let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        assert!(line.starts_with("\0AUTH EXTERNAL 3"), "{line:?}");
        stream.write_all(greeting.as_bytes()).expect("writes");
        if !greeting.starts_with("OK") {
            return Vec::new();
        }
        line.clear();
        reader.read_line(&mut line).expect("a line");
        assert_eq!(line, "BEGIN\r\n");
        for _ in 0..if bus { 2 } else { 0 } {
            let (serial, _) = next(&mut reader);
            stream.write_all(&answer(2, serial, "", None, &[])).expect("writes");
        }
        let (serial, asked) = next(&mut reader);
        for bytes in answers(serial) {
            // In pieces, as a socket may give them.
            for piece in bytes.chunks(7) {
                let _ = stream.write_all(piece);
            }
        }
        asked
    });
    Fake { path, served }
}

fn ask(fake: Fake, bus: bool) -> (Result<()>, Vec<u8>) {
    let gone = Socket { path: "/nonexistent/socket".into(), bus: false };
    let socket = Socket { path: fake.path.clone(), bus };
    let result = start_scope(&[gone, socket], "kakuri-x-1.scope", "x");
    let _ = std::fs::remove_file(&fake.path);
    (result, fake.served.join().expect("served"))
}

#[test]
fn a_scope_with_this_process_in_it() {
    for bus in [false, true] {
        let other = removed("/org/freedesktop/systemd1/job/8", "failed");
        let (result, asked) = ask(fake(bus, "OK 1234\r\n", |to| vec![other, returned(to), removed(JOB, "done")]), bus);
        result.expect("made");
        let has = |words: &[u8]| asked.windows(words.len()).any(|window| window == words);
        assert!(has(b"StartTransientUnit") && has(b"kakuri-x-1.scope") && has(b"inactive-or-failed"));
        assert!(has(&std::process::id().to_le_bytes()));
    }
}

#[test]
fn a_job_that_ends_before_its_number_is_known() {
    let (result, _) = ask(fake(false, "OK 1\r\n", |to| vec![removed(JOB, "done"), returned(to)]), false);
    result.expect("made");
}

#[test]
fn refusals_are_told_in_its_words_and_nonsense_is_none() {
    let why = |result: Result<()>| result.expect_err("refused").to_string();
    let (result, _) = ask(fake(false, "OK 1\r\n", |to| vec![refused(to)]), false);
    let said = why(result);
    assert!(said.contains("no \\u{1b}[2J"), "{said}");
    let (result, _) = ask(fake(false, "OK 1\r\n", |to| vec![returned(to), removed(JOB, "failed")]), false);
    assert!(why(result).contains("ended with 'failed'"));
    let (result, _) = ask(fake(false, "REJECTED EXTERNAL\r\n", |_| Vec::new()), false);
    assert!(why(result).contains("does not know this user"));
    let (result, _) = ask(fake(false, "HTTP/1.1 400\r\n", |_| Vec::new()), false);
    assert!(why(result).contains("does not speak D-Bus"));
    let (result, _) = ask(fake(false, "OK 1\r\n", |_| vec![b"nonsense, all of it".to_vec()]), false);
    assert!(why(result).contains("does not speak D-Bus"));
    let (result, _) = ask(fake(false, "OK 1\r\n", |_| Vec::new()), false);
    assert!(why(result).contains("closed the connection"));
}

#[test]
fn messages_cut_anywhere_are_none() {
    let whole = removed(JOB, "done");
    assert!(matches!(message::read(&whole), Some(Message::Signal { .. })));
    for cut in 0..whole.len() {
        // What has lost its end tells of no job.
        if let Some(Message::Signal { body, .. }) = message::read(&whole[..cut]) {
            assert_eq!(super::removed(&body), None, "{cut}");
        }
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let _ = (message::read(&bytes), message::length(&bytes));
    }
}
