//! What the front of a container, and a supervisor, may still do when it stands: root's too.

use std::os::fd::BorrowedFd;

use kakuri_wire::caps::{self, Set};
use kakuri_wire::fail::{OrFail, Result, Stage};
use rustix::fs::{FileType, Mode, fchmod, fstat};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_no_new_privs, set_thread_res_gid, set_thread_res_uid};

/// Of a supervisor: it uses its own files alone, but the way to them may lead through folders of somebody else's, as
/// in the home of who called sudo.
pub const SUPERVISOR: Set = Set::DAC_READ_SEARCH;

/// Has the command open by name the pipes it is given (/dev/stdout), where they are root's and it is not: their mode lets
/// anybody, and nobody but who has one of them open finds a pipe by name.
pub fn lend_pipes(fds: &[BorrowedFd]) {
    let own = geteuid().as_raw();
    for fd in fds {
        if fstat(fd).is_ok_and(|stat| stat.st_uid == own && FileType::from_raw_mode(stat.st_mode) == FileType::Fifo) {
            // Where it cannot be, it is used as it is.
            let _ = fchmod(fd, Mode::from_raw_mode(0o666));
        }
    }
}

/// Acts for a container's root, whose numbers on the host these are, upon its files: what is made is then his. Root's own
/// rights over files stay in effect. Only where root has called.
pub fn act_as((uid, gid): (u32, u32)) -> Result<()> {
    let what = || "cannot act for the container's root".to_string();
    let held = caps::held(Stage::Front)?;
    set_thread_res_gid(None, Gid::from_raw(gid), None)
        .and_then(|()| set_thread_res_uid(None, Uid::from_raw(uid), None))
        .fail(Stage::Front, what)?;
    // The exchange has taken them out of it.
    caps::put_in_effect(Stage::Front, held)
}

/// Gives up all but `kept` for good. What is started later, the look-ups of a tunnel, gains nothing by being root's.
/// An ordinary user has nothing to give up, and may need newuidmap(1) once more, which no_new_privs would disarm: to
/// remove the files of a range of ids.
pub fn give_up(kept: Set) -> Result<()> {
    let held = caps::held(Stage::Front)?;
    if held.is_empty() {
        return Ok(());
    }
    caps::keep(Stage::Front, held & kept)?;
    set_no_new_privs(true).fail(Stage::Front, || "cannot give up new privileges".into())
}
