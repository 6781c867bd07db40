//! `kakuri logs` over a log that is written: which lines, which bytes, where to.

use std::thread::sleep;
use std::time::Duration;

use kakuri::logs::{Event, Stream, Writer};
use kakuri::output::time;
use kakuri_init::Status;

use super::common::Scene;
use super::{created, write};

fn texts(scene: &Scene, more: &[&str]) -> (String, String) {
    let output = scene.kakuri(["logs", "web"].iter().chain(more)).output().ok();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.err())
}

#[test]
fn bytes_go_where_they_were_written_to() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    assert_eq!(texts(&scene, &[]), (String::new(), String::new()), "no log yet");
    assert_eq!(texts(&scene, &["-f"]), (String::new(), String::new()), "and nothing to wait for");
    let odd: Vec<u8> = (0..=255).collect();
    write(
        &folder,
        &[(1, Stream::Out, &odd), (2, Stream::Err, b"err"), (3, Stream::Terminal, &odd), (1, Stream::Out, b"x")],
    );
    let output = scene.kakuri(["logs", "web"]).output().ok();
    assert_eq!(output.stdout, [&odd[..], &odd[..], b"x"].concat());
    assert_eq!(output.stderr, b"err");
    // By a prefix of its name, and not at all.
    assert_eq!(scene.kakuri(["logs", "we"]).output().ok().stderr, b"err");
    scene.kakuri(["logs", "wbe"]).output().refused(1, &["wbe"]).hints(&["web"]);
}

#[test]
fn events_are_told_on_standard_error() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let mut writer = Writer::open(&folder).expect("opens");
    let command = |words: &[&str]| words.iter().map(kakuri_wire::Bytes::from).collect();
    writer.event(&Event::Begun);
    writer.event(&Event::Started {
        session: 1,
        pid: 2,
        command: command(&["sh", "-c", "a b"]),
        logged: true,
        terminal: false,
    });
    writer.output(1, Stream::Err, b"no newline");
    let huge = "\u{1b}".repeat(200_000);
    writer.event(&Event::Started {
        session: 2,
        pid: 3,
        command: command(&["vi", "\u{1b}[2J"]),
        logged: false,
        terminal: true,
    });
    writer.event(&Event::Started {
        session: 3,
        pid: 4,
        command: command(&[&huge[..]; 9]),
        logged: false,
        terminal: false,
    });
    writer.event(&Event::Exited { session: 1, status: Status::Code(3) });
    writer.event(&Event::Exited { session: 2, status: Status::Signal { signal: 9, core: false } });
    writer.event(&Event::Failed { session: 4, why: "cannot run 'x':\nnot found".into() });
    writer.event(&Event::Ended);
    drop(writer);
    let (out, err) = texts(&scene, &[]);
    assert_eq!(out, "");
    let mut lines = err.lines();
    for want in [
        "] the container began",
        "] started 1 (pid 2): sh -c 'a b'",
        "no newline",
        "] started 2 (pid 3): vi '\\u{1b}[2J' (its output went to the caller's terminal and is not here)",
        "] started 3 (pid 4): '\\u{1b}",
        "] ended 1: code 3",
        "] ended 2: killed by SIGKILL",
        "] failed 4: cannot run 'x':\\nnot found",
        "] the container ended",
    ] {
        let line = lines.next().unwrap_or_else(|| panic!("no '{want}' in {err}"));
        assert!(line.contains(want) && line.len() < 1200, "{want}: {line}");
        if let Some(rest) = line.strip_prefix("[kakuri ") {
            let (moment, _) = rest.split_once(']').unwrap();
            assert!(moment.len() == 20 && time::parse(moment, std::time::SystemTime::now()).is_some(), "{moment}");
        }
    }
    assert_eq!(lines.next(), None);
}

/// Line by line, what the last `n` lines are where two streams and two commands mix.
#[test]
fn the_last_lines() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let frames: [(u32, Stream, &[u8]); 9] = [
        (1, Stream::Out, b"a1\na2\na3-"),
        (2, Stream::Out, b"b1\nb2-"),
        (1, Stream::Out, b"-a3\na4"),
        (1, Stream::Err, b"e1\n"),
        (2, Stream::Out, b"-b2\n"),
        (1, Stream::Out, b"-a4\n\n"),
        (1, Stream::Err, b"e2"),
        (1, Stream::Err, b"-e2\n"),
        (3, Stream::Terminal, b"t1\r\nt2"),
    ];
    write(&folder, &frames);
    // Lines by when they began: a1 a2 a3 b1 b2 a4 e1 (empty) e2 t1 t2.
    for (count, out, err) in [
        ("0", "", ""),
        ("1", "t2", ""),
        ("2", "t1\r\nt2", ""),
        ("3", "t1\r\nt2", "e2-e2\n"),
        ("4", "\nt1\r\nt2", "e2-e2\n"),
        ("5", "\nt1\r\nt2", "e1\ne2-e2\n"),
        ("6", "a4-a4\n\nt1\r\nt2", "e1\ne2-e2\n"),
        ("7", "b2-a4-b2\n-a4\n\nt1\r\nt2", "e1\ne2-e2\n"),
        ("9", "a3-b1\nb2--a3\na4-b2\n-a4\n\nt1\r\nt2", "e1\ne2-e2\n"),
        ("all", "a1\na2\na3-b1\nb2--a3\na4-b2\n-a4\n\nt1\r\nt2", "e1\ne2-e2\n"),
        ("100", "a1\na2\na3-b1\nb2--a3\na4-b2\n-a4\n\nt1\r\nt2", "e1\ne2-e2\n"),
    ] {
        assert_eq!(texts(&scene, &["--tail", count]), (out.into(), err.into()), "--tail {count}");
    }
}

#[test]
fn the_last_lines_of_many_segments() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let mut writer = Writer::open(&folder).expect("opens");
    let mut text = String::new();
    let lines = 900_000;
    for n in 0..lines {
        text += &format!("{n:063}\n");
        if text.len() >= 64_000 {
            writer.output(1, Stream::Out, text.as_bytes());
            text.clear();
        }
    }
    writer.output(1, Stream::Out, text.as_bytes());
    for count in [1, 100_000, 250_000, 300_000, 800_000] {
        let output = scene.kakuri(["logs", "--tail", &count.to_string(), "web"]).output().ok();
        assert_eq!(output.stdout.len(), count * 64, "{count}");
        assert!(output.stdout.starts_with(format!("{:063}\n", lines - count).as_bytes()), "{count}");
        assert!(output.stdout.ends_with(format!("{:063}\n", lines - 1).as_bytes()), "{count}");
    }
}

#[test]
fn between_two_moments_and_with_their_time() {
    let scene = Scene::new();
    let folder = created(&scene, "web");
    let mut writer = Writer::open(&folder).expect("opens");
    let moment = || time::rfc3339(std::time::SystemTime::now(), 9);
    writer.output(1, Stream::Out, b"old\n");
    sleep(Duration::from_millis(20));
    let since = moment();
    writer.output(1, Stream::Out, b"one\ntwo");
    writer.output(1, Stream::Out, b"-three\n");
    writer.output(1, Stream::Out, b"left open");
    writer.output(2, Stream::Out, b"other\n");
    writer.output(1, Stream::Out, b"goes on\n");
    writer.output(1, Stream::Err, b"err\n");
    let until = moment();
    sleep(Duration::from_millis(20));
    writer.output(1, Stream::Out, b"new\n");
    let plain = "one\ntwo-three\nleft openother\ngoes on\n";
    assert_eq!(texts(&scene, &["--since", &since, "--until", &until]), (plain.into(), "err\n".into()));
    assert_eq!(texts(&scene, &["--since", &since, "--until", &until, "-f"]), (plain.into(), "err\n".into()));
    assert_eq!(texts(&scene, &["--until", &since]).0, "old\n");
    assert_eq!(texts(&scene, &["--since", &until, "--tail", "5"]).0, "new\n");
    assert_eq!(texts(&scene, &["--until", &until, "--tail", "2"]).0, "other\n");
    assert_eq!(texts(&scene, &["--since", "1h", "--tail", "1"]).0, "new\n");

    let (out, err) = texts(&scene, &["-t", "--since", &since, "--until", &until]);
    let stripped = |text: &str| -> Vec<String> {
        let line = |line: &str| {
            let (stamp, rest) = line.split_once(' ').unwrap();
            assert!(stamp.len() == 30 && stamp >= &since[..] && stamp <= &until[..], "{line}");
            rest.to_string()
        };
        text.lines().map(line).collect()
    };
    assert_eq!(stripped(&out), ["one", "two-three", "left open", "other", "goes on"]);
    assert_eq!(stripped(&err), ["err"]);
}
