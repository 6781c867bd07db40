//! Making processes and becoming programs.

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::check;
use super::clone3::{Place, clone_into};

const STACK: usize = 64 * 1024;

#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);
// SAFETY: used by one clone at a time: our programs are single-threaded, and either CLONE_VFORK suspends the caller or
// the caller says that the stack is free.
unsafe impl Sync for Stack {}
static CHILD_STACK: Stack = Stack(UnsafeCell::new([0; STACK]));

/// Runs the closure a clone was given, and ends with its value.
///
/// `closure` is a `*mut F` that this child alone may use as long as it runs.
extern "C" fn enter<F: FnMut() -> c_int>(closure: *mut c_void) -> c_int {
    // SAFETY: by what every caller of clone_on promises.
    let closure = unsafe { &mut *closure.cast::<F>() };
    let status = closure();
    // SAFETY: _exit skips destructors and atexit handlers, which belong to the parent.
    unsafe { libc::_exit(status) }
}

/// clone(2) with CLONE_VM|CLONE_PIDFD and `flags`, or clone3(2) where the child is to be born in a control group.
/// Returns the pid as this process sees it and the pidfd.
///
/// # Safety
/// The stack and what `closure` points to, an `F`, are the child's alone until it has exec'ed or ended.
unsafe fn clone_on<F: FnMut() -> c_int>(
    stack: &Stack,
    cgroup: Option<BorrowedFd>,
    flags: c_int,
    closure: *mut F,
) -> io::Result<(i32, OwnedFd)> {
    let mut pidfd: c_int = -1;
    let flags = flags | libc::CLONE_VM | libc::CLONE_PIDFD | libc::SIGCHLD;
    let (lowest, closure) = (stack.0.get().cast::<u8>(), closure.cast());
    let pid = match cgroup {
        None => {
            // SAFETY: by this function's contract; the top is aligned as the stack is.
            let pid = unsafe {
                let top = lowest.add(STACK).cast::<c_void>();
                libc::clone(enter::<F>, top, flags, closure, ptr::from_mut(&mut pidfd))
            };
            check(pid as libc::c_long)?;
            pid
        }
        Some(cgroup) => {
            let place = Place { stack: lowest, size: STACK };
            // SAFETY: by this function's contract.
            unsafe { clone_into(cgroup, place, flags, enter::<F>, closure, ptr::from_mut(&mut pidfd)) }?
        }
    };
    // SAFETY: CLONE_PIDFD has stored a fresh close-on-exec descriptor.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// clone(2) with CLONE_VM|CLONE_VFORK|CLONE_PIDFD and `flags`: runs `child` in this very memory on a stack of
/// its own, and returns once it has exec'ed or ended. `child`'s value is its exit status.
///
/// Not reentrant: `child` must not call it. Returns the pid as this process sees it and the pidfd.
pub fn clone_vfork<F: FnMut() -> c_int>(flags: c_int, child: &mut F) -> io::Result<(i32, OwnedFd)> {
    clone_vfork_into(None, flags, child)
}

/// [`clone_vfork`] with the child born in a control group, where one is given: no moment of it counts elsewhere.
pub fn clone_vfork_into<F: FnMut() -> c_int>(
    cgroup: Option<BorrowedFd>,
    flags: c_int,
    child: &mut F,
) -> io::Result<(i32, OwnedFd)> {
    // SAFETY: the stack is ours alone (see CHILD_STACK); the parent does not run until the child has exec'ed or exited,
    // so the shared memory is never used by two at a time.
    unsafe { clone_on(&CHILD_STACK, cgroup, flags | libc::CLONE_VFORK, child) }
}

static ELSEWHERE_STACK: Stack = Stack(UnsafeCell::new([0; STACK]));

/// [`clone_vfork`] from other namespaces than our own: a throw-away process calls `enter`, which joins them, and makes
/// the child, which is ours nevertheless (CLONE_PARENT) and whose pidfd we get. An error of `enter` makes nothing.
///
/// Not reentrant, and neither closure may call any of the clones.
pub fn clone_elsewhere<F: FnMut() -> c_int>(
    enter: &mut dyn FnMut() -> io::Result<()>,
    cgroup: Option<BorrowedFd>,
    flags: c_int,
    child: &mut F,
) -> io::Result<(i32, OwnedFd)> {
    let mut made = Err(io::Error::from_raw_os_error(libc::ECHILD));
    let mut task = || {
        made = enter().and_then(|()| clone_vfork_into(cgroup, flags | libc::CLONE_PARENT, child));
        0
    };
    // The descriptors are shared, so that the pidfd is ours; the rest of what a process has is not, which setns(2) asks
    // of who enters a user namespace.
    let shared = libc::CLONE_VFORK | libc::CLONE_FILES;
    // SAFETY: as in clone_vfork, with a stack of its own: the two are in use at the same time.
    let (_, throw_away) = unsafe { clone_on(&ELSEWHERE_STACK, None, shared, &raw mut task) }?;
    let _ = rustix::process::waitid(
        rustix::process::WaitId::PidFd(throw_away.as_fd()),
        rustix::process::WaitIdOptions::EXITED,
    );
    made
}

/// As many as are ever started together: kakuri-mount, two of kakuri-netns, and with a range of ids PID 1, the two
/// programs that map it, and two more that map another process meanwhile.
const PLACES: usize = 8;
static BESIDE_STACKS: [Stack; PLACES] = [const { Stack(UnsafeCell::new([0; STACK])) }; PLACES];

/// clone(2) with CLONE_VM|CLONE_PIDFD and `flags`: like [`clone_vfork`], but the caller goes on at once beside
/// the child. No page table is copied, and nobody waits for an exec.
///
/// The child is a thread as far as memory is concerned, but none to libc: it may make system calls and nothing
/// else, no allocation above all, because malloc knows of one thread and takes no lock. So it is given what it
/// needs ready made, which stays allocated, and what it has to say is its exit status.
///
/// `place` is one of 0 to 7: a stack of the child's own. The child before on it must have exec'ed or ended.
pub fn clone_beside<F>(place: usize, flags: c_int, child: F) -> io::Result<(i32, OwnedFd)>
where
    F: Fn() -> c_int + Send + Sync + 'static,
{
    clone_beside_into(None, place, flags, child)
}

/// [`clone_beside`] with the child born in a control group, where one is given.
pub fn clone_beside_into<F>(
    cgroup: Option<BorrowedFd>,
    place: usize,
    flags: c_int,
    child: F,
) -> io::Result<(i32, OwnedFd)>
where
    F: Fn() -> c_int + Send + Sync + 'static,
{
    let child: &'static mut F = Box::leak(Box::new(child));
    // SAFETY: the stack is this child's alone by this function's contract; so is the closure, which lives for ever and is
    // Sync: it shares nothing with the parent that a thread could not.
    unsafe { clone_on(&BESIDE_STACKS[place % PLACES], cgroup, flags, child) }
}

/// A program's name and an empty environment, in the form execveat(2) takes, ready for a child that may not
/// allocate.
pub struct Image {
    argv: [*const c_char; 2],
    _title: CString,
}

// SAFETY: the pointers are to the string this value owns, and nothing changes either.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    pub fn new(title: CString) -> Image {
        Image { argv: [title.as_ptr(), ptr::null()], _title: title }
    }

    /// execveat(2) of an open program by its descriptor; returns only the error. A script needs a descriptor
    /// that stays open over exec, so programs started this way are ELF.
    pub fn exec(&self, program: BorrowedFd) -> io::Error {
        let env: [*const c_char; 1] = [ptr::null()];
        // SAFETY: both arrays are null-terminated and outlive the call.
        unsafe {
            let argv = self.argv.as_ptr();
            libc::syscall(
                libc::SYS_execveat,
                program.as_raw_fd(),
                c"".as_ptr(),
                argv,
                env.as_ptr(),
                libc::AT_EMPTY_PATH,
            )
        };
        io::Error::last_os_error()
    }
}

/// The same descriptor for a child made by [`clone_beside`]: whoever lends it keeps it open until the child has
/// a table of its own, or has ended.
pub fn lend(fd: impl AsFd) -> BorrowedFd<'static> {
    // SAFETY: by this function's contract the number stays open as long as it is used.
    unsafe { BorrowedFd::borrow_raw(fd.as_fd().as_raw_fd()) }
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

/// A null-terminated array of C strings, as execve(2) takes it, made ahead of the call.
///
/// A child of [`clone_vfork`] must not make it: what it allocates is lost to its parent for good once it has become
/// another program.
pub struct Strings {
    list: Vec<CString>,
    /// The first is kept free for [`Strings::exec_by_shell`]; the array begins at the second.
    pointers: Vec<*const c_char>,
}

// SAFETY: the pointers are to strings this value owns, and only exec_by_shell changes one, by an exclusive reference.
unsafe impl Send for Strings {}
// SAFETY: as above.
unsafe impl Sync for Strings {}

impl Strings {
    pub fn new(list: Vec<CString>) -> Strings {
        let ends = [ptr::null()];
        let pointers = ends.into_iter().chain(list.iter().map(|s| s.as_ptr())).chain(ends).collect();
        Strings { list, pointers }
    }

    pub fn first(&self) -> Option<&CStr> {
        self.list.first().map(CString::as_c_str)
    }

    /// execve(2) of `file` with these arguments; returns only the error.
    pub fn exec(&self, file: &CStr, env: &Strings) -> io::Error {
        // SAFETY: both arrays are null-terminated, their strings are owned beside them and outlive the call.
        unsafe { libc::execve(file.as_ptr(), self.pointers[1..].as_ptr(), env.pointers[1..].as_ptr()) };
        io::Error::last_os_error()
    }

    /// The same for a script that does not name its interpreter: `/bin/sh file ARG...`.
    pub fn exec_by_shell(&mut self, file: &CStr, env: &Strings) -> io::Error {
        let shell = c"/bin/sh";
        if self.list.is_empty() {
            return io::Error::from_raw_os_error(libc::EINVAL);
        }
        let name = self.pointers[1];
        (self.pointers[0], self.pointers[1]) = (shell.as_ptr(), file.as_ptr());
        // SAFETY: as above; the two strings in front outlive the call too.
        unsafe { libc::execve(shell.as_ptr(), self.pointers.as_ptr(), env.pointers[1..].as_ptr()) };
        let error = io::Error::last_os_error();
        (self.pointers[0], self.pointers[1]) = (ptr::null(), name);
        error
    }
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

/// Runs `call` with a signal ignored, and puts its disposition back: for signals the kernel raises for the very
/// call, like SIGXFSZ.
pub fn ignoring<T>(signal: c_int, call: impl FnOnce() -> T) -> T {
    // SAFETY: signal() only exchanges a disposition; single-threaded, so nobody sees the one in between.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    let result = call();
    if before != libc::SIG_ERR {
        // SAFETY: as above; `before` is what signal() gave.
        unsafe { libc::signal(signal, before) };
    }
    result
}
