//! clone3(2), for the one thing clone(2) cannot be told: the control group a child is born in (CLONE_INTO_CGROUP, Linux
//! 5.7). libc has no function for it, and a child with a stack of its own cannot return from syscall(2)'s.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct clone_args` of linux/sched.h.
#[repr(C)]
#[derive(Default)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What a child runs. It ends by itself and never returns.
pub type Enter = extern "C" fn(*mut c_void) -> c_int;

/// The lowest address of a stack, aligned to 16 bytes, and its size.
pub struct Place {
    pub stack: *mut u8,
    pub size: usize,
}

/// As clone(2) of libc with CLONE_PIDFD, with the child in `cgroup`, a folder of the version 2 hierarchy.
///
/// # Safety
/// What clone(2) asks: with CLONE_VM the place is the child's alone until it has exec'ed or ended, and `argument` and
/// `pidfd` are valid as long as the child or this function uses them.
pub unsafe fn clone_into(
    cgroup: BorrowedFd,
    place: Place,
    flags: c_int,
    enter: Enter,
    argument: *mut c_void,
    pidfd: *mut c_int,
) -> io::Result<i32> {
    // The signal lies in the flags' low byte for clone(2); a child of our parent's has the one we have ourselves.
    let signal = if flags & libc::CLONE_PARENT == 0 { flags & 0xff } else { 0 };
    let arguments = Arguments {
        flags: (flags & !0xff) as u32 as u64 | CLONE_INTO_CGROUP,
        pidfd: pidfd as u64,
        exit_signal: signal as u64,
        stack: place.stack as u64,
        stack_size: place.size as u64,
        cgroup: cgroup.as_raw_fd() as u64,
        ..Arguments::default()
    };
    // SAFETY: by this function's contract.
    match unsafe { call(&raw const arguments, enter, argument) } {
        pid @ 0.. => Ok(pid as i32),
        errno => Err(io::Error::from_raw_os_error(-errno as i32)),
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn call(arguments: *const Arguments, enter: Enter, argument: *mut c_void) -> isize {
    let pid: isize;
    // SAFETY: the kernel reads the arguments and gives the child every register but rax, rcx and r11, and the top of its
    // own stack, aligned as a function call wants it. The child leaves this code by `call` and does not come back.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {argument}",
            "call {enter}",
            "ud2",
            "2:",
            argument = in(reg) argument,
            enter = in(reg) enter,
            inlateout("rax") libc::SYS_clone3 as isize => pid,
            in("rdi") arguments,
            in("rsi") size_of::<Arguments>(),
            out("rcx") _,
            out("r11") _,
        );
    }
    pid
}

#[cfg(target_arch = "aarch64")]
unsafe fn call(arguments: *const Arguments, enter: Enter, argument: *mut c_void) -> isize {
    let pid: isize;
    // SAFETY: as above; here the kernel changes x0 alone.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, {argument}",
            "blr {enter}",
            "brk 1",
            "2:",
            argument = in(reg) argument,
            enter = in(reg) enter,
            in("x8") libc::SYS_clone3 as isize,
            inlateout("x0") arguments => pid,
            in("x1") size_of::<Arguments>(),
        );
    }
    pid
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn call(_: *const Arguments, _: Enter, _: *mut c_void) -> isize {
    -(libc::ENOSYS as isize)
}
