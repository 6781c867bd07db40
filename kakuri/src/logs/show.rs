//! A log as a person or a pipe reads it: output where it was written to, byte for byte, events on standard error.

use std::os::fd::BorrowedFd;

use kakuri_init::Status;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdout};

use super::{Event, Frame, Kind, Stream};
use crate::output::{plain, shorten, time, words};
use crate::signals;

/// Gathered before it is written: a hundred small frames are one write.
const BATCH: usize = 64 * 1024;
/// Columns of a command in an event.
const COMMAND: usize = 1000;

/// Which of a stream of which command.
type Source = (u32, Stream);

/// Writes frames to standard output and standard error, in their order.
#[derive(Default)]
pub struct Show {
    stamps: bool,
    batch: Vec<u8>,
    /// Where the batch goes to.
    to_err: bool,
    out: Sink,
    err: Sink,
}

#[derive(Default)]
struct Sink {
    /// The last byte was no newline; whose it was.
    middle: Option<Source>,
}

impl Show {
    /// With `stamps` each line of output begins with the time it was written.
    pub fn new(stamps: bool) -> Show {
        Show { stamps, ..Show::default() }
    }

    /// The part of a frame of output that is wanted. The error is standard output's; where nobody reads standard error
    /// any more, that is no reason to end.
    pub fn output(&mut self, frame: &Frame, bytes: &[u8]) -> Result<(), Errno> {
        let Kind::Output(stream) = frame.kind else { return Ok(()) };
        let Some(last) = bytes.last() else { return Ok(()) };
        self.turn(stream == Stream::Err)?;
        let source = (frame.session, stream);
        let sink = if stream == Stream::Err { &mut self.err } else { &mut self.out };
        if self.stamps {
            let stamp = time::rfc3339(frame.when(), 9);
            for line in bytes.split_inclusive(|b| *b == b'\n') {
                if sink.middle != Some(source) {
                    // Another one's line is not finished: it goes on below, with a time of its own.
                    if sink.middle.is_some() {
                        self.batch.push(b'\n');
                    }
                    self.batch.extend_from_slice(stamp.as_bytes());
                    self.batch.push(b' ');
                }
                self.batch.extend_from_slice(line);
                sink.middle = (line.last() != Some(&b'\n')).then_some(source);
            }
        } else {
            self.batch.extend_from_slice(bytes);
            sink.middle = (*last != b'\n').then_some(source);
        }
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    pub fn event(&mut self, frame: &Frame, event: &Event) -> Result<(), Errno> {
        match describe(event) {
            Some(text) => self.line(&format!("[kakuri {}] {text}", time::rfc3339(frame.when(), 0))),
            None => Ok(()),
        }
    }

    /// A line of kakuri's own on standard error.
    pub fn line(&mut self, text: &str) -> Result<(), Errno> {
        self.turn(true)?;
        if self.err.middle.take().is_some() {
            self.batch.push(b'\n');
        }
        self.batch.extend_from_slice(text.as_bytes());
        self.batch.push(b'\n');
        Ok(())
    }

    pub fn flush(&mut self) -> Result<(), Errno> {
        let fd = if self.to_err { stderr() } else { stdout() };
        let written = write_all(fd, &self.batch);
        self.batch.clear();
        if self.to_err { Ok(()) } else { written }
    }

    /// From here on to the other descriptor: what was gathered for this one comes first.
    fn turn(&mut self, to_err: bool) -> Result<(), Errno> {
        if self.to_err != to_err {
            self.flush()?;
            self.to_err = to_err;
        }
        Ok(())
    }
}

/// Waits where the descriptor does not block by itself, as it may when it is shared with another program.
fn write_all(fd: BorrowedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None)),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// In words; None for what only readers of the log need.
fn describe(event: &Event) -> Option<String> {
    Some(match event {
        Event::Begun => "the container began".into(),
        Event::Ended => "the container ended".into(),
        Event::Started { session, pid, command, logged, terminal } => {
            let command = shorten(&words(command), COMMAND);
            let place = match (logged, terminal) {
                (true, _) => "",
                (false, true) => " (its output went to the caller's terminal and is not here)",
                (false, false) => " (its output went to the caller's own descriptors and is not here)",
            };
            format!("started {session} (pid {pid}): {command}{place}")
        }
        Event::Exited { session, status: Status::Code(code) } => format!("ended {session}: code {code}"),
        Event::Exited { session, status: Status::Signal { signal, core } } => {
            let core = if *core { ", core dumped" } else { "" };
            format!("ended {session}: killed by SIG{}{core}", signals::name(*signal))
        }
        Event::Failed { session, why } => format!("failed {session}: {}", shorten(&plain(why.as_bytes()), COMMAND)),
        Event::Trouble { why } => format!("network: {}", plain(why.as_bytes())),
        Event::Lost { bytes, events: 0 } => format!("lost {bytes} bytes: there was no room to write them"),
        Event::Lost { bytes, events } => {
            format!("lost {bytes} bytes and {events} lines like this one: there was no room to write them")
        }
        Event::Segment { .. } => return None,
    })
}
