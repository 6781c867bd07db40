//! How a process that hears strangers gives up all it does not need: step by step, and for good.

use std::os::fd::BorrowedFd;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::fail::{OrFail, Result, Stage};
use crate::sys::confine::{self as kernel, Instruction, Ruleset};

/// Nobody of the same user reads this process's memory, and it is never written to a file.
pub fn hide(stage: Stage) -> Result<()> {
    kernel::hide().fail(stage, || format!("cannot hide the memory of {stage}"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).fail(stage, || "cannot forbid core files".into())
}

/// Nothing this process starts gains a right.
pub fn no_new_privileges(stage: Stage) -> Result<()> {
    kernel::no_new_privileges().fail(stage, || "cannot give up new privileges".into())
}

/// What is denied of TCP, where the kernel's Landlock can (landlock(7), version 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    Nothing,
    Bind,
    BindAndConnect,
}

/// Denies this thread, and those it starts, every file but those `readable`, a folder, has, for reading; and signals and
/// abstract sockets of others. A kernel without Landlock denies nothing, so that a filter of calls must do.
pub fn restrict(stage: Stage, tcp: Tcp, readable: Option<BorrowedFd>) -> Result<()> {
    const READ_FILE_AND_FOLDER: u64 = 1 << 2 | 1 << 3;
    let Ok(version) = kernel::landlock_version() else { return Ok(()) };
    // Every right each version has added to the ones before it (landlock(7)).
    let (files, size) = match version {
        0 => return Ok(()),
        1 => (0x1fff, 8),
        2 => (0x3fff, 8),
        3 => (0x7fff, 8),
        4 => (0x7fff, 16),
        5 => (0xffff, 16),
        _ => (0xffff, 24),
    };
    let tcp = match tcp {
        Tcp::Nothing => 0,
        Tcp::Bind => 1,
        Tcp::BindAndConnect => 3,
    };
    let set = Ruleset { files, network: if version >= 4 { tcp } else { 0 }, scoped: if version >= 6 { 3 } else { 0 } };
    let excepted = readable.map(|folder| (folder, READ_FILE_AND_FOLDER));
    kernel::deny(&set, size, excepted).fail(stage, || format!("cannot put {stage} under Landlock"))
}

/// Puts every thread under a filter of system calls, made by kakuri-seccomp when the program was built.
pub fn filter(stage: Stage, program: &[Instruction]) -> Result<()> {
    kernel::filter_all_threads(program).fail(stage, || format!("cannot put {stage} under a seccomp filter"))
}
