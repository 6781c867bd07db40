//! Doing something to files of the caller's sub-ids, which on the host are not his: in a child that is root of a user
//! namespace with all his ids, and of nothing else. It makes no other namespace and touches no file of anybody else.

use std::fs::File;
use std::io::{Read, Write};
use std::time::Instant;

use kakuri_wire::fail::{CODE_FAILED, Fail, OrFail, Result, Stage};
use kakuri_wire::sys;
use nix::sched::{CloneFlags, unshare};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Range;
use super::tools::{LIMIT, Mapping, OF_OTHERS};
use crate::process::Owned;

/// Calls `act` there; its answer comes back as it would from a call.
pub fn within<T: Serialize + DeserializeOwned>(range: &Range, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let what = || "cannot act for your sub-ids".to_string();
    let pipe = || pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, what);
    let ((ready, is_ready), (gate, opener), (answer, answers)) = (pipe()?, pipe()?, pipe()?);
    let Some((pid, pidfd)) = sys::fork().fail(Stage::Front, what)? else {
        drop((ready, opener, answer));
        let told = act_within(File::from(is_ready), File::from(gate), act);
        let sent = serde_json::to_vec(&told).map(|text| File::from(answers).write_all(&text));
        // Nothing of the parent's is dropped here.
        std::process::exit(if matches!(sent, Ok(Ok(()))) { 0 } else { i32::from(CODE_FAILED) })
    };
    drop((is_ready, gate, answers));
    let mut child = Owned::new(pidfd, Stage::Front);
    let mut answer = File::from(answer);
    // A child that could not make its namespace has said why.
    if File::from(ready).read_exact(&mut [0_u8; 1]).is_ok() {
        Mapping::begin(pid, range, OF_OTHERS)?.finish(Instant::now() + LIMIT)?;
        // Where it is gone, there is no answer either.
        let _ = sys::ignoring(libc::SIGPIPE, || File::from(opener).write_all(b"1"));
    }
    let mut text = Vec::new();
    answer.read_to_end(&mut text).map_err(|e| Fail::new(Stage::Front, what()).errno(e))?;
    child.await_end(LIMIT);
    let told: Result<T> = serde_json::from_slice(&text).map_err(|_| {
        Fail::new(Stage::Front, what()).why(child.end().unwrap_or_else(|| "its process said nothing".into()))
    })?;
    told
}

fn act_within<T>(mut is_ready: File, mut gate: File, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let what = || "cannot act for your sub-ids".to_string();
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|e| {
        let (why, hint) = crate::userns::explain_failure(e as i32);
        Fail::new(Stage::Front, "cannot make a user namespace").errno(e).why(why).hint(hint)
    })?;
    let io = |e: std::io::Error| Fail::new(Stage::Front, what()).errno(e);
    is_ready.write_all(b"1").map_err(io)?;
    drop(is_ready);
    // The parent is gone where there is no word.
    gate.read_exact(&mut [0_u8; 1]).map_err(io)?;
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)
        .and_then(|()| set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT))
        .fail(Stage::Front, what)?;
    act()
}
