//! Odd but valid surroundings: huge and unreadable arguments, closed descriptors, tight limits, full disks, folders
//! one cannot read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;

use common::{KAKURI, Scene, skip};

#[test]
fn ten_thousand_arguments_arrive() {
    let scene = Scene::new();
    let many: Vec<String> = (0..10_000).map(|i| format!("argument-{i}")).collect();
    let run = scene.kakuri(["sh", "-c", "echo $#; printf '%s\\n' \"$@\" | tail -n 1", "sh"]).args(&many);
    assert_eq!(run.output().ok().text(), "10000\nargument-9999");
}

#[test]
fn a_megabyte_of_arguments_and_environment_arrives() {
    let scene = Scene::new();
    let long = "x".repeat(100_000);
    let mut run = scene.kakuri(Vec::<String>::new());
    for i in 0..5 {
        run = run.arg("-e").arg(format!("LONG{i}={long}"));
    }
    let run = run.args(["sh", "-c", "echo ${#LONG0} ${#LONG4} ${#1}", "sh"]).arg(&long);
    assert_eq!(run.output().ok().text(), "100000 100000 100000");
}

#[test]
fn bytes_that_are_no_text_arrive_as_they_are() {
    let scene = Scene::new();
    let raw = OsString::from_vec((1..=255).filter(|b| *b != b'\n').collect());
    let shown = scene.kakuri([OsStr::new("printf"), OsStr::new("%s"), &raw]).output().ok();
    assert_eq!(shown.stdout, raw.as_bytes());

    let mut pair = OsString::from("RAW=");
    pair.push(&raw);
    let shown = scene.kakuri([OsStr::new("-e"), &pair, OsStr::new("printenv"), OsStr::new("RAW")]).output().ok();
    assert_eq!(shown.stdout.strip_suffix(b"\n").unwrap(), raw.as_bytes());
    // The caller's own variable, by name.
    let shown = scene.kakuri(["-e", "RAW", "printenv", "RAW"]).env("RAW", &raw).output().ok();
    assert_eq!(shown.stdout.strip_suffix(b"\n").unwrap(), raw.as_bytes());
}

#[test]
fn a_file_whose_name_is_no_text_is_bound_by_itself() {
    let scene = Scene::new();
    let name = OsStr::from_bytes(b"\xff\xfe name");
    fs::write(scene.work().join(name), "odd").unwrap();
    assert_eq!(scene.kakuri([OsStr::new("cat"), name]).output().ok().text(), "odd");
}

#[test]
fn empty_arguments_stay() {
    let scene = Scene::new();
    assert_eq!(scene.kakuri(["sh", "-c", "echo \"$#:$1:$2\"", "sh", "", ""]).output().ok().text(), "2::");
}

/// A closed standard descriptor would be taken by the next file anyone opens, so it is refused by name, in every
/// combination, and nothing is made.
#[test]
fn closed_standard_descriptors_are_refused_by_name() {
    let scene = Scene::alone();
    let before = scene.before();
    for set in 1_u8..8 {
        let closed: Vec<i32> = (0..3).filter(|fd| set & (1 << fd) != 0).collect();
        let mut run = scene.kakuri(["true"]);
        for &fd in &closed {
            run = run.closed(fd);
        }
        let output = run.output();
        assert_eq!(output.code(), 125, "{closed:?} closed: {output}");
        if !closed.contains(&2) {
            let name = ["standard input", "standard output"][closed[0] as usize];
            output.refused(125, &[name]).hints(&["/dev/null"]);
        }
    }
    before.nothing_left();
}

#[test]
fn a_tight_descriptor_limit_is_named_or_enough() {
    let scene = Scene::alone();
    let before = scene.before();
    for limit in [3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 32] {
        let output = scene.kakuri(["true"]).rlimit(libc::RLIMIT_NOFILE, limit).output();
        match output.code() {
            0 => assert!(output.stderr.is_empty(), "{output}"),
            // Below a handful not even the C library can start a program.
            127 if limit <= 4 => {}
            _ => {
                let output = output.refused(125, &[]);
                assert!(output.err().contains("file"), "limit {limit}: the cause is the limit of open files: {output}");
                output.hints(&["ulimit -n"]);
            }
        }
    }
    assert_eq!(scene.kakuri(["true"]).rlimit(libc::RLIMIT_NOFILE, 64).output().code(), 0);
    before.nothing_left();
}

#[test]
fn a_tight_process_limit_is_named() {
    let scene = Scene::alone();
    let before = scene.before();
    // Root's processes are not limited.
    // SAFETY: always succeeds.
    if unsafe { libc::getuid() } == 0 {
        skip("a_tight_process_limit_is_named: root has no limit");
        return;
    }
    let output = scene.kakuri(["true"]).rlimit(libc::RLIMIT_NPROC, 1).output();
    output.refused(125, &[]);
    before.nothing_left();
}

#[test]
fn a_file_size_limit_of_zero_is_named_or_does_not_matter() {
    let scene = Scene::new();
    let output = scene.kakuri(["true"]).rlimit(libc::RLIMIT_FSIZE, 0).output();
    if output.code() != 0 {
        output.refused(125, &["File too large"]).hints(&["ulimit -f unlimited"]);
    }
}

/// A temporary container keeps nothing on disk, so a full one is no hindrance.
#[test]
fn a_full_disk_is_no_hindrance() {
    let scene = Scene::new();
    let script = format!(
        "mount -t tmpfs -o size=8k none full && (cat /dev/zero >full/fill 2>/dev/null; true) && cd full &&
         export HOME=$PWD XDG_RUNTIME_DIR=$PWD TMPDIR=$PWD && (: >more) 2>/dev/null; echo x >>fill 2>/dev/null
         exec '{KAKURI}' --proc none echo fine"
    );
    scene.folder("full");
    let output = scene.program("unshare").args(["-Urm", "sh", "-c", &script]).output();
    if output.err().starts_with("unshare:") {
        skip(format_args!("a_full_disk_is_no_hindrance: {}", output.err().trim()));
        return;
    }
    assert_eq!(output.ok().text(), "fine");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let scene = Scene::new();
    for args in [&["version"][..], &["--explain", "true"], &["--emit", "mount", "true"], &["--help"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = scene.kakuri(args).stdout(full).output();
        assert_ne!(output.code(), 0, "{output}");
        assert!(!output.err().contains("panicked"), "{output}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_command_not_kakuri() {
    let scene = Scene::new();
    let run = format!("'{KAKURI}' yes 2>err | head -n 1; cat err");
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "y");
    let run = format!("'{KAKURI}' --help 2>err | true; cat err");
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "");
}

#[test]
fn a_working_folder_one_cannot_read_does_no_harm() {
    let scene = Scene::new();
    let folder = scene.folder("closed");
    let script = format!("cd closed && chmod 000 . && exec '{KAKURI}' echo fine");
    assert_eq!(scene.program("sh").args(["-c", &script]).output().ok().text(), "fine");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_working_folder_that_is_gone_does_no_harm() {
    let scene = Scene::new();
    let script = format!("mkdir gone && cd gone && rmdir ../gone && exec '{KAKURI}' echo fine");
    assert_eq!(scene.program("sh").args(["-c", &script]).output().ok().text(), "fine");
}

#[test]
fn an_empty_environment_is_enough() {
    let scene = Scene::new();
    assert_eq!(scene.kakuri(["echo", "fine"]).env_clear().output().ok().text(), "fine");
}

#[test]
fn without_a_home_or_with_a_strange_one_it_still_runs() {
    let scene = Scene::new();
    for home in ["", "relative", "/no/such/home", "/", "/dev/null", "/usr"] {
        let output = scene.kakuri(["echo", "fine"]).env("HOME", home).output();
        assert_eq!(output.ok().text(), "fine", "HOME={home}");
    }
}

#[test]
fn no_command_is_the_callers_shell() {
    let scene = Scene::new();
    let said = scene.kakuri(Vec::<&str>::new()).input("echo $0 from inside; exit 4\n").env("SHELL", "/bin/sh").output();
    assert_eq!(said.code(), 4, "{said}");
    assert!(said.text().contains("from inside"), "{said}");
}

#[test]
fn a_program_run_through_a_link_finds_its_helpers() {
    let scene = Scene::new();
    let link = scene.folder("bin").join("other-name");
    std::os::unix::fs::symlink(KAKURI, &link).unwrap();
    assert_eq!(scene.program(&link).args(["echo", "fine"]).output().ok().text(), "fine");
}

#[test]
fn every_byte_of_input_and_output_passes() {
    let scene = Scene::new();
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let output = scene.kakuri(["cat"]).input(&data).output().ok();
    assert!(output.stdout == data, "{} bytes came back of {}", output.stdout.len(), data.len());
}
