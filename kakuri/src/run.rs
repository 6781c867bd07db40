//! A temporary container from its plan to its exit code.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_mount::UnionKind;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::sys;

use crate::cell::{self, Begun, Cell, Descriptors, First, NotStarted};
use crate::helper::Programs;
use crate::phase::Phase;
use crate::plan::{Outline, Plan, Terminal};
use crate::signals::Signals;
use crate::status::Reporter;
use crate::supervise::{Outcome, supervise};
use crate::terminal::{Caller, Relay, stdio};

/// What a run is given beside its plan.
pub struct Run<'a> {
    pub programs: &'a Programs,
    pub outline: &'a Outline,
    pub caller: Caller,
    /// In the order of the plan's numbers.
    pub passed: Vec<OwnedFd>,
}

impl Run<'_> {
    /// Runs the plan's command in the container begun for it, which is gone afterwards.
    pub fn finish(&self, begun: Begun, plan: &mut Plan, reporter: &mut Reporter) -> Result<Outcome> {
        plan.prepare()?;
        let cell = match self.attempt(begun, plan, reporter) {
            // An overlay of the host's folder is refused where something is mounted in it, or where it is an
            // overlay of overlays: binding its entries one by one shows the same.
            Err(NotStarted::Refused(fail)) => {
                log::info!("{fail}; binding its entries one by one instead");
                let begun = cell::begin(self.outline, &plan.wiring, self.programs)?;
                self.attempt(begun, &plan.with_unions(UnionKind::Entries), reporter)
            }
            other => other,
        };
        let (mut cell, signals) = cell.map_err(|e| match e {
            NotStarted::Failed(fail) | NotStarted::Refused(fail) if fail.stage == Stage::Command => {
                plan.explain_refused_command(plan.process.argv.first(), fail)
            }
            NotStarted::Failed(fail) | NotStarted::Refused(fail) => fail,
        })?;
        plan.wiring.forget_secrets();
        reporter.running(cell.pid);
        log::info!("'{}' runs as process {} of the container", self.outline.label, cell.pid);
        let all = plan.terminal == Terminal::Always;
        let relay = cell.terminal.take().map(|master| Relay::new(&self.caller, master, all)).transpose()?;
        supervise(cell, signals, relay, plan.timeout)
    }

    fn attempt(&self, begun: Begun, plan: &Plan, reporter: &mut Reporter) -> Result<(Cell, Signals), NotStarted> {
        let mut process = plan.process.clone();
        process.terminal = self.caller.replaced(plan.terminal);
        if process.terminal.contains(&true) {
            process.window = self.caller.window();
        }
        let inherited: Vec<BorrowedFd> =
            stdio().into_iter().zip(process.terminal).filter(|(_, own)| !own).map(|(fd, _)| fd).collect();
        let descriptors = Descriptors { inherited, passed: self.passed.iter().map(AsFd::as_fd).collect() };
        begun.carry_out(plan, &First::Command(&process, descriptors), &mut |phase: Phase| reporter.reached(phase))
    }
}

/// `--pass-fd N`: taken over before anything of ours is opened, which could end up at that number.
pub fn take_passed(numbers: &[i32]) -> Result<Vec<OwnedFd>> {
    let take = |&number: &i32| {
        sys::inherit(number).ok_or_else(|| {
            Fail::new(Stage::Front, format!("cannot pass descriptor {number}"))
                .why("it is not open")
                .hint(format!("open it in the shell first: kakuri --pass-fd {number} CMD {number}<FILE"))
        })
    };
    numbers.iter().map(take).collect()
}
