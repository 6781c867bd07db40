//! Moments chosen at random, and again by the seed a failure prints.

use std::time::{SystemTime, UNIX_EPOCH};

use super::rounds;

/// xorshift: a number to choose moments by.
pub struct Random(u64);

impl Random {
    pub fn seeded() -> Random {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as usize;
        let seed = rounds("KAKURI_TEST_SEED", now | 1);
        println!("KAKURI_TEST_SEED={seed}");
        Random(seed as u64)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
