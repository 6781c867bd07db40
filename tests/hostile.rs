//! What somebody who means harm meets: the command itself, or a helper that has been taken over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ptr::null;

use common::{Scene, skip};

/// A key in a new session keyring of this thread's, which what it starts is born with.
fn keep_secret(name: &std::ffi::CStr) -> bool {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    const SESSION: libc::c_long = -3;
    let secret = b"hunter2";
    // SAFETY: a null name, and a secret of the given length.
    unsafe {
        libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, null::<u8>()) >= 0
            && libc::syscall(libc::SYS_add_key, c"user".as_ptr(), name.as_ptr(), secret.as_ptr(), 7_usize, SESSION) > 0
    }
}

#[test]
fn the_keys_of_the_callers_session_are_not_the_commands() {
    need!("perl");
    if !keep_secret(c"kakuri-test") {
        return skip(format_args!("hostile::the_keys_of_the_callers_session: no keys can be made here"));
    }
    let scene = Scene::new();
    let ask = format!(
        "perl -e '$t = \"user\"; $n = \"kakuri-test\"; print syscall({}, $t, $n, 0, 0) < 0 ? \"none\" : \"found\"'",
        libc::SYS_request_key
    );
    let outside = scene.program("sh").args(["-c", &ask]).output().ok();
    assert_eq!(outside.text(), "found", "the test itself sees the key");
    assert_eq!(scene.inside(&[], &ask), "none");
}
