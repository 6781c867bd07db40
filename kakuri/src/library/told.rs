//! What kakuri tells by `--status-fd`: a line of JSON a phase.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::Value;

use super::error::{Error, ErrorKind, Result};
use super::exit_status::{ExitStatus, Reason, Usage};

/// What a reader of this version understands.
const VERSION: u64 = 1;

/// The reading end, and what came so far.
#[derive(Debug)]
pub(super) struct Told {
    pipe: File,
    bytes: Vec<u8>,
    began: bool,
    /// The command runs, as this process of its container.
    pub running: Option<i32>,
    /// The last word.
    pub ended: Option<Result<ExitStatus>>,
}

impl Told {
    pub fn new(pipe: OwnedFd) -> io::Result<Told> {
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        Ok(Told { pipe: pipe.into(), bytes: Vec::new(), began: false, running: None, ended: None })
    }

    /// Until the command runs, or will not; false at the end of what is told.
    pub fn until_running(&mut self) -> io::Result<()> {
        loop {
            let open = self.read()?;
            if self.running.is_some() || self.ended.is_some() || !open {
                return Ok(());
            }
            match poll(&mut [PollFd::new(&self.pipe.as_fd(), PollFlags::IN)], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// What is there already; false at its end. Whoever told may have left a copy of the writing end with a supervisor,
    /// so once it has ended nothing more is waited for.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut part = [0; 4096];
        loop {
            match self.pipe.read(&mut part) {
                Ok(0) => return Ok(false),
                Ok(count) => self.bytes.extend_from_slice(&part[..count]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(e) => return Err(e),
            }
            while let Some(end) = self.bytes.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                self.hear(&line);
            }
        }
    }

    fn hear(&mut self, line: &[u8]) {
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        if !std::mem::replace(&mut self.began, true) && value["version"].as_u64() != Some(VERSION) {
            let other = Error::new(ErrorKind::Program, "the program `kakuri` is of another version than this library")
                .with_hint("install both from one release");
            self.ended = Some(Err(other));
        }
        if self.ended.is_some() {
            return;
        }
        match value["phase"].as_str() {
            Some("running") => {
                self.running = Some(value["pid"].as_i64().and_then(|pid| pid.try_into().ok()).unwrap_or(0))
            }
            Some("ended") => self.ended = Some(last(&value)),
            _ => {}
        }
    }
}

fn last(value: &Value) -> Result<ExitStatus> {
    let number = |value: &Value| value.as_i64().and_then(|n| i32::try_from(n).ok());
    let code = number(&value["code"]).unwrap_or(125);
    if let Value::Object(failure) = &value["failure"] {
        let text = |key: &str| failure.get(key).and_then(Value::as_str).map(str::to_string);
        let kind = match code {
            127 => ErrorKind::NotFound,
            126 => ErrorKind::NotExecutable,
            _ => ErrorKind::Container,
        };
        let mut error = Error::new(kind, text("what").unwrap_or_default());
        (error.why, error.hint) = (text("why"), text("hint"));
        error.errno = failure.get("errno").and_then(number);
        return Err(error);
    }
    let reason = match number(&value["signal"]) {
        _ if value["timed_out"] == Value::Bool(true) => Reason::TimedOut,
        Some(signal) => Reason::Signaled { signal, core: value["core"] == Value::Bool(true) },
        None => Reason::Exited(u8::try_from(code).unwrap_or(u8::MAX)),
    };
    let used = &value["usage"];
    let count = |key: &str| used[key].as_u64().unwrap_or(0);
    let micros = |key: &str| Duration::from_micros(count(key));
    let usage = used.is_object().then(|| Usage {
        wall: micros("wall_us"),
        user: micros("user_us"),
        system: micros("system_us"),
        peak_memory: count("peak_kib").saturating_mul(1024),
    });
    Ok(ExitStatus { reason, usage })
}
