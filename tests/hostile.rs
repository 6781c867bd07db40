//! What somebody who means harm meets: the command itself, or a helper that has been taken over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::ptr::null;
use std::time::{Duration, Instant};

use common::{Output, Scene, skip};

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

/// A kakuri-init that does these things, in C, with its link at 3, and then stays although its front has gone. `say`
/// sends a message with this many descriptors; `hear` waits for one.
fn double(scene: &Scene, does: &str) -> std::path::PathBuf {
    let folder = scene.folder("double");
    let source = scene.file(
        "double.c",
        format!(
            r#"
            #include <string.h>
            #include <sys/prctl.h>
            #include <sys/socket.h>
            #include <unistd.h>
            static void say(const char *text, int count) {{
                struct iovec part = {{(void *)text, strlen(text)}};
                char space[1024] = {{0}};
                struct msghdr message = {{.msg_iov = &part, .msg_iovlen = 1}};
                if (count) {{
                    message.msg_control = space;
                    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
                    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
                    *head = (struct cmsghdr){{CMSG_LEN(sizeof(int) * count), SOL_SOCKET, SCM_RIGHTS}};
                }}
                sendmsg(3, &message, 0);
            }}
            static void hear(void) {{ char text[65536]; recv(3, text, sizeof text, 0); }}
            int main(void) {{ {does} prctl(PR_SET_PDEATHSIG, 0); for (;;) pause(); }}
            "#
        ),
    );
    let built = scene.program("cc").arg("-o").arg(folder.join("kakuri-init")).arg(source).output();
    assert_eq!(built.code(), 0, "{built}");
    fs::copy(common::MOUNT, folder.join("kakuri-mount")).unwrap();
    folder
}

/// Without anything PID 1 would have to make, so that the double can go all the way.
const BARE: [&str; 6] = ["--proc", "none", "--network", "host", "--share", "ipc"];

fn with_double(does: &str) -> Output {
    let scene = Scene::alone();
    let before = scene.before();
    let folder = double(&scene, does);
    let begun = Instant::now();
    let output = scene.kakuri(BARE.into_iter().chain(["true"])).env("KAKURI_LIBEXEC", folder).output();
    assert!(begun.elapsed() < Duration::from_secs(30), "{does} {output}");
    fs::remove_dir_all(scene.work()).unwrap();
    fs::create_dir(scene.work()).unwrap();
    before.nothing_left();
    output
}

#[test]
fn a_pid_1_that_lies_ends_with_its_container() {
    need!("cc");
    for (does, words) in [
        (r#"say("\033]0;x\007{[", 0);"#, "no message"),
        (r#"say("{\"Ready\":[]}", 200);"#, "more descriptors"),
        (r#"say("{\"Ready\":[]}", 1);"#, "1 descriptors where 0 belong"),
        (r#"say("{\"Ready\":[\"proc\"]}", 1);"#, "out of turn"),
        (
            r#"say("{\"Exited\":{\"status\":{\"code\":0},\"usage\":{\"user_us\":0,\"system_us\":0,\"peak_kib\":0}}}", 0);"#,
            "out of turn",
        ),
        (r#"say("{\"Failed\":{\"stage\":\"init\",\"what\":\"x\",\"code\":0}}", 0);"#, "no code of a failure"),
        (r#"send(3, "", 0, 0);"#, "without a word"),
        (
            r#"say("{\"Ready\":[]}", 0); hear(); hear(); hear(); say("{\"Started\":{\"pid\":2,\"terminal\":true}}", 1);"#,
            "out of turn",
        ),
    ] {
        with_double(does).refused(125, &[words]);
    }
}

#[test]
fn a_pid_1_that_stays_after_its_last_word_is_ended() {
    need!("cc");
    let output = with_double(
        r#"say("{\"Ready\":[]}", 0); hear(); hear(); hear(); say("{\"Started\":{\"pid\":2,\"terminal\":false}}", 0);
           say("{\"Exited\":{\"status\":{\"code\":3},\"usage\":{\"user_us\":0,\"system_us\":0,\"peak_kib\":0}}}", 0);"#,
    );
    assert_eq!(output.code(), 3, "{output}");
}

/// Whatever holds for a container of one id.
#[test]
fn all_of_it_holds_with_a_range_of_ids() {
    if common::sub_ids("hostile::all_of_it_holds_with_a_range_of_ids").is_some() {
        common::again_with("--userns range", "all_of_it_holds_with_a_range_of_ids");
    }
}
