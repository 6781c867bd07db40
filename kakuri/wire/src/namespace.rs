//! Entering namespaces. By descriptor only: nothing is looked up by pid.

use std::os::fd::BorrowedFd;

use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces};

use crate::fail::{OrFail, Result, Stage};

pub use rustix::thread::ThreadNameSpaceType as Kind;

/// Joins the given namespaces of the process a pidfd names (setns(2) with a pidfd, Linux 5.8). It must be
/// dumpable still, and ours.
pub fn join(stage: Stage, process: BorrowedFd, kinds: ThreadNameSpaceType) -> Result<()> {
    move_into_thread_name_spaces(process, kinds).fail(stage, || "cannot join the container's namespaces".into())
}

/// Joins a network namespace by its descriptor, after the user namespace that owns it where that is not our own.
pub fn join_network(owner: Option<BorrowedFd>, network: BorrowedFd) -> std::io::Result<()> {
    if let Some(owner) = owner {
        join_user(owner)?;
    }
    Ok(move_into_link_name_space(network, Some(LinkNameSpaceType::Network))?)
}

/// Joins a user namespace below our own, by its descriptor.
pub fn join_user(namespace: BorrowedFd) -> rustix::io::Result<()> {
    move_into_link_name_space(namespace, Some(LinkNameSpaceType::User))
}
