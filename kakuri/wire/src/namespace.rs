//! Entering namespaces. By descriptor only: nothing is looked up by pid.

use std::os::fd::BorrowedFd;

use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::fail::{OrFail, Result, Stage};

pub use rustix::thread::ThreadNameSpaceType as Kind;

/// Joins the given namespaces of the process a pidfd names (setns(2) with a pidfd, Linux 5.8). It must be
/// dumpable still, and ours.
pub fn join(stage: Stage, process: BorrowedFd, kinds: ThreadNameSpaceType) -> Result<()> {
    move_into_thread_name_spaces(process, kinds).fail(stage, || "cannot join the container's namespaces".into())
}
