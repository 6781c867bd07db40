//! Moments by the clock that file systems take their times from.

use std::time::Duration;

use rustix::fs::StatxTimestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub i64, pub u32);

impl Stamp {
    pub fn take() -> Stamp {
        clock_gettime(ClockId::Realtime).into()
    }

    /// Until what is changed from now on has a later time: file systems read the clock of the last tick, some
    /// milliseconds back.
    pub fn wait(self) {
        // A clock that is set back would have us wait for it.
        for _ in 0..100 {
            if Stamp::from(clock_gettime(ClockId::RealtimeCoarse)) > self {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn millis(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0).saturating_mul(1000) + u64::from(self.1 / 1_000_000)
    }
}

impl From<Timespec> for Stamp {
    fn from(time: Timespec) -> Stamp {
        Stamp(time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

impl From<StatxTimestamp> for Stamp {
    fn from(time: StatxTimestamp) -> Stamp {
        Stamp(time.tv_sec, time.tv_nsec)
    }
}
