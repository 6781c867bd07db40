//! Reading the log, frame by frame, also while it is written.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kakuri_wire::fail::Result;
use rustix::io::Errno;

use super::Event;
use super::folder::{self, Folder};
use super::frame::{self, Frame, Head, Kind, MOST, Parsed};

/// Read at once: several frames, so that a fast writer can be followed; all the memory a reader takes.
const BUFFER: usize = 4 * MOST;

/// Goes over the frames of all segments in order. At the end it can be asked again.
pub struct Reader {
    container: OwnedFd,
    folder: PathBuf,
    log: Option<Folder>,
    segment: Option<Segment>,
    /// What stands in the segment from its `offset` on; read as far as `at`.
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of output before this point, in all segments there ever were; None until one has told.
    position: Option<u64>,
}

struct Segment {
    file: File,
    number: u64,
    offset: u64,
    /// A newer one was seen: nothing is written here any more.
    sealed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Frame(Frame<'a>),
    /// So many bytes of output were rotated away before this reader came to them.
    Gone {
        bytes: u64,
    },
    /// So many bytes of a segment are no frames.
    Damaged {
        bytes: u64,
    },
}

enum Step {
    Frame { head: Head, from: usize, to: usize },
    Gone(u64),
    Damaged(u64),
}

impl Reader {
    /// For the container in `folder`. There may be no log yet.
    pub fn open(folder: &Path) -> Result<Reader> {
        let container = folder::container(folder)?;
        let folder = folder.to_path_buf();
        Ok(Reader { container, folder, log: None, segment: None, buffer: Vec::new(), at: 0, position: None })
    }

    /// The numbers of the segments, in order.
    pub fn segments(&mut self) -> Result<Vec<u64>> {
        self.list().map_err(|e| folder::unreadable(&self.folder, e))
    }

    /// Goes on with the first frame of segment `number`, or of the next that is still there.
    pub fn go_to(&mut self, number: u64) -> Result<()> {
        (self.segment, self.position, self.at) = (None, None, 0);
        self.buffer.clear();
        self.enter(number).map(drop).map_err(|e| folder::unreadable(&self.folder, e))
    }

    /// The next frame, as far as whole ones are written; None: not yet.
    pub fn read(&mut self) -> Result<Option<Item<'_>>> {
        let step = self.step().map_err(|e| folder::unreadable(&self.folder, e))?;
        Ok(step.map(|step| match step {
            Step::Gone(bytes) => Item::Gone { bytes },
            Step::Damaged(bytes) => Item::Damaged { bytes },
            Step::Frame { head: Head { time, session, kind }, from, to } => {
                Item::Frame(Frame { time, session, kind, bytes: &self.buffer[from..to] })
            }
        }))
    }

    fn step(&mut self) -> Result<Option<Step>, Errno> {
        let mut fresh = false;
        loop {
            let Some(segment) = &mut self.segment else {
                if self.enter(0)? {
                    continue;
                }
                return Ok(None);
            };
            match frame::parse(&self.buffer[self.at..]) {
                Parsed::Whole { head, payload, next } => {
                    let (from, to) = (self.at + payload, self.at + next - 1);
                    self.at += next;
                    match head.kind {
                        Kind::Output(_) => self.position = self.position.map(|p| p + (to - from) as u64),
                        Kind::Event => {
                            if let Ok(Event::Segment { before }) = serde_json::from_slice(&self.buffer[from..to]) {
                                match self.position.replace(before) {
                                    Some(read) if read < before => return Ok(Some(Step::Gone(before - read))),
                                    _ => continue,
                                }
                            }
                        }
                    }
                    return Ok(Some(Step::Frame { head, from, to }));
                }
                // Looked at again from its own beginning: what was half a frame may be a whole one now, or another
                // one, where a full disk made the writer take it back.
                _ if !fresh => {
                    segment.offset += self.at as u64;
                    self.at = 0;
                    self.buffer.resize(BUFFER, 0);
                    let count = segment.file.read_at(&mut self.buffer, segment.offset);
                    self.buffer.truncate(*count.as_ref().unwrap_or(&0));
                    count.map_err(|e| e.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error))?;
                    fresh = true;
                }
                _ if !segment.sealed => {
                    // Only when a newer one exists is all of this one written, so look at its end once more after.
                    let number = segment.number;
                    if self.list()?.last().is_none_or(|newest| *newest <= number) {
                        return Ok(None);
                    }
                    if let Some(segment) = &mut self.segment {
                        segment.sealed = true;
                    }
                    fresh = false;
                }
                _ => {
                    let (number, size) = (segment.number, segment.file.metadata().map_or(0, |m| m.len()));
                    let rest = size.saturating_sub(segment.offset);
                    if !self.enter(number + 1)? {
                        return Ok(None);
                    }
                    if rest > 0 {
                        return Ok(Some(Step::Damaged(rest)));
                    }
                    fresh = false;
                }
            }
        }
    }

    /// Opens the oldest segment from `least` on; whether there is one.
    fn enter(&mut self, least: u64) -> Result<bool, Errno> {
        loop {
            let Some(number) = self.list()?.into_iter().find(|n| *n >= least) else { return Ok(false) };
            let Some(log) = &self.log else { return Ok(false) };
            match log.read(number) {
                Ok(file) => {
                    self.segment = Some(Segment { file, number, offset: 0, sealed: false });
                    self.buffer.clear();
                    self.at = 0;
                    return Ok(true);
                }
                // Rotated away since it was listed.
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn list(&mut self) -> Result<Vec<u64>, Errno> {
        if self.log.is_none() {
            match Folder::open(&self.container) {
                Ok(log) => self.log = Some(log),
                Err(Errno::NOENT) => return Ok(Vec::new()),
                Err(e) => return Err(e),
            }
        }
        self.log.as_ref().map_or(Ok(Vec::new()), Folder::segments)
    }
}
