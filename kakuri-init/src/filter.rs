//! The system calls of the container, PID 1's own among them.
//!
//! PID 1 puts itself under the filter, and every command inherits it: so that run and exec cannot differ, and the kernel
//! prepares it while kakuri-mount is still at work. What PID 1 needs beyond what a command may do is to join P, and that is
//! allowed to all: nobody but PID 1 has a namespace to join that would give him anything. A profile of the user's own might
//! refuse what PID 1 needs; each command gets that one by itself, as its last step before the exec.

use std::os::fd::AsFd;

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use kakuri_wire::sys::confine::{Instruction, filter_all_threads};
use kakuri_wire::sys::listen;
use rustix::thread::set_no_new_privs;

use crate::{Filter, FromInit};

include!(concat!(env!("OUT_DIR"), "/filters.rs"));

fn program(filter: Filter, nest: bool) -> &'static [Instruction] {
    match (nest, filter.set_id) {
        (false, false) => &STRICT,
        (false, true) => &SET_ID,
        (true, false) => &NEST,
        (true, true) => &NEST_SET_ID,
    }
}

/// For this process and all that come of it.
pub fn install(filter: Option<Filter>, nest: bool) -> Result<()> {
    let Some(filter) = filter else { return Ok(()) };
    // Without it the kernel takes no filter of who has no power.
    set_no_new_privs(true).fail(Stage::Init, || "cannot set no_new_privs".into())?;
    apply(program(filter, nest))
}

/// For this process and all that come of it. It has to have no_new_privs.
pub fn apply(program: &[Instruction]) -> Result<()> {
    filter_all_threads(program).map_err(|e| {
        Fail::new(Stage::Init, "cannot filter the container's system calls")
            .errno(e)
            .hint("a kernel without CONFIG_SECCOMP_FILTER has none; --security-opt seccomp=unconfined starts without")
    })
}

/// The same for one whose refused calls somebody answers, who is handed the other end: the last step but the exec, with which
/// our own copies close. The profile has to leave the calls of this function and the exec alone, because nobody listens yet.
pub fn watch(program: &[Instruction], front: &Channel, session: u32) -> Result<()> {
    let what = || "cannot listen to the container's refused system calls (--seccomp-log)";
    let listener = listen::filter(program).map_err(|e| {
        let fail = Fail::new(Stage::Init, what()).errno(e);
        match fail.errno {
            Some(libc::EBUSY) => fail
                .why("a sandbox around kakuri listens to its own, and the kernel has room for one")
                .hint("leave --seccomp-log out in there"),
            _ => fail.hint("leave --seccomp-log out: this kernel has no seccomp_unotify(2), or a sandbox forbids it"),
        }
    })?;
    front.send(&FromInit::Watched { session }, &[listener.as_fd()]).map_err(|e| {
        Fail::new(Stage::Init, what())
            .why(format!("nobody could be handed them: {e}"))
            .hint("a profile that refuses sendmsg cannot be listened to")
    })
}

/// A command's own.
pub fn read(bytes: &[u8]) -> Result<Vec<Instruction>> {
    let (steps, rest) = bytes.as_chunks::<8>();
    if steps.is_empty() || !rest.is_empty() {
        return Err(Fail::new(Stage::Init, "received a filter of system calls that is none"));
    }
    let step = |&[a, b, jt, jf, c, d, e, f]: &[u8; 8]| Instruction {
        code: u16::from_ne_bytes([a, b]),
        jt,
        jf,
        k: u32::from_ne_bytes([c, d, e, f]),
    };
    Ok(steps.iter().map(step).collect())
}
