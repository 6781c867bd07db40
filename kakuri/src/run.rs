//! A temporary container from its plan to its exit code.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_mount::UnionKind;
use kakuri_wire::fail::{CODE_NOT_FOUND, Fail, OrFail, Result, Stage};
use kakuri_wire::sys;

use crate::cell::{self, Cell, Descriptors, NotStarted};
use crate::helper::Programs;
use crate::phase::Phase;
use crate::plan::Plan;
use crate::status::Reporter;
use crate::supervise::{Outcome, supervise};
use crate::terminal::{Caller, Relay, stdio};

/// Runs the plan's command in a container that is gone afterwards.
pub fn run(plan: &Plan, programs: &Programs, reporter: &mut Reporter) -> Result<Outcome> {
    let caller = Caller::look()?;
    let passed = passed(plan)?;
    for folder in &plan.create {
        std::fs::create_dir_all(folder.as_path())
            .fail(Stage::Front, || format!("cannot make the folder '{folder}'"))?;
    }
    let cell = match attempt(plan, &caller, &passed, programs, reporter) {
        // An overlay of the host's folder is refused where something is mounted in it, or where it is an
        // overlay of overlays: binding its entries one by one shows the same.
        Err(NotStarted::Refused(fail)) => {
            log::info!("{fail}; binding its entries one by one instead");
            attempt(&plan.with_unions(UnionKind::Entries), &caller, &passed, programs, reporter)
        }
        other => other,
    };
    let cell = cell.map_err(|e| match e {
        NotStarted::Failed(fail) | NotStarted::Refused(fail) if fail.code == CODE_NOT_FOUND => {
            with_bind_hint(plan, fail)
        }
        NotStarted::Failed(fail) | NotStarted::Refused(fail) => fail,
    })?;
    reporter.running(cell.pid);
    let Cell { terminal, .. } = &cell;
    let relay = terminal.as_ref().map(|master| master.try_clone()).transpose();
    let relay = relay.map_err(|e| Fail::new(Stage::Front, "cannot use the container's terminal").errno(e))?;
    let relay = relay.map(|master| Relay::new(&caller, master)).transpose()?;
    supervise(cell, relay, plan.timeout)
}

fn attempt(
    plan: &Plan,
    caller: &Caller,
    passed: &[OwnedFd],
    programs: &Programs,
    reporter: &mut Reporter,
) -> Result<Cell, NotStarted> {
    let mut process = plan.process.clone();
    process.terminal = caller.replaced(plan.terminal);
    if process.terminal.contains(&true) {
        process.window = caller.window();
    }
    let inherited: Vec<BorrowedFd> =
        stdio().into_iter().zip(process.terminal).filter(|(_, own)| !own).map(|(fd, _)| fd).collect();
    let descriptors = Descriptors { inherited, passed: passed.iter().map(AsFd::as_fd).collect() };
    cell::start(plan, &process, &descriptors, programs, &mut |phase: Phase| reporter.reached(phase))
}

/// A command that exists outside: the bind that would show it. One that does not: where it was looked for.
fn with_bind_hint(plan: &Plan, fail: Fail) -> Fail {
    match plan.hint_for_missing_command() {
        Some(hint) => fail.hint(hint),
        None => fail.hint(format!("the container's PATH is {}; is it installed?", plan.process.path)),
    }
}

/// `--pass-fd N`: taken over once, so that nothing of ours ends up at that number.
fn passed(plan: &Plan) -> Result<Vec<OwnedFd>> {
    let take = |&number: &i32| {
        sys::inherit(number).ok_or_else(|| {
            Fail::new(Stage::Front, format!("cannot pass descriptor {number}"))
                .why("it is not open")
                .hint(format!("open it in the shell first: kakuri --pass-fd {number} CMD {number}<FILE"))
        })
    };
    plan.process.pass.iter().map(take).collect()
}
