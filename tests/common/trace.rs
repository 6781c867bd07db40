//! strace as a way to make one system call of one run fail, or to end the process that makes it, exactly there.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::{KAKURI, Output, Scene};

/// Which system calls a start makes, and how often the process that makes it most often does.
pub fn calls(scene: &Scene, args: &[&str]) -> BTreeMap<String, usize> {
    let log = scene.home().join("trace");
    let output = scene.program("strace").args(["-f", "-qq", "-o"]).arg(&log).arg(KAKURI).args(args).output();
    assert_eq!(output.code(), 0, "{output}");
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    fs::remove_file(&log).unwrap();
    let mut each: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in text.lines() {
        // `PID name(arguments...`; a resumed call was counted when it began.
        let Some((pid, rest)) = line.split_once(char::is_whitespace) else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            *each.entry((name.to_string(), pid.to_string())).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((name, _), count) in each {
        let entry = most.entry(name).or_default();
        *entry = count.max(*entry);
    }
    most
}

/// `kakuri ARGS` with a fault: `CALL:error=EPERM:when=3` or `CALL:signal=KILL:when=3`. The count is each process's own.
pub fn inject(scene: &Scene, fault: &str, args: &[&str]) -> Result<Output, String> {
    let call = fault.split(':').next().unwrap();
    let run = || {
        scene
            .program("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &format!("inject={fault}")])
            .arg(KAKURI)
            .args(args)
            .limit(Duration::from_secs(30))
            .try_output()
    };
    let mut output = run()?;
    // strace itself gives up now and then on a process that is killed in the moment it stops it; that tells nothing.
    for _ in 0..5 {
        if output.status.code() != Some(1) || !output.err().starts_with("strace: ptrace(") {
            break;
        }
        output = run()?;
    }
    // strace remarks on a process that was killed while it was at it.
    let said = output.err();
    output.stderr =
        said.lines().filter(|l| !l.starts_with("strace: ")).map(|l| format!("{l}\n")).collect::<String>().into();
    Ok(output)
}

/// Whether strace may trace here at all; says so if not.
pub fn usable(scene: &Scene, test: &str) -> bool {
    if !super::have("strace") {
        super::skip(format_args!("{test}: strace is not installed"));
        return false;
    }
    let tried = scene.program("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    if tried.status.code() != Some(0) {
        super::skip(format_args!("{test}: strace cannot trace here: {}", tried.err().trim()));
        return false;
    }
    true
}
