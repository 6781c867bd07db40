//! Sparse files: where the bytes that follow belong (GNU tar's manual, "Storing Sparse Files").
//!
//! Four forms are met: the old one of type `S` with its map in the header, and three in pax records (0.0, 0.1, 1.0), the last
//! with its map before the contents.

use super::BLOCK;
use super::header::number;

/// So many pieces no honest file has; each costs memory here.
const MOST: usize = 64 << 10;

/// Pieces of a file that are not holes: offset and length, one after the other.
pub type Map = Vec<(u64, u64)>;

/// What pax records say of it.
#[derive(Default)]
pub struct Records {
    /// Any of them was there.
    pub any: bool,
    pub major: u64,
    pub size: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub map: Map,
    /// An offset whose length has not come yet (0.0).
    offset: Option<u64>,
}

impl Records {
    /// Takes a record, its key without `GNU.sparse.`; None where it cannot be understood.
    pub fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        self.any = true;
        let number = || decimal(value);
        match key {
            b"major" => self.major = number()?,
            b"size" | b"realsize" => self.size = Some(number()?),
            b"name" => self.name = Some(value.to_vec()),
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => {
                let offset = self.offset.take()?;
                self.add(offset, number()?)?;
            }
            b"map" => {
                let numbers: Option<Vec<u64>> =
                    value.split(|&b| b == b',').filter(|text| !text.is_empty()).map(decimal).collect();
                for pair in numbers?.chunks(2) {
                    let &[offset, length] = pair else { return None };
                    self.add(offset, length)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn add(&mut self, offset: u64, length: u64) -> Option<()> {
        self.map.push((offset, length));
        (self.map.len() <= MOST).then_some(())
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether the pieces are in order, do not meet, lie in the file and are what follows, all of it.
pub fn is_sound(map: &[(u64, u64)], size: u64, follows: u64) -> bool {
    let mut end = 0;
    let mut sum: u64 = 0;
    map.iter().all(|&(offset, length)| {
        let ordered = offset >= end;
        let Some(next) = offset.checked_add(length) else { return false };
        end = next;
        sum = sum.saturating_add(length);
        ordered && next <= size
    }) && sum == follows
}

/// Adds the entries of an old header, or of a block that goes on with it; whether another such block follows.
pub fn old(block: &[u8; BLOCK], first: bool, map: &mut Map) -> Option<bool> {
    let (start, count, more) = if first { (386, 4, 482) } else { (0, 21, 504) };
    for entry in block[start..].chunks(24).take(count) {
        let (offset, length) = (number(&entry[..12])?, number(&entry[12..24])?);
        if entry[0] == 0 && entry[12] == 0 {
            break;
        }
        map.push((u64::try_from(offset).ok()?, u64::try_from(length).ok()?));
    }
    (map.len() <= MOST).then_some(block[more] != 0)
}

/// The size of the file an old header is of.
pub fn old_size(block: &[u8; BLOCK]) -> Option<u64> {
    number(&block[483..495]).and_then(|n| u64::try_from(n).ok())
}

/// A map that comes before the contents (1.0), a line a number, as its blocks come.
#[derive(Default)]
pub struct Lines {
    count: Option<u64>,
    numbers: Vec<u64>,
    digits: Vec<u8>,
}

impl Lines {
    /// The map, once this block has completed it. `Err`: it cannot be understood.
    pub fn take(&mut self, block: &[u8; BLOCK]) -> Result<Option<Map>, ()> {
        for &b in block {
            if b != b'\n' {
                self.digits.push(b);
                if self.digits.len() > 20 {
                    return Err(());
                }
                continue;
            }
            let n = decimal(&std::mem::take(&mut self.digits)).ok_or(())?;
            match self.count {
                None if n > MOST as u64 => return Err(()),
                None => self.count = Some(n),
                Some(_) => self.numbers.push(n),
            }
            if self.count.is_some_and(|count| self.numbers.len() as u64 == 2 * count) {
                return Ok(Some(self.numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_that_lie() {
        assert!(is_sound(&[(0, 5), (10, 5)], 20, 10));
        assert!(is_sound(&[(0, 0), (20, 0)], 20, 0));
        for (map, size, follows) in [
            (vec![(0, 5), (4, 5)], 20, 10),
            (vec![(10, 5), (0, 5)], 20, 10),
            (vec![(0, 5)], 4, 5),
            (vec![(0, 5)], 20, 6),
            (vec![(u64::MAX, 2)], u64::MAX, 2),
            (vec![(0, u64::MAX), (u64::MAX, u64::MAX)], u64::MAX, u64::MAX),
        ] {
            assert!(!is_sound(&map, size, follows), "{map:?}");
        }
    }

    #[test]
    fn lines_over_blocks() {
        let text: String = std::iter::once("60\n".into()).chain((0..120).map(|n| format!("{}\n", n * 1000))).collect();
        let mut lines = Lines::default();
        let mut map = None;
        let blocks: Vec<[u8; BLOCK]> = text
            .as_bytes()
            .chunks(BLOCK)
            .map(|part| {
                let mut block = [0; BLOCK];
                block[..part.len()].copy_from_slice(part);
                block
            })
            .collect();
        for block in &blocks {
            assert!(map.is_none());
            map = lines.take(block).expect("lines");
        }
        assert_eq!(map.expect("whole").len(), 60);
        assert!(Lines::default().take(&[b'x'; BLOCK]).is_err());
        assert!(Lines::default().take(&[b'\n'; BLOCK]).is_err());
        let mut endless = [b'0'; BLOCK];
        endless[..6].copy_from_slice(b"99999\n");
        assert!(Lines::default().take(&endless).is_err());
    }
}
