//! Starting the program: by posix_spawn(3), so that a program of many threads may do it at any time.
//!
//! Every descriptor made here is close-on-exec from birth, and only the copies the new process gets are not: no process
//! that another thread starts meanwhile inherits one.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::words::Word;

/// A process that was started.
#[derive(Debug)]
pub(super) struct Started {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

/// Descriptors for the new process, each with the number it has there.
pub(super) struct Descriptors<'a> {
    given: Vec<(OwnedFd, RawFd)>,
    lent: Vec<(BorrowedFd<'a>, RawFd)>,
    next: RawFd,
}

impl<'a> Descriptors<'a> {
    /// `lent` are those of the caller's choice.
    pub fn new(lent: Vec<(BorrowedFd<'a>, RawFd)>) -> Descriptors<'a> {
        Descriptors { given: Vec::new(), lent, next: 3 }
    }

    pub fn give_at(&mut self, fd: OwnedFd, number: RawFd) {
        self.given.push((fd, number));
    }

    /// At a number nobody wants.
    pub fn give(&mut self, fd: OwnedFd) -> RawFd {
        while self.lent.iter().any(|(_, number)| *number == self.next) {
            self.next += 1;
        }
        self.given.push((fd, self.next));
        self.next += 1;
        self.next - 1
    }

    /// These bytes, to be read from the start.
    pub fn give_bytes(&mut self, bytes: &[u8]) -> io::Result<RawFd> {
        let mut file = File::from(memfd_create("kakuri", MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        seek(&file, SeekFrom::Start(0))?;
        Ok(self.give(file.into()))
    }

    /// The words as they are typed: descriptors get their numbers.
    pub fn spell(&mut self, words: &[Word]) -> io::Result<Vec<OsString>> {
        let one = |word: &Word| match word {
            Word::Plain(word) => Ok(word.clone()),
            Word::Contents { before, bytes, after } => {
                let mut spelled = before.clone();
                spelled.push(self.give_bytes(bytes)?.to_string());
                spelled.push(after);
                Ok(spelled)
            }
        };
        words.iter().map(one).collect()
    }

    /// Starts the program. `hidden` words come before the others, and on no command line that every user can read.
    pub fn start(mut self, program: &Path, hidden: Vec<OsString>, words: Vec<OsString>) -> io::Result<Started> {
        let mut arguments = vec![program.as_os_str().to_os_string()];
        if hidden.is_empty() {
            arguments.extend(words);
        } else {
            let text: Vec<u8> = hidden.into_iter().flat_map(|word| [word.into_vec(), vec![0]].concat()).collect();
            let number = self.give_bytes(&text)?;
            arguments.extend(["--args".into(), number.to_string().into()]);
            arguments.extend(words);
        }
        let arguments = arguments.iter().map(|word| string(word)).collect::<io::Result<Vec<_>>>()?;
        let variables =
            std::env::vars_os().map(|(key, value)| string(&[key.as_os_str(), &value].join(OsStr::new("="))));
        let variables = variables.collect::<io::Result<Vec<_>>>()?;

        // One that lies where another is to be would be closed by it, so all lie above first.
        let all = || self.given.iter().map(|(fd, n)| (fd.as_fd(), *n)).chain(self.lent.iter().copied());
        let above = all().map(|(_, number)| number).max().unwrap_or(2) + 1;
        let mut raised = Vec::new();
        let mut actions = PosixSpawnFileActions::init()?;
        for (fd, number) in all() {
            if fd.as_raw_fd() < above {
                let copy = fcntl_dupfd_cloexec(fd, above)?;
                actions.add_dup2(copy.as_raw_fd(), number)?;
                raised.push(copy);
            } else {
                actions.add_dup2(fd.as_raw_fd(), number)?;
            }
        }
        let mut attributes = PosixSpawnAttr::init()?;
        // As std::process has it: what Rust ignores for itself, and what this thread blocks, is not the new one's.
        let mut broken_pipe = SigSet::empty();
        broken_pipe.add(Signal::SIGPIPE);
        attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
        attributes.set_sigdefault(&broken_pipe)?;
        attributes.set_sigmask(&SigSet::empty())?;
        let file = string(program.as_os_str())?;
        let pid = posix_spawn(file.as_c_str(), &actions, &attributes, &arguments, &variables)?.as_raw();
        // It is our child and not waited for yet: the number is still its own.
        let named = Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?;
        let pidfd = pidfd_open(named, PidfdFlags::empty())?;
        Ok(Started { pid, pidfd })
    }
}

fn string(word: &OsStr) -> io::Result<CString> {
    CString::new(word.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}
