//! Tar archives being read: POSIX ustar with pax records for what does not fit (pax(1), "pax Interchange Format"), and of
//! what GNU tar writes the long names, large numbers and sparse files.
//!
//! There is one reader for all of kakuri. A forgiving one passes over what the one who unpacks does not heed anyway (owners,
//! attributes, sparse files in GNU's own forms); a strict one, for the layers of images, reads all of it and refuses what it
//! cannot.

pub mod header;
pub mod pax;
mod read;
mod sparse;

pub use header::Kind;
pub use read::{Broken, Entry, Reader};

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
