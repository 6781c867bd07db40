//! Tar archives: POSIX ustar with pax records for what does not fit (pax(1), "pax Interchange Format"), and of what GNU
//! tar writes the long names and large numbers.
//!
//! Only what is copied exists here: files, folders, and links of both kinds.

mod header;
mod pax;
mod read;
mod write;

pub use header::Kind;
pub use read::{Broken, Entry, Reader};
pub use write::{Owner, Writer};

/// Everything in an archive is padded to it.
pub const BLOCK: usize = 512;

/// Of the names and records of one entry, beyond which no archive is honest.
pub const LONGEST: u64 = 1 << 20;

/// Zeros that complete a block.
pub fn padding(size: u64) -> usize {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { 0 } else { BLOCK - over }
}

#[cfg(test)]
mod tests;
