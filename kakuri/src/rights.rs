//! What the front of a container, and a supervisor, may still do when it stands: root's too.

use kakuri_wire::caps::{self, Set};
use kakuri_wire::fail::{OrFail, Result, Stage};
use rustix::thread::set_no_new_privs;

/// Of a supervisor: it uses its own files alone, but the way to them may lead through folders of somebody else's, as
/// in the home of who called sudo.
pub const SUPERVISOR: Set = Set::DAC_READ_SEARCH;

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
