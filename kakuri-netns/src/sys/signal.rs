//! Signals that would end this process for what somebody else does: those a terminal sends to everybody in its
//! foreground, and the one for a peer that has gone.

use std::sync::atomic::{AtomicUsize, Ordering};

const TYPED: [libc::c_int; 2] = [libc::SIGINT, libc::SIGQUIT];
/// What they did before, for the program that is started.
static BEFORE: [AtomicUsize; 2] = [const { AtomicUsize::new(libc::SIG_DFL) }; 2];

/// This process and those it forks do not end by them.
pub fn ignore_typed() {
    for (signal, before) in TYPED.iter().zip(&BEFORE) {
        // SAFETY: signal() only exchanges a disposition.
        let old = unsafe { libc::signal(*signal, libc::SIG_IGN) };
        before.store(if old == libc::SIG_ERR { libc::SIG_DFL } else { old }, Ordering::Relaxed);
    }
}

/// What they did before, for a process about to become another program.
pub fn restore_typed() {
    for (signal, before) in TYPED.iter().zip(&BEFORE) {
        // SAFETY: as above; the disposition is one that signal() gave, and this program has no handlers.
        unsafe { libc::signal(*signal, before.load(Ordering::Relaxed)) };
    }
}

/// A peer that has gone is an error where something is written to it, and does not end this process: splice(2) cannot be
/// told so by a flag, as send(2) can. A child by std::process::Command has the default again.
pub fn ignore_broken_pipes() {
    // SAFETY: signal() only exchanges a disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}
