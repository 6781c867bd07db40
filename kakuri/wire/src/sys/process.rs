//! Making processes and becoming programs.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::check;

const STACK: usize = 64 * 1024;

#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);
// SAFETY: used by one clone at a time: our programs are single-threaded and CLONE_VFORK suspends the caller.
unsafe impl Sync for Stack {}
static CHILD_STACK: Stack = Stack(UnsafeCell::new([0; STACK]));

/// clone(2) with CLONE_VM|CLONE_VFORK|CLONE_PIDFD and `flags`: runs `child` in this very memory on a stack of
/// its own, and returns once it has exec'ed or ended. `child`'s value is its exit status.
///
/// Not reentrant: `child` must not call it. Returns the pid as this process sees it and the pidfd.
pub fn clone_vfork<F: FnMut() -> c_int>(flags: c_int, child: &mut F) -> io::Result<(i32, OwnedFd)> {
    extern "C" fn enter<F: FnMut() -> c_int>(arg: *mut c_void) -> c_int {
        // SAFETY: arg is the &mut F below, alive because the parent is suspended.
        let child = unsafe { &mut *arg.cast::<F>() };
        let status = child();
        // SAFETY: _exit skips destructors and atexit handlers, which belong to the parent.
        unsafe { libc::_exit(status) }
    }
    let mut pidfd: c_int = -1;
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: the stack is ours alone (see CHILD_STACK), its top is aligned; the parent does not run until the
    // child has exec'ed or exited, so the shared memory is never used by two at a time.
    let pid = unsafe {
        let top = CHILD_STACK.0.get().cast::<u8>().add(STACK).cast::<c_void>();
        libc::clone(enter::<F>, top, flags, ptr::from_mut(child).cast(), ptr::from_mut(&mut pidfd))
    };
    check(pid as libc::c_long)?;
    // SAFETY: CLONE_PIDFD has stored a fresh close-on-exec descriptor.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// fork(2) with a pidfd: None in the child. The parent goes on at once.
pub fn fork() -> io::Result<Option<(i32, OwnedFd)>> {
    let mut pidfd: c_int = -1;
    // SAFETY: a null stack makes clone behave as fork; single-threaded, so the child's copy is consistent.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            (libc::CLONE_PIDFD | libc::SIGCHLD) as libc::c_long,
            0_usize,
            ptr::from_mut(&mut pidfd),
            0_usize,
            0_usize,
        )
    };
    match check(pid)? {
        0 => Ok(None),
        // SAFETY: CLONE_PIDFD has stored a fresh close-on-exec descriptor in the parent.
        pid => Ok(Some((pid as i32, unsafe { OwnedFd::from_raw_fd(pidfd) }))),
    }
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

/// execveat(2) of an open program by its descriptor; returns only the error. A script needs a descriptor
/// that stays open over exec, so programs started this way are ELF.
pub fn exec_fd(program: BorrowedFd, argv: &[&CStr], env: &[&CStr]) -> io::Error {
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays are null-terminated and outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}

/// execve(2); returns only the error.
pub fn exec(path: &CStr, argv: &[&CStr], env: &[&CStr]) -> io::Error {
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays are null-terminated and outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Restores every signal that has a handler to its default (exec would do so too; ignored ones stay
/// ignored, as the caller of kakuri wanted), and sets the signal mask. For a child about to exec.
pub fn reset_signals(mask: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: mask is a valid set; null asks for no old set.
    let r = unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
    check(r as libc::c_long).map(drop)
}

/// Ends this process by `signal`, so that its parent sees how it ended; used by programs run by hand.
pub fn stop_self(signal: RawFd) {
    // SAFETY: restores the default action and raises the signal in this process only.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
