//! The front's own side of it, by the library: names are looked up, and nothing is left behind.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use kakuri::helper::Programs;
use kakuri::image::fetcher::Fetcher;
use kakuri_image::talk::{Endpoint, FromFetch, Scheme, ToFetch, Want};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::front::{PATIENCE, endpoint, job};
use crate::lying::{Answer, Lying};

/// Programs are found by the environment, which a test shares with its neighbours: so this one runs anew, alone.
#[test]
fn the_front_starts_it_and_looks_names_up() {
    if std::env::var_os("KAKURI_LIBEXEC").is_none() {
        let folder = Path::new(env!("CARGO_BIN_EXE_kakuri")).parent().expect("a folder");
        let own = std::env::current_exe().expect("a program");
        let words = ["--exact", "fronts::the_front_starts_it_and_looks_names_up", "--nocapture", "--test-threads=1"];
        let done = Command::new(own).args(words).env("KAKURI_LIBEXEC", folder).output().expect("itself");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        return;
    }
    let programs = Programs::locate(false).expect("programs");
    let server = Lying::new(|_| Answer::new(200, b"{}"));
    let named = |host: &str| Endpoint { host: host.into(), ..endpoint(server.port, Scheme::Http) };
    let mut job = job(vec![named("no-such-name.invalid"), named("localhost")]);
    job.patience = kakuri_image::talk::Patience { silence: 200, ..PATIENCE };
    let mut fetcher = Fetcher::begin(job, &programs).expect("a fetcher");
    assert_eq!(next(&mut fetcher).expect("a word").0, FromFetch::Ready);
    fetcher.ask(&ToFetch::Manifest { want: Want::Named }, &[]).expect("asked");
    match next(&mut fetcher).expect("a word") {
        (FromFetch::Manifest { from, .. }, fds) => {
            assert_eq!((from, fds.len()), (format!("localhost:{}", server.port), 1));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(children().len(), 1);
    // What it is asked for next is never answered: it ends nevertheless.
    fetcher.ask(&ToFetch::Manifest { want: Want::Named }, &[]).expect("asked");
    drop(fetcher);
    assert!(children().is_empty(), "{:?}", children());

    // One that is killed is told of.
    let mut fetcher = Fetcher::begin(crate::front::job(vec![named("localhost")]), &programs).expect("a fetcher");
    assert_eq!(next(&mut fetcher).expect("a word").0, FromFetch::Ready);
    let victim = rustix::process::Pid::from_raw(children()[0]).expect("a number");
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).expect("killed");
    let fail = next(&mut fetcher).expect_err("its end");
    assert!(fail.to_string().contains("lost kakuri-image: it was killed by signal 9"), "{fail}");
}

fn next(fetcher: &mut Fetcher) -> kakuri_wire::Result<(FromFetch, Vec<OwnedFd>)> {
    loop {
        if let Some(heard) = fetcher.hear()?.into_iter().next() {
            return Ok(heard);
        }
        let mut fds: Vec<PollFd> = fetcher.watched().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert!(poll(&mut fds, Some(&limit)).expect("a poll") > 0, "it says nothing");
    }
}

/// Of this process: numbers.
fn children() -> Vec<i32> {
    let mut all = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").expect("tasks") {
        let listed = std::fs::read_to_string(task.expect("a task").path().join("children")).unwrap_or_default();
        all.extend(listed.split_whitespace().filter_map(|number| number.parse::<i32>().ok()));
    }
    all
}
