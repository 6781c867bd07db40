//! `--status-fd N`: one JSON line a phase, for programs that start kakuri.
//!
//! `{"phase":"making","version":1}`, `finishing`, `connecting` (where the network is waited for), `launching`,
//! `{"phase":"running","pid":2}` (the command's pid inside), and last
//! `{"phase":"ended","origin":"command"|"kakuri","code":N,"signal":N|null,"stage":..,"error":..}`. The first line, whichever
//! it is, has the version, raised when a reader of the one before would go wrong.
//!
//! Where a command ran, the last line has `usage` (`wall_us`, since it was told that it runs; `user_us`, `system_us`, `peak_kib`; getrusage(2)),
//! `timed_out` and `core`. Where kakuri failed it has `failure`: `what`, `why`, `hint`, `errno`.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Instant;

use kakuri_init::{Status, Usage};
use kakuri_wire::Fail;
use serde_json::{Value, json};

use crate::exit;
use crate::phase::Phase;

const VERSION: u32 = 1;

pub struct Reporter {
    file: Option<File>,
    /// Nothing was told yet.
    first: bool,
    /// When the command began, where somebody listens.
    began: Option<Instant>,
}

impl Reporter {
    pub fn new(fd: Option<OwnedFd>) -> Reporter {
        Reporter { file: fd.map(File::from), first: true, began: None }
    }

    /// One line, in one write. A reader that has gone is no reason to end the command.
    fn line(&mut self, make: impl FnOnce() -> Value) {
        let Some(file) = &mut self.file else { return };
        let mut value = make();
        if std::mem::take(&mut self.first) {
            value["version"] = VERSION.into();
        }
        let _ = file.write_all(format!("{value}\n").as_bytes());
    }

    pub fn reached(&mut self, phase: Phase) {
        let name = match phase {
            Phase::Making => "making",
            Phase::Finishing => "finishing",
            Phase::Connecting => "connecting",
            Phase::Launching => "launching",
            // These carry more than their name.
            Phase::Running | Phase::Ended => return,
        };
        self.line(|| json!({ "phase": name }));
    }

    pub fn running(&mut self, pid: i32) {
        self.began = self.file.as_ref().map(|_| Instant::now());
        self.line(|| json!({ "phase": "running", "pid": pid }));
    }

    pub fn ended(&mut self, status: Status, timed_out: bool, usage: Usage) {
        let wall = self.began.map_or(0, |began| u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        let (signal, core) = match status {
            Status::Code(_) => (None, false),
            Status::Signal { signal, core } => (Some(signal), core),
        };
        let who = if timed_out { "kakuri" } else { "command" };
        let error = timed_out.then_some("the time limit passed");
        let Usage { user_us, system_us, peak_kib } = usage;
        self.line(|| {
            json!({ "phase": "ended", "origin": who, "code": exit::code(status, timed_out), "signal": signal,
                "stage": who, "error": error, "timed_out": timed_out, "core": core,
                "usage": { "wall_us": wall, "user_us": user_us, "system_us": system_us, "peak_kib": peak_kib } })
        });
    }

    pub fn failed(&mut self, fail: &Fail) {
        self.line(|| {
            json!({ "phase": "ended", "origin": "kakuri", "code": fail.code, "signal": null,
                "stage": fail.stage.to_string(), "error": fail.to_string(),
                "failure": { "what": fail.what, "why": fail.reason(), "hint": fail.hint, "errno": fail.errno } })
        });
    }
}
