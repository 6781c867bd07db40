//! The last lines of a log.
//!
//! A line is one of one stream of one command: bytes of several commands may stand between its beginning and its end.

use std::collections::BTreeMap;

use kakuri_wire::fail::Result;

use super::{Frame, Item, Kind, Reader, Stream};

/// Counts lines as they begin, and leaves the first ones out.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    skip: u64,
    begun: u64,
    /// Streams in the middle of a line, and whether that one is left out.
    middle: BTreeMap<(u32, Stream), bool>,
}

impl Lines {
    /// Leaves out the first `skip` lines.
    pub fn after(skip: u64) -> Lines {
        Lines { skip, ..Lines::default() }
    }

    /// Whether the first line that is not left out may have begun.
    pub fn passed(&self) -> bool {
        self.begun >= self.skip
    }

    /// What remains of a frame of output: always its end.
    pub fn rest<'a>(&mut self, session: u32, stream: Stream, bytes: &'a [u8]) -> &'a [u8] {
        let key = (session, stream);
        // From then on nothing is left out any more, and nothing needs to be known.
        let open = self.begun > self.skip && !self.middle.values().any(|left_out| *left_out);
        if bytes.is_empty() || self.skip == 0 || open {
            return bytes;
        }
        let mut middle = self.middle.remove(&key);
        let mut dropped = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let left_out = middle.take().unwrap_or_else(|| {
                self.begun += 1;
                self.begun <= self.skip
            });
            if left_out {
                dropped += line.len();
            }
            if line.last() != Some(&b'\n') {
                self.middle.insert(key, left_out);
            }
        }
        &bytes[dropped..]
    }
}

/// Moves `reader` to where the last `wanted` lines of those frames begin that `counts` is true of; the lines before
/// them that are still to be left out. What is written meanwhile comes after them.
pub fn tail(reader: &mut Reader, wanted: u64, counts: impl Fn(&Frame) -> bool) -> Result<Lines> {
    let numbers = reader.segments()?;
    let Some(&newest) = numbers.last() else { return Ok(Lines::default()) };
    if wanted == 0 {
        reader.go_to(newest)?;
        while reader.read()?.is_some() {}
        return Ok(Lines::default());
    }
    // Mostly they are in the last two segments; where not, all are read.
    let mut begin = numbers[numbers.len().saturating_sub(2)];
    let mut skip = 0;
    for oldest in [begin, numbers[0]] {
        begin = oldest;
        reader.go_to(begin)?;
        let mut lines = Lines::after(u64::MAX);
        while let Some(item) = reader.read()? {
            if let Item::Frame(frame) = item
                && let Kind::Output(stream) = frame.kind
                && counts(&frame)
            {
                lines.rest(frame.session, stream, frame.bytes);
            }
        }
        skip = lines.begun.saturating_sub(wanted);
        // More than wanted: the first may have begun in the segment before.
        if skip > 0 {
            break;
        }
    }
    reader.go_to(begin)?;
    Ok(Lines::after(skip))
}
