//! The supervisor of a named container: a small process of its own, whatever becomes of who started it. Host
//! namespaces, no capability, one thread, one poll.
//!
//! It is forked from the front before anything is made, with the plan already decided, and keeps nothing of the
//! caller's: a session of its own, `/` as its folder, no descriptor but the container's lock, what holds its image, and the link to
//! the starter, who is the first to ask it something. From then on there is no difference between the starter and whoever
//! comes over the control socket.
//!
//! A session is held by exactly one process, which has its link and its terminal: who asked for it, or this one for
//! what runs detached. Holding can be handed over both ways.

mod handover;
mod inside;
mod life;
mod network;
mod order;
mod presence;
mod refusals;
mod requests;
mod sessions;
mod share;
mod watch;

use std::os::fd::{AsFd, AsRawFd};

use kakuri_wire::fail::{CODE_FAILED, OrFail, Result, Stage};
use kakuri_wire::{Channel, sys};
use rustix::process::{chdir, setsid};

use crate::helper::{Programs, open_null};
use crate::image::ready::Ready;
use crate::plan::{Outline, Plan};
use crate::store::{Entry, Lock};
pub use life::now;

/// When the container ends, beside being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// With its first process.
    First,
    /// When the last who is in it leaves.
    WhileUsed,
    UntilStopped,
}

/// All a supervisor needs: decided, checked, and locked.
pub struct Commission {
    pub entry: Entry,
    pub lock: Lock,
    pub plan: Plan,
    pub outline: Outline,
    pub programs: Programs,
    pub life: Life,
    /// Its image, which nobody removes as long as this is there.
    pub image: Option<Ready>,
}

/// Makes the supervisor; the link to it. What cannot be made is told on that link.
pub fn detach(commission: Commission) -> Result<Channel> {
    let what = || "cannot start the supervisor of the container".to_string();
    let (near, far) = Channel::pair().fail(Stage::Front, what)?;
    match sys::fork().fail(Stage::Front, what)? {
        // Not waited for: it outlives this process, or ends a moment before it.
        Some(_) => Ok(near),
        None => {
            let code = leave_caller(&commission, &far).map_or(CODE_FAILED, |()| life::live(commission, far));
            // Nothing of the caller's is dropped: its descriptors are closed already, their numbers are others now.
            std::process::exit(i32::from(code))
        }
    }
}

/// Keeps nothing of the caller's.
fn leave_caller(commission: &Commission, link: &Channel) -> Result<()> {
    let what = || "cannot leave the caller".to_string();
    setsid().fail(Stage::Front, what)?;
    // A folder somebody works in could not be unmounted.
    chdir("/").fail(Stage::Front, what)?;
    let null = open_null()?;
    for number in 0..3 {
        sys::dup_onto(null.as_fd(), number).fail(Stage::Front, what)?;
    }
    let mut kept = vec![commission.lock.file.as_raw_fd() as u32, link.as_fd().as_raw_fd() as u32];
    kept.extend(commission.image.iter().flat_map(Ready::descriptors).map(|fd| fd as u32));
    kept.extend(commission.plan.wiring.joined.iter().flat_map(|joined| joined.descriptors()));
    kept.sort_unstable();
    let mut first = 3;
    for number in kept {
        if number > first {
            sys::close_range(first, number - 1, false).fail(Stage::Front, what)?;
        }
        first = number + 1;
    }
    // The one of /dev/null is among them.
    std::mem::forget(null);
    sys::close_range(first, u32::MAX, false).fail(Stage::Front, what)
}
