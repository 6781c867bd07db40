//! Writing the log. The payload never waits for it and never fails by it: what finds no room is dropped and counted,
//! and the count is written as soon as there is room again.

use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kakuri_wire::fail::Result;
use kakuri_wire::{Bytes, sys};
use rustix::io::Errno;

use super::folder::{self, Folder};
use super::frame::{self, HEADER, Head, Kind, MOST, Parsed};
use super::{Event, KEPT, SEGMENT, Stream};

/// The one writer of a log: the container's supervisor, which holds its lock.
pub struct Writer {
    container: OwnedFd,
    log: Option<Folder>,
    segment: Option<Segment>,
    /// Bytes of output in all segments so far.
    output: u64,
    lost: Lost,
}

struct Segment {
    file: File,
    number: u64,
    size: u64,
}

#[derive(Default)]
struct Lost {
    bytes: u64,
    events: u64,
}

impl Lost {
    /// The payload that says so.
    fn event(&self) -> Option<Vec<u8>> {
        let any = self.bytes + self.events > 0;
        any.then(|| json(&Event::Lost { bytes: self.bytes, events: self.events }))
    }
}

impl Writer {
    /// For the container in `folder`. No room is no error; a log that is no folder of ours is one.
    pub fn open(folder: &Path) -> Result<Writer> {
        let container = folder::container(folder)?;
        let mut writer = Writer { container, log: None, segment: None, output: 0, lost: Lost::default() };
        match writer.begin() {
            Err(e @ (Errno::LOOP | Errno::NOTDIR | Errno::XDEV | Errno::ACCESS | Errno::PERM | Errno::INVAL)) => {
                Err(folder::unreadable(folder, e))
            }
            _ => Ok(writer),
        }
    }

    /// What a session's command wrote.
    pub fn output(&mut self, session: u32, stream: Stream, bytes: &[u8]) {
        for part in bytes.chunks(MOST) {
            if self.frame(session, Kind::Output(stream), part).is_ok() {
                self.output += part.len() as u64;
            } else {
                self.lost.bytes += part.len() as u64;
            }
        }
    }

    pub fn event(&mut self, event: &Event) {
        if self.write_event(event).is_err() {
            self.lost.events += 1;
        }
    }

    fn write_event(&mut self, event: &Event) -> Result<(), Errno> {
        self.frame(event.session(), Kind::Event, &json(event))
    }

    /// One frame, whole or not at all; before it the one that says what was lost, if both find room.
    fn frame(&mut self, session: u32, kind: Kind, bytes: &[u8]) -> Result<(), Errno> {
        let lost = self.lost.event();
        let mut frames = vec![(Head { time: now(), session, kind }, bytes)];
        if let Some(lost) = &lost {
            frames.insert(0, (Head { time: now(), session: 0, kind: Kind::Event }, lost));
        }
        self.append(&frames)?;
        self.lost = Lost::default();
        Ok(())
    }

    fn append(&mut self, frames: &[(Head, &[u8])]) -> Result<(), Errno> {
        let size: usize = frames.iter().map(|(_, bytes)| HEADER + bytes.len() + 1).sum();
        match &self.segment {
            None => self.begin()?,
            Some(segment) if segment.size + size as u64 > SEGMENT => {
                let (number, over) = (segment.number, segment.size > 2 * SEGMENT);
                // Where no further file can be made the present one takes some more.
                if let Err(e) = self.next(number + 1)
                    && over
                {
                    return Err(e);
                }
            }
            Some(_) => {}
        }
        let segment = self.segment.as_mut().ok_or(Errno::NOSPC)?;
        let result = segment.append(frames);
        if result == Err(Errno::FBIG) && segment.size > 0 {
            // A limit on file sizes below ours (RLIMIT_FSIZE): the rest goes to the next segment.
            let number = segment.number + 1;
            self.next(number)?;
            return self.segment.as_mut().ok_or(Errno::NOSPC)?.append(frames);
        }
        result
    }

    /// Opens the newest segment behind its last whole frame, else makes one.
    fn begin(&mut self) -> Result<(), Errno> {
        let log = match self.log.take() {
            Some(log) => log,
            None => Folder::make(&self.container)?,
        };
        let numbers = log.segments();
        let log = self.log.insert(log);
        let Some(&number) = numbers?.last() else { return self.next(1) };
        let file = log.append(number)?;
        let end = end(&file)?;
        self.output = self.output.max(end.output);
        if end.damaged {
            // What follows the damage may be worth reading to somebody; nothing is cut off but a torn frame.
            return self.next(number + 1);
        }
        file.set_len(end.size).map_err(errno)?;
        self.segment = Some(Segment { file, number, size: end.size });
        Ok(())
    }

    /// Goes on in a new segment, and lets the oldest go.
    fn next(&mut self, number: u64) -> Result<(), Errno> {
        let log = self.log.as_ref().ok_or(Errno::NOSPC)?;
        // Before the new one is made: what the oldest gives back may be the room it needs.
        let numbers = log.segments().unwrap_or_default();
        for old in &numbers[..numbers.len().saturating_sub(KEPT - 1)] {
            let _ = log.remove(*old);
        }
        let mut segment = Segment { file: log.create(number)?, number, size: 0 };
        let before = Event::Segment { before: self.output };
        if let Err(e) = segment.append(&[(Head { time: now(), session: 0, kind: Kind::Event }, &json(&before))]) {
            // It must begin with this frame: without room for it there is no new segment.
            let _ = log.remove(number);
            return Err(e);
        }
        self.segment = Some(segment);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(lost) = self.lost.event() {
            let _ = self.append(&[(Head { time: now(), session: 0, kind: Kind::Event }, &lost)]);
        }
    }
}

impl Segment {
    /// In one write, so that a crash or a full disk leaves all of it or is seen to have left a part.
    fn append(&mut self, frames: &[(Head, &[u8])]) -> Result<(), Errno> {
        let headers: Vec<String> = frames.iter().map(|(head, bytes)| frame::header(*head, bytes.len())).collect();
        let mut parts = Vec::with_capacity(3 * frames.len());
        for (header, (_, bytes)) in headers.iter().zip(frames) {
            parts.extend([IoSlice::new(header.as_bytes()), IoSlice::new(bytes), IoSlice::new(b"\n")]);
        }
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        // Behind a limit on file sizes the kernel would kill the supervisor, and the container with it.
        let written = sys::ignoring(libc::SIGXFSZ, || {
            loop {
                match (&self.file).write_vectored(&parts) {
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    other => return other.map_err(errno),
                }
            }
        });
        match written {
            Ok(n) if n == wanted => {
                self.size += wanted as u64;
                Ok(())
            }
            short => {
                // Half a frame would hide all that follow it.
                let _ = self.file.set_len(self.size);
                // A short write is told its reason by the next one.
                short.and(Err(self.reason()))
            }
        }
    }

    /// Why a write came out short: at the limit of file sizes, else no room.
    fn reason(&self) -> Errno {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        match limit {
            Some(most) if self.size + (HEADER + MOST) as u64 > most => Errno::FBIG,
            _ => Errno::NOSPC,
        }
    }
}

struct End {
    /// Behind the last whole frame.
    size: u64,
    output: u64,
    damaged: bool,
}

/// Reads a segment through, for where its frames end.
fn end(file: &File) -> Result<End, Errno> {
    let mut found = End { size: 0, output: 0, damaged: false };
    let mut buffer = vec![0; 4 * MOST];
    loop {
        let count = file.read_at(&mut buffer, found.size).map_err(errno)?;
        let mut at = 0;
        loop {
            match frame::parse(&buffer[at..count]) {
                Parsed::Whole { head, payload, next } => {
                    let bytes = &buffer[at + payload..at + next - 1];
                    match head.kind {
                        Kind::Output(_) => found.output += bytes.len() as u64,
                        Kind::Event => {
                            if let Ok(Event::Segment { before }) = serde_json::from_slice(bytes) {
                                found.output += before;
                            }
                        }
                    }
                    at += next;
                    found.size += next as u64;
                }
                // The buffer holds any frame: one that is torn at its beginning ends the file.
                Parsed::Torn if at == 0 => return Ok(found),
                Parsed::Torn => break,
                Parsed::Damaged => return Ok(End { damaged: true, ..found }),
            }
        }
    }
}

/// An event, its words cut short where a frame would not hold them.
fn json(event: &Event) -> Vec<u8> {
    let bytes = serde_json::to_vec(event).unwrap_or_default();
    if bytes.len() <= MOST {
        return bytes;
    }
    let cut = |text: &[u8]| Bytes([&text[..text.len().min(MOST / 32)], b"..."].concat());
    let shorter = match event {
        Event::Started { session, pid, command, logged, terminal } => {
            // A byte takes six at worst (`\\u001b`): four words of a 32nd each fit.
            let command = command.iter().take(4).map(|word| cut(word.as_bytes())).collect();
            Event::Started { session: *session, pid: *pid, command, logged: *logged, terminal: *terminal }
        }
        Event::Failed { session, why } => Event::Failed { session: *session, why: cut(why.as_bytes()).to_string() },
        other => other.clone(),
    };
    serde_json::to_vec(&shorter).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

fn errno(e: std::io::Error) -> Errno {
    e.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}
