//! What is in a file, holes left holes.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, ftruncate, seek};
use rustix::io::Errno;

use super::Progress;

const CHUNK: usize = 256 << 10;

/// Which end of a copy broke.
#[derive(Debug)]
pub enum Broke {
    Read(Errno),
    Write(Errno),
}

pub fn errno(e: &std::io::Error) -> Errno {
    Errno::from_io_error(e).unwrap_or(Errno::IO)
}

/// Copies `size` bytes into an empty file, or as many as there are: one that grows all the time would have no end.
pub fn copy(from: &File, size: u64, to: &File, progress: &mut Progress) -> Result<(), Broke> {
    let mut buffer = vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK)).max(4096)];
    let mut at = 0;
    let mut end = size;
    while at < size {
        at = match seek(from, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            Err(e) => return Err(Broke::Read(e)),
        };
        let hole = match seek(from, SeekFrom::Hole(at)) {
            Ok(hole) => hole.min(size),
            Err(Errno::NXIO) => break,
            Err(e) => return Err(Broke::Read(e)),
        };
        while at < hole {
            let wanted = buffer.len().min(usize::try_from(hole - at).unwrap_or(usize::MAX));
            match from.read_at(&mut buffer[..wanted], at) {
                Ok(0) => {
                    end = at;
                    break;
                }
                Ok(n) => {
                    to.write_all_at(&buffer[..n], at).map_err(|e| Broke::Write(errno(&e)))?;
                    at += n as u64;
                    progress.wrote(n);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Broke::Read(errno(&e))),
            }
        }
        if end == at {
            break;
        }
    }
    ftruncate(to, end.min(size)).map_err(Broke::Write)
}

/// Copies everything a file of no known size has, such as those the kernel makes up when they are read.
pub fn copy_all(mut from: &File, to: &File, progress: &mut Progress) -> Result<(), Broke> {
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                to.write_all_at(&buffer[..n], at).map_err(|e| Broke::Write(errno(&e)))?;
                at += n as u64;
                progress.wrote(n);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Broke::Read(errno(&e))),
        }
    }
}

/// Whether a piece is zeros alone, and may be a hole.
pub fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| b == 0)
}
