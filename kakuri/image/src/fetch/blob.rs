//! A blob, from a server into a pipe, however often it breaks off.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use ureq::Body;
use ureq::http::header::{CONTENT_RANGE, RANGE};
use ureq::http::{Response, StatusCode};

use super::cancel::Cancel;
use super::endpoint::Endpoint;
use super::trouble::{Again, Trouble};
use super::{body, exchange};
use crate::Digest;

/// Read and written at a time, in bytes.
const PIECE: usize = 128 << 10;
/// Between two words on how far it is.
const TICK: Duration = Duration::from_millis(100);
/// Who gets this much further, in bytes, is tried again as if for the first time.
const PROGRESS: u64 = 64 << 10;

/// One on its way.
pub struct Transfer<'a> {
    pub digest: &'a Digest,
    pub size: u64,
    /// How much of it is in the pipe, or was never wanted.
    pub at: u64,
    /// Ranges lead to nothing here.
    whole: bool,
    pipe: OwnedFd,
    cancel: &'a Cancel,
    tell: &'a mut dyn FnMut(u64),
    told: Instant,
}

impl<'a> Transfer<'a> {
    pub fn new(
        digest: &'a Digest,
        size: u64,
        from: u64,
        pipe: OwnedFd,
        cancel: &'a Cancel,
        tell: &'a mut dyn FnMut(u64),
    ) -> Result<Transfer<'a>, Trouble> {
        let broken = |e: rustix::io::Errno| Trouble::new(format!("the pipe is broken: {e}")).again(Again::Stop);
        // A reader that has stopped reading must not keep us from hearing that nobody wants it any more.
        fcntl_setfl(&pipe, OFlags::NONBLOCK).map_err(broken)?;
        if from > size {
            return Err(Trouble::new("more of it is there than it has").again(Again::Stop));
        }
        Ok(Transfer { digest, size, at: from, whole: false, pipe, cancel, tell, told: Instant::now() })
    }

    /// One try. Goes on where the one before it ended. That it is not whole is no error where nobody reads it any more.
    pub fn run(&mut self, endpoint: &Endpoint) -> Result<(), Trouble> {
        let before = self.at;
        self.attempt(endpoint).map_err(|trouble| Trouble { progressed: self.at - before >= PROGRESS, ..trouble })
    }

    fn attempt(&mut self, endpoint: &Endpoint) -> Result<(), Trouble> {
        if self.at == self.size {
            return Ok(());
        }
        let path = format!("{}/blobs/{}", endpoint.repository, self.digest);
        loop {
            let range = (self.at > 0 && !self.whole).then(|| format!("bytes={}-", self.at));
            let headers: &[_] = match &range {
                Some(range) => &[(RANGE, range.as_str())],
                None => &[],
            };
            let response = exchange::get(endpoint, &path, headers)?;
            let start = match response.status() {
                StatusCode::OK => 0,
                StatusCode::PARTIAL_CONTENT if range.is_some() && self.is_ours(&response) => self.at,
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if range.is_some() => {
                    // Not closed but left: what comes of it is none of ours.
                    drop(response);
                    self.whole = true;
                    continue;
                }
                StatusCode::PARTIAL_CONTENT => {
                    return Err(Trouble::new("it answers with a part where the whole was asked for"));
                }
                _ => return Err(body::lost(endpoint, response, "it has lost a layer its manifest names")),
            };
            body::check_bare(&response)?;
            let wanted = self.size - start;
            if let Some(said) = body::length(&response).filter(|said| *said != wanted) {
                return Err(Trouble::new(format!(
                    "it would send {said} bytes of a layer, where its manifest says {wanted}"
                ))
                .hint(body::DAMAGED));
            }
            return self.receive(endpoint, response, start);
        }
    }

    /// Whether a part is the one that was asked for: `bytes FIRST-LAST/SIZE` (RFC 9110, section 14.4).
    fn is_ours(&self, response: &Response<Body>) -> bool {
        let value = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let parsed = value.and_then(|value| {
            let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = range.trim().split_once('-')?;
            let whole = size.trim() == "*" || size.trim().parse() == Ok(self.size);
            Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, whole))
        });
        parsed == Some((self.at, self.size - 1, true))
    }

    /// The body, whose first byte is the blob's `position`th.
    fn receive(&mut self, endpoint: &Endpoint, response: Response<Body>, mut position: u64) -> Result<(), Trouble> {
        let mut reader = response.into_body().into_reader();
        let mut buffer = vec![0; PIECE];
        loop {
            let count = reader.read(&mut buffer).map_err(|e| body::broken(endpoint, e))?;
            if count == 0 {
                break;
            }
            let end = position + count as u64;
            if end > self.size {
                return Err(Trouble::new(format!("it sends more than the {} bytes its manifest says", self.size))
                    .hint(body::DAMAGED));
            }
            // What is there already is passed over.
            let known = self.at.saturating_sub(position).min(count as u64) as usize;
            if !self.pass_on(&buffer[known..count])? {
                return Ok(());
            }
            position = end;
            self.report();
        }
        if position < self.size {
            return Err(Trouble::new("it hung up in the middle of a layer").again(Again::Later));
        }
        Ok(())
    }

    /// Whether there is still a reader. Where there is none, why is his to say: a full disk, mostly.
    fn pass_on(&mut self, mut bytes: &[u8]) -> Result<bool, Trouble> {
        const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        while !bytes.is_empty() {
            if self.cancel.is_set() {
                return Err(Trouble::stopped());
            }
            match rustix::io::write(&self.pipe, bytes) {
                Ok(count) => {
                    self.at += count as u64;
                    bytes = &bytes[count..];
                }
                Err(rustix::io::Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(&self.pipe, PollFlags::OUT)], Some(&LOOK));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE) => return Ok(false),
                Err(e) => return Err(Trouble::new(format!("the pipe is broken: {e}")).again(Again::Stop)),
            }
        }
        Ok(true)
    }

    fn report(&mut self) {
        if self.told.elapsed() >= TICK {
            self.told = Instant::now();
            (self.tell)(self.at);
        }
    }
}
