//! How much a layer is, and how much it may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Stage};

use super::tree::wrong;
use crate::talk::{Limits, Report};

/// Of what is remembered of all layers at once (names of folders, links, whiteouts), bytes.
const MEMORY: u64 = 64 << 20;
/// What remembering a name costs beside it.
const EACH: u64 = 160;
const OFTEN: Duration = Duration::from_millis(100);

/// What all layers together remember.
#[derive(Clone, Default)]
pub struct Memory(Arc<AtomicU64>);

pub struct Meter {
    limits: Limits,
    memory: Memory,
    own: u64,
    entries: u64,
    bytes: u64,
    written: u64,
    left_out: BTreeMap<&'static str, u64>,
    told: Instant,
    tell: Box<dyn FnMut(u64) + Send>,
}

impl Meter {
    /// `tell` is told how many bytes are written, ten times a second at most.
    pub fn new(limits: Limits, memory: Memory, tell: Box<dyn FnMut(u64) + Send>) -> Meter {
        let left_out = BTreeMap::new();
        Meter { limits, memory, own: 0, entries: 0, bytes: 0, written: 0, left_out, told: Instant::now(), tell }
    }

    pub fn entry(&mut self) -> Result<(), Fail> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Fail::new(Stage::Unpack, "cannot unpack a layer")
                .why(format!("it has more than {} files", self.limits.entries)));
        }
        Ok(())
    }

    /// A name is kept in memory.
    pub fn remember(&mut self, length: usize) -> Result<(), Fail> {
        let cost = length as u64 + EACH;
        self.own += cost;
        if self.memory.0.fetch_add(cost, Ordering::Relaxed) + cost > MEMORY {
            return Err(Fail::new(Stage::Unpack, "cannot unpack a layer")
                .why("it has more folders, links and whiteouts than can be remembered"));
        }
        Ok(())
    }

    /// A file of this size begins. Holes count: some day somebody reads or copies them.
    pub fn file(&mut self, size: u64, shown: &Bytes) -> Result<(), Fail> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(wrong(shown, &format!("its layer holds more than {} GiB with it", self.limits.bytes >> 30)));
        }
        Ok(())
    }

    pub fn wrote(&mut self, n: usize) {
        self.written += n as u64;
        if self.told.elapsed() >= OFTEN {
            self.told = Instant::now();
            (self.tell)(self.written);
        }
    }

    pub fn left_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }

    pub fn report(&self, unsettled: bool) -> Report {
        let left_out = self.left_out.iter().map(|(what, n)| ((*what).to_string(), *n)).collect();
        Report { entries: self.entries, bytes: self.bytes, unsettled, left_out }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.own, Ordering::Relaxed);
    }
}
