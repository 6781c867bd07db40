//! The front's side of the link: what it may say, in which order. Runs without any capability until [`enter`].

use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::channel::{Broken, Received};
use kakuri_wire::namespace::Kind;
use kakuri_wire::{Channel, Fail, Kernelfs, Result, Stage, document, namespace};

use crate::power::Power;
use crate::{Plan, ToMount};

/// What a failed receive is in words. A closed link is no error to tell: there is nobody left to hear it.
fn broken(broken: Broken) -> Fail {
    Fail::new(Stage::Mount, "cannot hear kakuri").why(broken.to_string())
}

/// The phase table is this program's own order of calls: anything else is out of turn.
fn out_of_turn(expected: &str, message: &ToMount) -> Fail {
    let said = match message {
        ToMount::Plan(_) => "Plan",
        ToMount::Map => "Map",
        ToMount::Join => "Join",
        ToMount::Finish(_) => "Finish",
    };
    Fail::new(Stage::Mount, "kakuri spoke out of turn").why(format!("it said {said} where {expected} belongs"))
}

/// The first message: who speaks, and the plan.
pub fn plan(link: &Channel) -> Result<Plan> {
    let Received { message, enclosed, mut fds } = link.recv_enclosing().map_err(broken)?;
    match message {
        ToMount::Plan(version) => {
            version.check(Stage::Mount)?;
            document::unpack(Stage::Mount, enclosed.as_deref(), &mut fds, 0)
        }
        message => Err(out_of_turn("Plan", &message)),
    }
}

/// After a plan that has files under other owners: the owners.
pub fn map(link: &Channel) -> Result<OwnedFd> {
    match link.recv().map_err(broken)? {
        (ToMount::Map, fds) => one(fds),
        (message, _) => Err(out_of_turn("Map", &message)),
    }
}

/// The next: PID 1 stands, its maps are written.
pub fn join(link: &Channel) -> Result<OwnedFd> {
    match link.recv().map_err(broken)? {
        (ToMount::Join, fds) => one(fds),
        (message, _) => Err(out_of_turn("Join", &message)),
    }
}

/// The third: what PID 1 made, each with its descriptor.
pub fn finish(link: &Channel) -> Result<Vec<(Kernelfs, OwnedFd)>> {
    match link.recv().map_err(broken)? {
        (ToMount::Finish(kinds), fds) => Ok(kinds.into_iter().zip(fds).collect()),
        (message, _) => Err(out_of_turn("Finish", &message)),
    }
}

/// Joins the container's user and mount namespaces in one setns(2): its order (user first, which gives the
/// capabilities the other asks for) is the kernel's own. Then all but one of those capabilities go.
pub fn enter(pid1: OwnedFd, plan: &Plan) -> Result<()> {
    namespace::join(Stage::Mount, pid1.as_fd(), Kind::USER | Kind::MOUNT)?;
    confine(plan)
}

/// CAP_SYS_ADMIN and nothing else: every mount call wants it, and files stay the caller's own matter
/// (no DAC_OVERRIDE, so what the caller may not read is not read for the container either). What a plan with a writable
/// overlay or with a range of ids wants beside it is put aside, in no effect, for the steps that want it.
pub fn confine(plan: &Plan) -> Result<()> {
    Power::settle(plan)?;
    // Modes are the plan's, exactly.
    rustix::process::umask(rustix::fs::Mode::empty());
    Ok(())
}

/// The message's count was checked against its descriptors when it was received.
fn one(fds: Vec<OwnedFd>) -> Result<OwnedFd> {
    fds.into_iter().next().ok_or_else(|| Fail::new(Stage::Mount, "kakuri sent no descriptor"))
}
