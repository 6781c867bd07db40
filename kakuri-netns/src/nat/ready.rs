//! Starting the program, and waiting until packets pass: for its own word, and no longer than a deadline.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use kakuri_wire::channel::Channel;
use kakuri_wire::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::child::Child;
use super::words::Words;
use super::{Nat, Program};
use crate::configure::unexpected;
use crate::{FromNetns, ToNetns};

const STAGE: Stage = Stage::Netns;
/// How long the program may take until packets pass.
const DEADLINE: Duration = Duration::from_secs(10);

/// The program, once packets pass; None where the front has gone meanwhile.
pub fn start(link: &Channel, nat: &Nat, pid: i32, words: &mut Words) -> Result<Option<Child>> {
    for walls in [true, false] {
        *words = Words::default();
        let child = Child::start(nat, pid, walls)?;
        match wait_until_ready(link, nat, &child, words) {
            // It shuts itself in by mounts, which a host may refuse: then it works without.
            Err(fail) if walls && nat.program == Program::Slirp4netns && words.of_walls() => {
                let told =
                    Fail::new(STAGE, "slirp4netns runs without its own sandbox").why(fail.reason().unwrap_or_default());
                let _ = link.send(&FromNetns::Trouble(told), &[]);
            }
            Err(fail) => return Err(fail),
            Ok(false) => return Ok(None),
            Ok(true) => return Ok(Some(child)),
        }
    }
    Err(words.fail(nat.program, "could not start", "it does not start"))
}

/// False where the front has gone.
fn wait_until_ready(link: &Channel, nat: &Nat, child: &Child, words: &mut Words) -> Result<bool> {
    const WHAT: &str = "could not start";
    let end = Instant::now() + DEADLINE;
    let mut speaks = true;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(words.fail(nat.program, WHAT, "it was not ready after 10 s"));
        }
        let mut fds = [
            PollFd::new(&child.ready, PollFlags::IN),
            PollFd::new(&child.pidfd, PollFlags::IN),
            PollFd::new(link, PollFlags::IN),
            PollFd::new(&child.words, PollFlags::IN),
        ];
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        // What has closed its standard error would wake us for ever.
        let watched = if speaks { 4 } else { 3 };
        match poll(&mut fds[..watched], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fail::new(STAGE, "cannot wait for the NAT").errno(e)),
        }
        let [ready, ended, front, said] = fds.map(|fd| !fd.revents().is_empty());
        if said {
            speaks = hear(&child.words, words);
        }
        if front {
            return match link.recv::<ToNetns>() {
                Ok(_) => Err(unexpected("nothing")),
                Err(_) => Ok(false),
            };
        }
        let mut word = [0; 16];
        if ready && matches!(rustix::io::read(&child.ready, &mut word), Ok(1..)) {
            return Ok(true);
        }
        if ended || ready {
            // It has closed its end: it is ending, if it has not yet.
            let mut pidfd = [PollFd::new(&child.pidfd, PollFlags::IN)];
            let _ = poll(&mut pidfd, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            hear(&child.words, words);
            return Err(words.fail(nat.program, WHAT, &child.ended().unwrap_or_else(|| "it said nothing".into())));
        }
    }
}

/// Takes what is there. False at the end.
pub fn hear(from: &OwnedFd, words: &mut Words) -> bool {
    let mut bytes = [0; 2048];
    loop {
        match rustix::io::read(from, &mut bytes) {
            Ok(0) => return false,
            Ok(n) => words.add(&bytes[..n]),
            Err(Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}
