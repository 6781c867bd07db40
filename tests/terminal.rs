//! At a terminal: the command gets one of its own, and the caller's is as it was afterwards. In pipelines: what is no
//! terminal passes untouched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use common::{HANG, KAKURI, Pty, Scene, until};

/// Runs kakuri at a terminal, lets `drive` type, and checks the exit code and that the terminal is as before.
fn at_terminal(args: &[&str], code: i32, drive: impl FnOnce(&mut Pty)) {
    let scene = Scene::new();
    let mut terminal = Pty::start(scene.program("true"));
    let sane = terminal.modes();
    terminal.wait();
    let mut terminal = Pty::start(scene.kakuri(args));
    drive(&mut terminal);
    let status = terminal.wait();
    assert_eq!(status.code(), Some(code), "{status}; the terminal showed:\n{}", terminal.shown());
    assert_eq!(terminal.modes(), sane, "the terminal is not as it was");
}

#[test]
fn the_command_has_a_terminal_of_its_own() {
    at_terminal(
        &[
            "sh",
            "-c",
            "tty; test -t 0 && test -t 1 && test -t 2 && echo all three; stty size; (: </dev/tty) && echo controlling",
        ],
        0,
        |t| {
            t.expect("/dev/pts/");
            t.expect("all three");
            t.expect("24 80");
            t.expect("controlling");
        },
    );
}

#[test]
fn the_callers_terminal_is_raw_meanwhile_and_typing_arrives() {
    at_terminal(&["sh", "-c", "echo ready; read line; echo \"<$line>\"; exit 3"], 3, |t| {
        t.expect("ready");
        assert!(t.is_raw());
        t.send("typed text\r");
        t.expect("<typed text>");
    });
}

#[test]
fn ctrl_c_reaches_the_command_and_not_kakuri() {
    at_terminal(&["sh", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done"], 5, |t| {
        t.expect("ready");
        t.send("\x03");
        t.expect("caught");
    });
    at_terminal(&["sh", "-c", "echo ready; exec sleep 1000"], 130, |t| {
        t.expect("ready");
        t.send("\x03");
    });
    at_terminal(&["sh", "-c", "echo ready; exec sleep 1000"], 131, |t| {
        t.expect("ready");
        t.send("\x1c");
    });
}

#[test]
fn end_of_file_typed_ends_a_reader() {
    at_terminal(&["sh", "-c", "echo ready; cat; echo after"], 0, |t| {
        t.expect("ready");
        t.send("line\r\x04");
        t.expect("after");
    });
}

#[test]
fn a_new_size_arrives() {
    at_terminal(&["sh", "-c", "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done"], 0, |t| {
        t.expect("ready");
        t.resize(41, 113);
        t.expect("41 113");
    });
}

#[test]
fn job_control_works_in_a_shell() {
    at_terminal(&["bash", "--norc", "-i"], 4, |t| {
        t.send("PS1='prompt>'; echo r''eady\r");
        t.expect("ready");
        // A key is for whoever is in the foreground when it comes, so the job shows when it is: what it reads is
        // seen twice, typed and told.
        t.send("sh -c 'echo star''ted; exec cat'\r");
        // The whole line: an echo may come between the word and its end.
        t.expect("started\r\n");
        t.send("first\r");
        t.expect("first\r\nfirst");
        t.send("\x1a");
        t.expect("Stopped");
        t.expect("prompt>");
        t.send("jobs | grep -c Stopped\r");
        t.expect("1");
        t.expect("prompt>");
        t.send("fg\r");
        t.expect("exec cat'\r\n");
        t.send("second\r");
        t.expect("second\r\nsecond");
        // It throws away what was typed before; the shell is there again when it asks.
        t.send("\x03");
        t.expect("prompt>");
        t.send("echo a''live\r");
        t.expect("alive");
        t.expect("prompt>");
        t.send("exit 4\r");
    });
}

#[test]
fn a_command_that_leaves_its_terminal_raw_does_not_leave_ours_raw() {
    at_terminal(&["sh", "-c", "stty raw -echo; exit 6"], 6, |_| {});
}

#[test]
fn the_terminal_is_restored_when_the_command_is_killed() {
    at_terminal(&["sh", "-c", "stty raw -echo; kill -9 $$"], 137, |_| {});
}

#[test]
fn the_terminal_is_restored_when_kakuri_is_asked_to_end() {
    let scene = Scene::new();
    let mut t = Pty::start(scene.kakuri(["sh", "-c", "echo ready; exec sleep 1000"]));
    t.expect("ready");
    assert!(t.is_raw());
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(t.child.id() as i32, libc::SIGTERM) };
    let status = t.wait();
    assert_eq!(status.code().or(status.signal().map(|s| 128 + s)), Some(143));
    assert!(!t.is_raw(), "left raw");
}

#[test]
fn the_terminal_is_restored_after_an_error() {
    at_terminal(&["no-such-program-here"], 127, |t| t.expect("no-such-program-here"));
    at_terminal(&["--bind", "/no/such/source:/x", "true"], 125, |t| t.expect("/no/such/source"));
}

#[test]
fn a_lot_of_output_arrives_whole() {
    at_terminal(&["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"], 0, |t| {
        t.expect("line 19999");
        let all: String = (0..20000).map(|i| format!("line {i}\r\n")).collect();
        assert!(t.shown().contains(all.trim_end()), "something is missing of the {} bytes", all.len());
    });
}

#[test]
fn what_is_no_terminal_passes_as_it_is() {
    let scene = Scene::new();
    // Only standard output is a pipe: the command sees a pipe there and a terminal elsewhere.
    let run = format!(
        "'{KAKURI}' sh -c 'test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err' | sed 's/^/got /'; echo done"
    );
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    t.expect("got in");
    t.expect("got err");
    t.expect("done");
    assert!(!t.shown().contains("got out"));
    assert!(t.wait().success());
    // Into it.
    let run = format!(
        "printf 'piped\\n' | '{KAKURI}' sh -c 'test -t 0 || echo pipe; read x; echo $x; test -t 1 && echo terminal'; echo done"
    );
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    for text in ["pipe", "piped", "terminal", "done"] {
        t.expect(text);
    }
    assert!(t.wait().success());
}

#[test]
fn kakuri_never_reads_ahead_in_a_pipeline() {
    let scene = Scene::new();
    let run = format!("printf 'one\\ntwo\\nthree\\n' | {{ '{KAKURI}' sh -c 'read x; echo first: $x'; cat; }}");
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "first: one\ntwo\nthree");
    // Nor where the command reads nothing at all.
    let run = format!("printf 'one\\ntwo\\n' | {{ '{KAKURI}' true; cat; }}");
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "one\ntwo");
}

#[test]
fn a_pager_at_the_end_of_a_pipeline_works() {
    need!("less");
    let scene = Scene::new();
    let run = format!("'{KAKURI}' seq 500 | less; echo back");
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    t.expect("20");
    t.send("G");
    t.expect("500");
    t.send("q");
    t.expect("back");
    assert!(t.wait().success());
    assert!(!t.is_raw());
}

/// Two halves of one pipeline are at the terminal at the same time.
#[test]
fn two_containers_in_one_pipeline() {
    let scene = Scene::new();
    let run = format!("'{KAKURI}' seq 1000 | '{KAKURI}' tail -n 1; echo done");
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    t.expect("1000");
    t.expect("done");
    assert!(t.wait().success());
    assert!(!t.is_raw());
}

#[test]
fn half_closed_input_is_seen_as_its_end() {
    let scene = Scene::new();
    let mut t = Pty::start_on(scene.kakuri(["sh", "-c", "cat; echo over"]).stdin(Stdio::null()), [false, true, true]);
    t.expect("over");
    assert!(t.wait().success());
}

#[test]
fn without_any_terminal_there_is_none_inside() {
    let scene = Scene::new();
    let look =
        "tty; test -t 0 || test -t 1 || test -t 2 || echo none; (: </dev/tty) 2>/dev/null || echo no controlling one";
    let output = scene.program("setsid").args(["-w", KAKURI, "sh", "-c", look]).output();
    assert_eq!(output.ok().text(), "not a tty\nnone\nno controlling one");
}

#[test]
fn a_terminal_can_be_asked_for_where_there_is_none() {
    let scene = Scene::new();
    let output = scene.kakuri(["-t", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all"]).output().ok();
    assert!(output.text().contains("/dev/pts/") && output.text().contains("all"), "{output}");
}

#[test]
fn a_terminal_that_was_asked_for_leads_where_the_pipes_do() {
    let scene = Scene::new();
    let run = format!("echo typed | '{KAKURI}' -t sh -c 'read x; tty; echo \"<$x>\"' | sed 's/^/got /'; echo done");
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    for text in ["got /dev/pts/", "got <typed>", "done"] {
        t.expect(text);
    }
    assert!(t.wait().success());
    let run = format!("'{KAKURI}' -t yes | head -n 1; echo done");
    let mut t = Pty::start(scene.program("sh").args(["-c", &run]));
    t.expect("done");
    assert!(t.wait().success());
}

#[test]
fn a_job_brought_from_the_background_is_typed_to() {
    need!("bash");
    let scene = Scene::new();
    let mut t = Pty::start(scene.program("bash").args(["--norc", "-i"]));
    t.send("PS1='prom''pt>'\r");
    t.expect("prompt>");
    t.send(&format!("'{KAKURI}' sh -c 'echo rea''dy; exec cat' &\r"));
    t.expect("ready");
    t.send("fg\r");
    t.expect("exec cat");
    assert!(until(HANG, || t.is_raw()), "the terminal is not taken");
    // Seen twice, typed and told: its terminal is in line mode, whatever the shell's prompt had made of ours.
    t.send("first\r");
    t.expect("first\r\nfirst");
    t.send("\x04");
    t.expect("prompt>");
    t.send("exit 0\r");
    assert!(t.wait().success(), "{}", t.shown());
}

#[test]
fn a_hang_up_of_the_terminal_ends_the_container() {
    let scene = Scene::alone();
    let before = scene.before();
    let mut t = Pty::start(scene.kakuri(["sh", "-c", "echo ready; exec sleep 1000"]));
    t.expect("ready");
    let mut child = t.hang_up();
    assert!(until(HANG, || child.try_wait().unwrap().is_some()), "kakuri outlives its terminal");
    before.nothing_left();
}

/// The programs people live in.
mod programs {
    use super::*;

    #[test]
    fn vim() {
        let vim = ["vim", "vim.tiny"].into_iter().find(|v| common::have(v));
        let Some(vim) = vim else { return common::skip("terminal::programs::vim: vim is not installed") };
        let scene = Scene::new();
        scene.file("note", "first\n");
        let mut t = Pty::start(scene.kakuri(["--bind", ".", vim, "-u", "NONE", "-N", "note"]));
        t.expect("first");
        t.send("osecond line\x1b:wq\r");
        assert!(t.wait().success(), "{}", t.shown());
        assert_eq!(std::fs::read_to_string(scene.work().join("note")).unwrap(), "first\nsecond line\n");
        assert!(!t.is_raw());
    }

    #[test]
    fn less() {
        need!("less");
        at_terminal(&["sh", "-c", "seq 500 >/tmp/n; exec less /tmp/n"], 0, |t| {
            t.expect("20");
            t.send("/499\r");
            t.expect("499");
            t.send("q");
        });
    }

    #[test]
    fn top() {
        need!("top");
        at_terminal(&["top"], 0, |t| {
            t.expect("PID");
            // It cuts long names.
            t.expect("kakuri-");
            t.send("q");
        });
    }

    #[test]
    fn tmux() {
        need!("tmux");
        at_terminal(&["tmux", "-f", "/dev/null", "new-session", "sh -c 'echo in tmux; read x; exit'"], 0, |t| {
            t.expect("in tmux");
            t.send("\r");
            t.expect("exited");
        });
    }

    #[test]
    fn git() {
        need!("git");
        let scene = Scene::new();
        let script = "git init -q r && cd r && echo x >f && git add f && git -c user.name=n -c user.email=e@x commit -qm first && git log --oneline | wc -l";
        assert_eq!(scene.inside(&["--bind", "."], script), "1");
        assert!(scene.work().join("r/.git/HEAD").exists());
    }

    #[test]
    fn gcc() {
        need!("gcc");
        let scene = Scene::new();
        scene.file("hello.c", "#include <stdio.h>\nint main(void) { puts(\"compiled\"); return 0; }\n");
        assert_eq!(scene.inside(&["--bind", "."], "gcc -o hello hello.c && ./hello"), "compiled");
    }

    #[test]
    fn python_venv() {
        need!("python3");
        let scene = Scene::new();
        if !scene.program("python3").args(["-c", "import venv, ensurepip"]).output().status.success() {
            return common::skip("terminal::programs::python_venv: python3-venv is not installed");
        }
        let script =
            "python3 -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'";
        assert_eq!(scene.inside(&["--bind", "."], script), "True");
    }
}
