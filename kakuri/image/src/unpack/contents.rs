//! What is in a file. Zeros become holes, and holes of the archive stay holes.

use std::fs::File;
use std::io::Read;

use kakuri_wire::Bytes;
use rustix::fs::ftruncate;
use rustix::io::{Errno, pwrite};

use super::meter::Meter;
use super::tree::{Done, Trouble, trouble};
use crate::tar::{Broken, Entry, Reader};

/// Zeros of this length become a hole: the block of most file systems.
const HOLE: usize = 4096;

/// Writes all of it.
pub fn write(
    file: &File,
    entry: &Entry,
    shown: &Bytes,
    reader: &mut Reader<impl Read>,
    buffer: &mut [u8],
    meter: &mut Meter,
) -> Done {
    let whole = [(0, entry.size)];
    let (size, pieces) = match &entry.sparse {
        Some((size, map)) => (*size, &map[..]),
        None => (entry.size, &whole[..]),
    };
    meter.file(size, shown).map_err(Trouble::Refused)?;
    let mut end = 0;
    for &(offset, length) in pieces {
        let (mut at, mut left) = (offset, length);
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = reader.contents(&mut buffer[..wanted]).map_err(Trouble::Unread)?;
            if n == 0 {
                // The map of a sparse file is as long as what follows, so that there is always something.
                return Err(Trouble::Unread(Broken::Damaged { why: "a file is cut off", at: 0 }));
            }
            let reached = put(file, &buffer[..n], at).map_err(|e| trouble(shown, e))?;
            end = end.max(reached);
            (at, left) = (at + n as u64, left - n as u64);
            meter.wrote(n);
        }
    }
    if end < size {
        ftruncate(file, size).map_err(|e| trouble(shown, e))?;
    }
    Ok(())
}

/// Writes what is not zero; the end of that.
fn put(file: &File, bytes: &[u8], at: u64) -> Result<u64, Errno> {
    let (mut from, mut end) = (0, 0);
    let mut flush = |from: usize, to: usize| -> Result<(), Errno> {
        let mut done = from;
        while done < to {
            match pwrite(file, &bytes[done..to], at + done as u64) {
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
            end = at + done as u64;
        }
        Ok(())
    };
    for (i, piece) in bytes.chunks(HOLE).enumerate() {
        if piece.len() == HOLE && is_zero(piece) {
            flush(from, i * HOLE)?;
            from = (i + 1) * HOLE;
        }
    }
    flush(from.min(bytes.len()), bytes.len())?;
    Ok(end)
}

fn is_zero(piece: &[u8]) -> bool {
    piece.first() == Some(&0) && piece[..piece.len() - 1] == piece[1..]
}
