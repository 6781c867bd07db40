//! The library: what it tells of commands and of errors, and what it leaves alone in the process that uses it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use kakuri::{Bind, Container, Error, ErrorKind, Persistent, Reason, Resource, Stdio, Terminal, Usage};

use common::{KAKURI, until};

/// A container by the programs as built; every command in it is found nowhere else.
fn container() -> Container {
    let mut container = Container::new();
    container.program(KAKURI);
    container
}

fn text(container: &Container, script: &str) -> String {
    let output = container.command("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_string()
}

fn error(command: &mut kakuri::Command) -> Error {
    command.output().map(|output| panic!("{}", output.status)).unwrap_err()
}

/// Threads and runtimes may hand them on.
#[test]
fn they_belong_to_no_thread() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Container>();
    shared::<kakuri::Command>();
    shared::<kakuri::Child>();
    shared::<Error>();
    shared::<Persistent>();
}

#[test]
fn how_a_command_ended() {
    let ended = |script: &str| container().command("sh").args(["-c", script]).output().unwrap().status;
    assert_eq!(ended("exit 0").reason(), Reason::Exited(0));
    assert!(ended("true").success() && !ended("false").success());
    assert_eq!(ended("exit 125").code(), Some(125), "a code of the command's is no failure of kakuri's");
    assert_eq!(ended("exit 127").code(), Some(127));
    let killed = ended("kill -9 $$");
    assert_eq!((killed.signal(), killed.code()), (Some(9), None));
    assert_eq!(killed.to_string(), "signal 9");
}

#[test]
fn a_command_that_cannot_be_run_is_an_error_of_the_start() {
    type Run = fn(&mut kakuri::Command) -> kakuri::Result<()>;
    let ways: [Run; 3] = [|c| c.spawn().map(drop), |c| c.status().map(drop), |c| c.output().map(drop)];
    for run in ways {
        let missing = run(&mut container().command("no-such-program-here")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
        assert!(missing.what().contains("no-such-program-here") && missing.hint().is_some(), "{missing}");
        let data = run(&mut container().command("/etc/hosts")).unwrap_err();
        assert_eq!(data.kind(), ErrorKind::NotExecutable, "{data}");
        assert_eq!(std::io::Error::from(data).kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[test]
fn errors_name_the_call() {
    type Build = fn(&mut Container);
    let of = |build: Build| {
        let mut container = container();
        build(&mut container);
        let error = error(&mut container.command("true"));
        assert_eq!(error.kind(), ErrorKind::Container, "{error}");
        assert!(
            error.hint().is_some() || error.call().is_some_and(|c| c.contains('\0') || c.contains("\\0")),
            "{error}"
        );
        error.call().unwrap_or_else(|| panic!("no call: {error}")).to_string()
    };
    let cases: [(Build, &str); 14] = [
        (
            |c| {
                c.bind_ro("/no/such", "/x");
            },
            r#"Container::bind_ro("/no/such", "/x")"#,
        ),
        (
            |c| {
                c.bind("/usr", "/a").bind("/no/such", "/b");
            },
            r#"Container::bind("/no/such", "/b")"#,
        ),
        (
            |c| {
                c.bind("/etc", "relative");
            },
            r#"Container::bind("/etc", "relative")"#,
        ),
        (
            |c| {
                c.bind("/etc", "/a\0b");
            },
            r#"Container::bind("/etc", "/a\0b")"#,
        ),
        (
            |c| {
                c.hostname("a b");
            },
            r#"Container::hostname("a b")"#,
        ),
        (
            |c| {
                c.hide("/no/such");
            },
            r#"Container::hide("/no/such")"#,
        ),
        (
            |c| {
                c.file("relative", "");
            },
            r#"Container::file("relative", ..)"#,
        ),
        (
            |c| {
                c.dir("/etc/hosts", 0o755);
            },
            r#"Container::dir("/etc/hosts", 493)"#,
        ),
        (
            |c| {
                c.symlink("x", "/etc/hosts");
            },
            r#"Container::symlink("x", "/etc/hosts")"#,
        ),
        (
            |c| {
                c.device("/etc/hosts");
            },
            r#"Container::device("/etc/hosts")"#,
        ),
        (
            |c| {
                c.rlimit(Resource::Nofile, Some(5), Some(4));
            },
            "Container::rlimit(Nofile, Some(5), Some(4))",
        ),
        (
            |c| {
                c.cap_drop("NONE");
            },
            r#"Container::cap_drop("NONE")"#,
        ),
        (
            |c| {
                c.rootfs("/no/such");
            },
            r#"Container::rootfs("/no/such")"#,
        ),
        (
            |c| {
                c.bind_profile("none");
            },
            r#"Container::bind_profile("none")"#,
        ),
    ];
    for (build, call) in cases {
        assert_eq!(of(build), call);
    }
    let error = error(container().command("true").pass_fd(2, File::open("/dev/null").unwrap()));
    assert_eq!(error.call(), Some("Command::pass_fd(2)"));
}

#[test]
fn a_program_that_is_none_is_told_so() {
    let wrong = |path: &str| error(&mut container().program(path).command("true"));
    assert_eq!(wrong("/no/such/kakuri").kind(), ErrorKind::Program);
    assert!(wrong("/no/such/kakuri").to_string().contains("/no/such/kakuri"));
    // It starts, and tells nothing of what it does.
    let other = wrong("/bin/false");
    assert_eq!(other.kind(), ErrorKind::Program, "{other}");
}

#[test]
fn what_a_container_is_made_of() {
    let mut container = container();
    let folder = common::new_folder("klibrary");
    fs::write(folder.join("a:b"), "colon").unwrap();
    container
        .bind(folder.join("a:b"), "/x:y")
        .mount(&Bind::new(&folder, "/work").read_only().noexec())
        .file_with_mode("/etc/secret", b"\xff\0bytes", 0o600)
        .file("/tmp/deep/er", "text")
        .dir("/opt/own", 0o711)
        .symlink("../usr", "/etc/here")
        .symlink("nowhere", "/tmp/there")
        .tmpfs("/scratch")
        .hide("/usr/share");
    assert_eq!(text(&container, "cat /x:y"), "colon");
    assert_eq!(text(&container, "touch /work/x 2>/dev/null || echo no"), "no");
    assert_eq!(text(&container, "stat -c '%a %s' /etc/secret; cat /tmp/deep/er"), "600 7\ntext");
    assert_eq!(text(&container, "echo x >>/tmp/deep/er; echo y >/etc/secret && cat /etc/secret"), "y");
    assert_eq!(text(&container, "stat -c %a /opt/own; touch /opt/own/z && ls /opt/own"), "711\nz");
    assert_eq!(
        text(&container, "readlink /etc/here /tmp/there; test -d /etc/here/bin && ls /usr/share"),
        "../usr\nnowhere"
    );
    assert!(!folder.join("x").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_environment() {
    let mut box_ = container();
    box_.env("FROM", "container").env("OTHER", "x");
    let shown = |command: &mut kakuri::Command| {
        let output = command.args(["-c", "echo \"$FROM|$OTHER|$CARGO_PKG_NAME\""]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    };
    assert_eq!(shown(&mut box_.command("sh")), "container|x|");
    assert_eq!(shown(box_.command("sh").env("FROM", "a\nb").env_remove("OTHER")), "a\nb||");
    assert_eq!(shown(box_.command("sh").env_clear()), "||");
    let ours = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    assert_eq!(shown(box_.command("sh").env_clear().inherit_env()), format!("||{ours}"));
    let error = error(box_.command("true").env("A=B", "x"));
    assert_eq!(error.call(), Some(r#"Command::env("A=B", "x")"#));
}

/// Every user may read command lines.
#[test]
fn variables_are_on_no_command_line() {
    let mut command = container().command("sh");
    command
        .args(["-c", "echo ready; exec sleep 1000"])
        .env("TOKEN", "hunter2")
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let line = String::from_utf8_lossy(&line);
    assert!(line.contains("sleep") && !line.contains("hunter2"), "{line}");
}

#[test]
fn what_a_command_used() {
    let ended = container().command("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).output();
    let Usage { wall, user, peak_memory, .. } = ended.unwrap().status.usage().unwrap();
    assert!(user >= Duration::from_millis(10) && wall > Duration::ZERO, "{user:?} of {wall:?}");
    assert!(peak_memory > 100 << 10, "{peak_memory}");
}

#[test]
fn a_child_is_waited_for_and_ended() {
    let mut child = container().command("sleep").arg("1000").spawn().unwrap();
    assert!(child.id_inside().is_some());
    assert_eq!(child.try_wait().unwrap(), None);
    assert_eq!(child.wait_timeout(Duration::from_millis(1)).unwrap(), None);
    child.signal(15).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(child.wait().unwrap().signal(), Some(15), "asked again it says the same");
    child.kill().unwrap();

    let mut child = container().command("sleep").arg("1000").spawn().unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
    assert!(child.wait().unwrap().usage().is_none());
}

#[test]
fn a_dropped_child_is_killed_where_that_was_asked_for() {
    let child = container().command("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let process = format!("/proc/{}", child.id());
    assert!(fs::exists(&process).unwrap());
    drop(child);
    assert!(!fs::exists(&process).unwrap());
}

#[test]
fn streams_go_where_they_are_told() {
    let mut command = container().command("sh");
    command.args(["-c", "cat; echo err >&2"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // More than a pipe holds, both ways.
    let much = vec![b'x'; 300_000];
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&vec![b'x'; 300_000]).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!((output.stdout.len(), &output.stderr[..]), (much.len(), &b"err\n"[..]));

    let (mut read, write) = std::io::pipe().unwrap();
    let status = container()
        .command("sh")
        .args(["-c", "echo one; echo two >&4"])
        .stdout(write.try_clone().unwrap())
        .pass_fd(4, write)
        .terminal(Terminal::Never)
        .status();
    assert!(status.unwrap().success());
    let mut all = String::new();
    read.read_to_string(&mut all).unwrap();
    assert_eq!(all, "one\ntwo\n");
}

#[test]
fn descriptors_of_any_number_are_passed() {
    // At the numbers the library would take for itself, in the reverse order.
    let files: Vec<File> = (0..6).map(|_| File::open("/dev/zero").unwrap()).collect();
    let highest = files.iter().map(|file| file.as_raw_fd()).max().unwrap();
    let mut command = container().file("/etc/own", "x").command("sh");
    for (file, number) in files.into_iter().zip((3..=8).rev()) {
        command.pass_fd(number, file);
    }
    let script = "for n in 3 4 5 6 7 8; do readlink /proc/self/fd/$n; done; ls /proc/self/fd | wc -l; cat /etc/own";
    let output = command.args(["-c", script]).env("A", "b").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "/dev/zero\n".repeat(6) + "10\nx", "{highest}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A descriptor another thread's process inherited would keep a pipe open that is to end.
#[test]
fn threads_start_them_side_by_side() {
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                for _ in 0..5 {
                    let mut command = container().command("cat");
                    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                    writeln!(child.stdin.as_mut().unwrap(), "{number}").unwrap();
                    let output = child.wait_with_output().unwrap();
                    assert_eq!(output.stdout, format!("{number}\n").as_bytes());
                }
            });
        }
    });
}

static NAMED: Mutex<()> = Mutex::new(());

/// Those of one test at a time, because lists show all there are.
fn named(name: &str) -> (MutexGuard<'static, ()>, String) {
    (NAMED.lock().unwrap_or_else(|p| p.into_inner()), format!("klibrary-{name}-{}", std::process::id()))
}

fn of(name: &str) -> Persistent {
    Persistent::named(name).program(KAKURI)
}

#[test]
fn a_container_that_stays() {
    let (_turn, name) = named("stays");
    let made = container().file("/etc/own", "contents").env("SECRET", "x").create(&name).unwrap();
    let again = container().create(&name).unwrap_err();
    assert!(again.what().contains(&name) && again.hint().is_some(), "{again}");
    assert!(!made.inspect().unwrap().is_running());
    let output = made.exec("sh").args(["-c", "cat /etc/own; echo \"$SECRET\"; exit 5"]).output().unwrap();
    assert_eq!((&output.stdout[..], output.status.code()), (&b"contentsx\n"[..], Some(5)));
    assert!(output.status.usage().unwrap().peak_memory > 0);
    assert_eq!(made.exec("no-such-program").spawn().unwrap_err().kind(), ErrorKind::NotFound);
    made.start().unwrap();
    assert!(of(&name).inspect().unwrap().is_running());
    assert!(made.clone().remove().unwrap_err().to_string().contains("kakuri"));
    made.stop_within(Duration::ZERO).unwrap();
    let first = made.first("sh").args(["-c", "exit 7"]).status().unwrap();
    assert_eq!(first.code(), Some(7));
    assert_eq!(made.inspect().unwrap().exit_code(), Some(7));
    made.remove().unwrap();
    let gone = of(&name).exec("true").status().unwrap_err();
    assert!(gone.what().contains(&name), "{gone}");
    of(&name).remove_anyway().unwrap();
}

#[test]
fn a_hang_up_ends_a_command_of_a_container() {
    let (_turn, name) = named("hangup");
    let made = container().create(&name).unwrap();
    made.start().unwrap();
    let mut child = made.exec("sleep").arg("1000").spawn().unwrap();
    let inside = child.id_inside().unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
    let lives = || made.exec("test").args(["-e", &format!("/proc/{inside}")]).status().unwrap().success();
    assert!(until(common::GONE, || !lives()));
    made.remove_anyway().unwrap();
}
