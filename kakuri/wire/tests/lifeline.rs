//! A helper's life hangs on the front's: every way the front can be gone ends it. Each scenario is a tree of
//! forks, so this file has a plain single-threaded `main` instead of the test harness.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::lifeline::{self, LINK};
use kakuri_wire::{Channel, Stage, sys};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitIdOptions, WaitOptions, pidfd_send_signal, waitpid};

/// Runs `body` in a child; its value is the exit status.
fn child(body: impl FnOnce() -> i32) -> (Pid, OwnedFd) {
    match sys::fork().unwrap() {
        Some((pid, pidfd)) => (Pid::from_raw(pid).unwrap(), pidfd),
        None => std::process::exit(body()),
    }
}

fn code(pid: Pid) -> Option<i32> {
    waitpid(Some(pid), WaitOptions::empty()).unwrap().and_then(|(_, status)| status.exit_status())
}

/// 0 when attach failed with `words`, 1 otherwise.
fn attach_fails(words: &str) -> i32 {
    match lifeline::attach(Stage::Mount) {
        Err(fail) if fail.to_string().contains(words) && fail.code == 125 => 0,
        other => {
            eprintln!("attach: {other:?}");
            1
        }
    }
}

fn a_helper_without_a_link_says_so() {
    let (pid, _) = child(|| {
        sys::close_range(3, u32::MAX, false).unwrap();
        attach_fails("without a link")
    });
    assert_eq!(code(pid), Some(0));
}

fn a_front_that_died_before_is_seen_by_the_hang_up() {
    let (pid, _) = child(|| {
        let (ours, theirs) = Channel::pair().unwrap();
        sys::dup_onto(theirs.as_fd(), LINK).unwrap();
        sys::close_range(LINK as u32 + 1, u32::MAX, false).unwrap();
        // Whichever of the two was at 3 is replaced; no other copy of the front's end is left.
        std::mem::forget((ours, theirs));
        attach_fails("ended before")
    });
    assert_eq!(code(pid), Some(0));
}

fn the_link_is_not_passed_on_over_exec() {
    let (pid, _) = child(|| {
        // Out of the way of descriptor 3.
        let pad: Vec<_> = (0..8).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let (front, helper) = Channel::pair().unwrap();
        drop(pad);
        sys::dup_onto(helper.as_fd(), LINK).unwrap();
        drop(helper);
        let link = lifeline::attach(Stage::Init).unwrap();
        assert!(rustix::io::fcntl_getfd(&link).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        drop(front);
        i32::from(!link.hung_up())
    });
    assert_eq!(code(pid), Some(0));
}

fn killing_the_front_kills_a_helper_that_waits_for_nothing() {
    // Orphans come to us, so that the helper's end can be seen.
    rustix::process::set_child_subreaper(Pid::from_raw(1)).unwrap();
    let (ready, says_ready) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (front, front_fd) = child(|| {
        let pad: Vec<_> = (0..8).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let (ours, theirs) = Channel::pair().unwrap();
        drop(pad);
        let (helper, _pidfd) = child(|| {
            sys::dup_onto(theirs.as_fd(), LINK).unwrap();
            let _link = lifeline::attach(Stage::Netns).unwrap();
            rustix::io::write(&says_ready, b"r").unwrap();
            loop {
                // Deaf to the link: only the parent-death signal is left.
                std::thread::park();
            }
        });
        let _ours = ours;
        code(helper).unwrap_or(0)
    });
    drop(says_ready);
    let mut byte = [0_u8; 1];
    assert_eq!(rustix::io::read(&ready, &mut byte[..]).unwrap(), 1);
    pidfd_send_signal(&front_fd, Signal::KILL).unwrap();
    rustix::process::waitid(rustix::process::WaitId::Pid(front), WaitIdOptions::EXITED).unwrap();
    // End of file: the last holder of the pipe, the helper, is gone. Blocks for ever if it lives.
    assert_eq!(rustix::io::read(&ready, &mut byte[..]).unwrap(), 0);
    let (_, status) = waitpid(None, WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.terminating_signal(), Some(Signal::KILL.as_raw()));
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    let scenarios: [(&str, fn()); 4] = [
        ("a_helper_without_a_link_says_so", a_helper_without_a_link_says_so),
        ("a_front_that_died_before_is_seen_by_the_hang_up", a_front_that_died_before_is_seen_by_the_hang_up),
        ("the_link_is_not_passed_on_over_exec", the_link_is_not_passed_on_over_exec),
        (
            "killing_the_front_kills_a_helper_that_waits_for_nothing",
            killing_the_front_kills_a_helper_that_waits_for_nothing,
        ),
    ];
    let chosen: Vec<_> = scenarios.iter().filter(|(name, _)| name.contains(&wanted)).collect();
    println!("\nrunning {} tests", chosen.len());
    for (name, scenario) in &chosen {
        // A failed assertion panics, which ends this program with a failure.
        scenario();
        println!("test {name} ... ok");
    }
    let out = scenarios.len() - chosen.len();
    println!("\ntest result: ok. {} passed; 0 failed; 0 ignored; 0 measured; {out} filtered out\n", chosen.len());
}
