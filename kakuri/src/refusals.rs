//! `--seccomp-log`: which system calls of the commands were refused.
//!
//! The filter has what it would refuse wait (seccomp_unotify(2)), and we answer with the very error the profile has for it:
//! a call never goes on, and nothing behind its pointers is read. Who floods us waits for each answer; what we remember of
//! him does not grow, and we do a few at a time beside all else.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use kakuri_seccomp::{Action, Call, Instruction, Machine, Profile, describe, judge};
use kakuri_wire::sys::listen::{self, Notice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::output;

/// Rows that are kept apart; what comes beyond is counted.
const MOST: usize = 100;
/// Calls answered before somebody else has his turn.
const AT_ONCE: usize = 32;

/// A kind of call that was refused, as who listens tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// As syscalls(2) has it; `i386 ` and `x32 ` before those by other numbers.
    pub call: String,
    /// What it was wanted for; empty where its name says all.
    pub arguments: String,
    /// The error number it was told.
    pub errno: u16,
    /// What the program calls itself (comm of proc(5)), escaped; `?` where it was gone.
    pub program: String,
    pub count: u64,
}

/// What was refused, in the order it first was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub rows: Vec<Row>,
    /// Calls beyond the rows there are.
    pub others: u64,
}

impl Tally {
    fn add(&mut self, row: Row) {
        let same = |known: &Row| {
            (known.errno, &known.call, &known.arguments, &known.program)
                == (row.errno, &row.call, &row.arguments, &row.program)
        };
        match self.rows.iter().position(same) {
            Some(place) => self.rows[place].count = self.rows[place].count.saturating_add(row.count),
            None if self.rows.len() < MOST => self.rows.push(row),
            None => self.others = self.others.saturating_add(row.count),
        }
    }

    pub fn merge(&mut self, other: Tally) {
        other.rows.into_iter().for_each(|row| self.add(row));
        self.others = self.others.saturating_add(other.others);
    }

    /// For people, on standard error.
    pub fn tell(&self) {
        if self.rows.is_empty() {
            return output::warn("no system call was refused (--seccomp-log)");
        }
        output::warn("system calls that were refused (--seccomp-log): how often, what, the answer, by which program");
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        for row in rows {
            let space = if row.arguments.is_empty() { "" } else { " " };
            output::warn(format_args!(
                "{:>7}  {}{space}{}  {}  {}",
                row.count,
                row.call,
                row.arguments,
                error_name(row.errno),
                row.program
            ));
        }
        if self.others > 0 {
            output::warn(format_args!("{:>7}  others", self.others));
        }
    }
}

/// Of those the usual profiles use.
fn error_name(errno: u16) -> String {
    let name = match i32::from(errno) {
        libc::EPERM => "EPERM",
        libc::ENOSYS => "ENOSYS",
        libc::EACCES => "EACCES",
        libc::EINVAL => "EINVAL",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        other => return format!("error {other}"),
    };
    name.into()
}

/// What the profile would have said.
#[derive(Clone, Debug)]
pub struct Judge {
    pub program: Vec<Instruction>,
    pub profiles: Vec<(Machine, Profile)>,
}

impl Judge {
    fn errno(&self, call: &Call) -> u16 {
        // It waits because it would be refused; were it otherwise, nothing is allowed here.
        judge(&self.program, call).and_then(Action::errno_of).unwrap_or(libc::EPERM as u16)
    }

    fn deciding(&self, call: &Call) -> Vec<u8> {
        let profile = self.profiles.iter().find(|(machine, _)| machine.audit() == call.machine);
        profile.map(|(_, profile)| profile.deciding(call.number)).unwrap_or_default()
    }
}

/// The refused calls of one command and of all that comes of it.
#[derive(Debug)]
pub struct Watch {
    judge: Judge,
    /// None once nobody is left who could be refused anything.
    listener: Option<OwnedFd>,
    pub tally: Tally,
}

impl Watch {
    /// None: the descriptor is none that calls wait at, whoever sent it.
    pub fn new(judge: &Judge, listener: OwnedFd) -> Option<Watch> {
        let name = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).ok()?;
        let listens = name.as_os_str() == "anon_inode:seccomp notify";
        listens.then(|| Watch { judge: judge.clone(), listener: Some(listener), tally: Tally::default() })
    }

    /// To be polled.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    /// Answers those who wait, a few of them.
    pub fn answer(&mut self) {
        for _ in 0..AT_ONCE {
            let Some(listener) = &self.listener else { return };
            match shown(listener) {
                Shown::Nothing => return,
                Shown::End => self.listener = None,
                Shown::Call => {
                    if let Ok(notice) = listen::receive(listener.as_fd()) {
                        self.refuse(&notice);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, notice: &Notice) {
        let Some(listener) = &self.listener else { return };
        let call = Call { number: notice.number as u32, machine: notice.machine, arguments: notice.arguments };
        let errno = self.judge.errno(&call);
        // A number of a process may be another's by now, unless the call still waits afterwards.
        let program = comm(notice.pid).filter(|_| listen::waits(listener.as_fd(), notice));
        if listen::refuse(listener.as_fd(), notice, errno).is_err() {
            // It was killed, or interrupted and makes it again.
            return;
        }
        let row = Row {
            call: describe::name(&call),
            arguments: describe::arguments(&call, &self.judge.deciding(&call)),
            errno,
            program: program.unwrap_or_else(|| "?".into()),
            count: 1,
        };
        self.tally.add(row);
    }
}

enum Shown {
    Nothing,
    Call,
    End,
}

fn shown(listener: &OwnedFd) -> Shown {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    match poll(&mut fds, Some(&now)) {
        Ok(1..) if fds[0].revents().contains(PollFlags::IN) => Shown::Call,
        Ok(1..) if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Shown::End,
        _ => Shown::Nothing,
    }
}

/// What a thread calls itself, which is any bytes it likes.
fn comm(pid: u32) -> Option<String> {
    let mut name = Vec::new();
    std::fs::File::open(format!("/proc/{pid}/comm")).ok()?.take(64).read_to_end(&mut name).ok()?;
    Some(output::plain(name.strip_suffix(b"\n").unwrap_or(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(call: &str, count: u64) -> Row {
        Row { call: call.into(), arguments: String::new(), errno: 1, program: "sh".into(), count }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tally = Tally::default();
        for n in 0..3 * MOST {
            tally.add(row(&n.to_string(), 1));
            tally.add(row("0", 2));
        }
        assert_eq!((tally.rows.len(), tally.others), (MOST, 2 * MOST as u64));
        assert_eq!(tally.rows[0].count, 1 + 6 * MOST as u64);
        let mut all = tally.clone();
        all.merge(tally.clone());
        assert_eq!((all.rows.len(), all.rows[1].count, all.others), (MOST, 2, 4 * MOST as u64));
        all.rows[0].count = u64::MAX;
        all.merge(tally);
        assert_eq!(all.rows[0].count, u64::MAX);
        // It goes to who asks in one message.
        assert!(serde_json::to_vec(&all).expect("plain data").len() < kakuri_wire::channel::MAX_MESSAGE / 2);
    }

    #[test]
    fn what_is_no_listener_is_not_listened_to() {
        let judge = Judge { program: Vec::new(), profiles: Vec::new() };
        let file = std::fs::File::open("/dev/null").expect("a file");
        assert!(Watch::new(&judge, file.into()).is_none());
        let call = Call { number: 1, machine: 2, arguments: [0; 6] };
        assert_eq!(judge.errno(&call), libc::EPERM as u16);
    }
}
