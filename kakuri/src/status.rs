//! `--status-fd N`: one JSON line a phase, for programs that start kakuri.
//!
//! `{"phase":"making"}`, `finishing`, `connecting` (where the network is waited for), `launching`, `{"phase":"running","pid":2}` (the command's pid inside),
//! and last `{"phase":"ended","origin":"command"|"kakuri","code":N,"signal":N|null,"stage":..,"error":..}`. Where limits were asked for,
//! that has `"oom":BOOL` and `"usage":{"memory_peak":BYTES,"cpu_usec":N,"pids_peak":N,...}` too, null being what was not counted.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use kakuri_init::Status;
use kakuri_wire::Fail;
use serde_json::{Value, json};

use crate::cgroup::Usage;
use crate::exit;
use crate::phase::Phase;

pub struct Reporter {
    file: Option<File>,
}

impl Reporter {
    pub fn new(fd: Option<OwnedFd>) -> Reporter {
        Reporter { file: fd.map(File::from) }
    }

    /// One line, in one write. A reader that has gone is no reason to end the command.
    fn line(&mut self, value: &Value) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(format!("{value}\n").as_bytes());
        }
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
        self.line(&json!({ "phase": name }));
    }

    pub fn running(&mut self, pid: i32) {
        self.line(&json!({ "phase": "running", "pid": pid }));
    }

    pub fn ended(&mut self, status: Status, timed_out: bool, usage: Option<&Usage>) {
        let signal = match status {
            Status::Code(_) => None,
            Status::Signal { signal, .. } => Some(signal),
        };
        let origin = if timed_out { "kakuri" } else { "command" };
        let error = timed_out.then_some("the time limit passed");
        let mut line = json!({ "phase": "ended", "origin": origin, "code": exit::code(status, timed_out),
            "signal": signal, "stage": if timed_out { "kakuri" } else { "command" }, "error": error });
        if let Some(usage) = usage {
            line["oom"] = (usage.oom_kills > 0).into();
            line["usage"] = json!(usage);
        }
        self.line(&line);
    }

    pub fn failed(&mut self, fail: &Fail) {
        self.line(&json!({ "phase": "ended", "origin": "kakuri", "code": fail.code, "signal": null,
            "stage": fail.stage.to_string(), "error": fail.to_string() }));
    }
}
