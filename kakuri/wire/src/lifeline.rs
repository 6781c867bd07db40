//! How a process of ours learns that the one it serves is gone: the parent-death signal for the moment it
//! is in a system call, and the link's end of file wherever it waits.

use std::os::fd::OwnedFd;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::channel::Channel;
use crate::fail::{Fail, OrFail, Result, Stage};
use crate::sys;

/// Where the front puts a helper's end of its link before the exec.
pub const LINK: i32 = 3;

/// Takes over the link at descriptor 3 and ties this process's life to the front's.
///
/// The signal is set after the exec, because a gain of credentials clears it (prctl(2)); a front that died
/// before is then found by the hang-up of the link, which it alone held.
pub fn attach(stage: Stage) -> Result<Channel> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .fail(stage, || "cannot ask for the parent-death signal".into())?;
    let socket: OwnedFd = sys::inherit(LINK).ok_or_else(|| {
        Fail::new(stage, format!("{stage} was started without a link")).why("descriptor 3 is not open")
    })?;
    let link = Channel::from(socket);
    if link.hung_up() {
        return Err(Fail::new(stage, "kakuri ended before its helper started"));
    }
    Ok(link)
}
